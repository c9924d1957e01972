/** What evaluations with labels ask of a data set. */
import { counted } from '../numbers/counted.ts';
import type { Source } from './source.ts';
import { labeledPart } from './subset.ts';

/**
 * The images of a source that have a class.
 *
 * @throws Error unless the source has as many classes: two to tell apart, or one to be asked about
 */
export function requireLabels(source: Source, evaluation: string, least: 1 | 2 = 2): Source {
  if (source.classes.length >= least) return labeledPart(source);
  const found = source.classes.length === 1 ? `only one class ("${source.classes[0]}")` : 'no class folders';
  throw new Error(
    `${source.name} has ${found}, and ${evaluation} needs labels: put the images of each class into a folder of their own.`,
  );
}

/** What an evaluation with labels learns from and is asked about. */
export interface LabeledSets {
  readonly train: Source;
  /** Undefined where no other images are given. */
  readonly test: Source | undefined;
  /** A class of the images that are asked about as one of the training set; -1 for none. */
  readonly toTrain: (label: number) => number;
}

/** What learns from labels. */
export interface Learner {
  /** In sentences. */
  readonly name: string;
  /** Whether some of the training images are held back to choose the learning rate by. */
  readonly chooses?: boolean;
}

export const learners = {
  knn: { name: 'k-NN' },
  linear: { name: 'a linear classifier', chooses: true },
  logistic: { name: 'logistic regression' },
  finetune: { name: 'fine-tuning' },
} as const satisfies Readonly<Record<string, Learner>>;

/**
 * The images of both sets that have a class.
 *
 * @throws Error if the training set has fewer than two classes, or no class with enough images to hold some back, the test set no
 *   class, or one that the training set does not know
 */
export function labeledSets(
  train: Source,
  test: Source | undefined,
  { name, chooses = false }: Learner,
): LabeledSets {
  const learned = requireLabels(train, name);
  const purposes = [
    'to learn from',
    ...(chooses ? ['to choose the learning rate by'] : []),
    ...(test === undefined ? ['to test on'] : []),
  ];
  const most = Math.max(...classSizes(learned));
  if (most < purposes.length)
    throw new Error(
      `${train.name} has at most ${counted(most, 'image')} of a class, and ${name} needs ${purposes.length}: one ${purposes.join(', one ')}. Give more images of a class${test === undefined ? ', or --test with others' : ''}.`,
    );
  if (test === undefined) return { train: learned, test, toTrain: (label) => label };
  const asked = requireLabels(test, name, 1);
  const known = matchClasses(learned, asked);
  return { train: learned, test: asked, toTrain: (label) => known[label] ?? -1 };
}

function classSizes(source: Source): number[] {
  const sizes = source.classes.map(() => 0);
  for (let i = 0; i < source.length; i++) sizes[source.label(i) ?? -1]! += 1;
  return sizes;
}

/**
 * The classes of a test set as numbers of the training set.
 *
 * @returns the training class of every test class
 * @throws Error if a class of the test set is unknown to the training set
 */
export function matchClasses(train: Source, test: Source): Int32Array {
  return Int32Array.from(test.classes, (name) => {
    const label = train.classes.indexOf(name);
    if (label >= 0) return label;
    throw new Error(
      `The class "${name}" of ${test.name} does not occur in ${train.name}: evaluate on the same classes.`,
    );
  });
}

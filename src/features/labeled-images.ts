/**
 * Training and test images of an evaluation with labels, as features of all that is compared. Where there is no test set, a share of
 * each class is held back for it. The principal components then know the held-back pixels, though not their labels.
 */
import { type Learner, labeledSets } from '../data/labels.ts';
import type { Source } from '../data/source.ts';
import type { FeatureRows } from '../rows/feature-rows.ts';
import { chosenRows, type LabeledFeatures, splitByClass } from '../rows/labeled-features.ts';
import { recordOf } from '../rows/record-of.ts';
import { type ComparedName, type CompareOptions, type Comparison, compareFeatures } from './baselines.ts';

export interface LabeledImagesOptions extends CompareOptions {
  readonly train: Source;
  /** Left out: a fifth of each class of `train` is held back. */
  readonly test?: Source;
  /** Names what is held back. Default 0. */
  readonly seed?: number;
}

export interface LabeledImages {
  /** Class names of the training set; labels count in them. */
  readonly classes: readonly string[];
  /** The training images that have a class. */
  readonly train: Source;
  /** Of what is wanted (`names`). */
  readonly kinds: Readonly<
    Record<ComparedName, { readonly train: LabeledFeatures; readonly test: LabeledFeatures }>
  >;
  /** Their numbers in `train`, without those that were held back. */
  readonly trainIndices: Int32Array;
  /** True where the test images were held back from the training set. */
  readonly heldBack: boolean;
  readonly skipped: Comparison['sets'][number]['skipped'];
  readonly pca: Comparison['pca'];
}

/** Of each class, where no test set is given. */
export const HELD_BACK = 0.2;

/**
 * @throws Error if a source has fewer than two classes, no class has enough images to hold some back, or a class of the test set is unknown to the training set
 */
export async function labeledImages(learner: Learner, options: LabeledImagesOptions): Promise<LabeledImages> {
  const { seed = 0 } = options;
  const { train, test, toTrain } = labeledSets(options.train, options.test, learner);
  const sources = test === undefined ? [train] : [train, test];
  const { sets, compared, pca } = await compareFeatures(sources, options);
  const indices = sets[0]?.indices ?? new Int32Array();
  const labels = sets.map((set, i) => (i === 0 ? set.labels : set.labels.map(toTrain)));
  const split = test === undefined ? splitByClass(labels[0] ?? [], HELD_BACK, seed) : undefined;
  const kinds = compared.map(({ name, sets: rows }) => {
    const all = labeled(rows[0], labels[0]);
    const parts =
      split === undefined
        ? { train: all, test: labeled(rows[1], labels[1]) }
        : { train: chosenRows(all, split.fit), test: chosenRows(all, split.held) };
    return [name, parts] as const;
  });
  return {
    classes: train.classes,
    train,
    kinds: recordOf(kinds),
    trainIndices: split === undefined ? indices : Int32Array.from(split.fit, (row) => indices[row]!),
    heldBack: split !== undefined,
    skipped: sets.flatMap(({ skipped }) => skipped),
    pca,
  };
}

function labeled(features: FeatureRows | undefined, labels: Int32Array | undefined): LabeledFeatures {
  if (features === undefined || labels === undefined)
    throw new RangeError('A set of images has no features or no labels: give as many sets as sources.');
  return { features, labels };
}

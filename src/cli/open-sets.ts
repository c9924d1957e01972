/** Opens what an evaluation learns from and what it is asked about, and says which images are in both: their scores say little. */
import { existsSync, realpathSync } from 'node:fs';
import { type Learner, labeledSets } from '../data/labels.ts';
import { countShared } from '../data/shared-images-node.ts';
import type { Source } from '../data/source.ts';
import { labeledPart } from '../data/subset.ts';
import type { EvaluationContext } from './evaluations/evaluation.ts';
import { openImages } from './open-images.ts';

export interface OpenedSets {
  readonly train: Source;
  readonly test?: Source;
  /** For the record: images of `test` that are in `train` too, where there are any. */
  readonly facts: { readonly sharedImages?: number };
  /** What the protocol says of them. */
  readonly notes: readonly string[];
}

/** What the evaluation learns from or looks among: its flag, and the words for it. */
const banks = { '--train': 'the training images', '--images': 'the images that are searched' } as const;

export interface SetUse {
  /** What the evaluation does without --test. */
  readonly alone: string;
  /** What learns from `train`, if something does. */
  readonly learner?: Learner;
  readonly bank?: keyof typeof banks;
}

/** @throws Error before anything is warned of, where the sets do not fit what learns from them */
export async function openSets(
  train: string,
  test: string | undefined,
  { subject, warn, onProgress }: Pick<EvaluationContext, 'subject' | 'warn' | 'onProgress'>,
  { alone, learner, bank = '--train' }: SetUse,
): Promise<OpenedSets> {
  const known = openImages(train, subject.imageOptions, warn);
  const areSame = test !== undefined && existsSync(test) && realpathSync(train) === realpathSync(test);
  const asked = test === undefined || areSame ? known : openImages(test, subject.imageOptions, warn);
  if (learner !== undefined) labeledSets(known, test === undefined ? undefined : asked, learner); // an error comes before a warning
  if (test === undefined) return { train: known, facts: {}, notes: [] };
  const labeled = countedPart(asked);
  const shared = areSame ? labeled.length : await countShared(labeled, countedPart(known), onProgress);
  if (shared === 0) return { train: known, test: asked, facts: {}, notes: [] };
  const note = `${shared} of ${labeled.length} test images are also in ${banks[bank]}`;
  warn(
    areSame
      ? `--test ${test} are the images of ${bank}: each finds itself, so that these scores say nothing. Leave --test out, and ${alone}.`
      : `${note}, byte by byte, which raises the scores: take them out of ${bank} or of --test.`,
  );
  return { train: known, test: asked, facts: { sharedImages: shared }, notes: [note] };
}

/** The images that count: those with a class, where some have one. */
function countedPart(source: Source): Source {
  return source.classes.length === 0 ? source : labeledPart(source);
}

/** Opens what an evaluation learns from and what it is asked about, and says which images are in both: their scores say little. */
import { existsSync, realpathSync } from 'node:fs';
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

/** @param alone what the evaluation does without --test */
export async function openSets(
  train: string,
  test: string | undefined,
  { subject, warn, onProgress }: Pick<EvaluationContext, 'subject' | 'warn' | 'onProgress'>,
  { alone, bank = '--train' }: { readonly alone: string; readonly bank?: keyof typeof banks },
): Promise<OpenedSets> {
  const known = openImages(train, subject.imageOptions, warn);
  if (test === undefined) return { train: known, facts: {}, notes: [] };
  const areSame = existsSync(test) && realpathSync(train) === realpathSync(test);
  const asked = areSame ? known : openImages(test, subject.imageOptions, warn);
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

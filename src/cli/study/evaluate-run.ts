/** The evaluations of a run at the end of a study: each is kept in the run folder, and one that is there already is not run again. */

import type { RunFolder } from '../../run/run-folder-node.ts';
import { isResultOf } from '../earlier-result.ts';
import { cluster } from '../evaluations/cluster.ts';
import type { Evaluation, SharedBaselines } from '../evaluations/evaluation.ts';
import { knn } from '../evaluations/knn.ts';
import { linear } from '../evaluations/linear.ts';
import { runEvaluation } from '../run-evaluation.ts';
import { asSentence } from '../terminal/sentence.ts';
import { shellWords } from '../terminal/shell-words.ts';

/** Neighbors that are asked, as by the online evaluations. */
const NEIGHBORS = 20;

/** On which images, with class folders. */
export interface StudyImages {
  readonly train: string;
  /** Images of `train`. */
  readonly trainImages: number;
  readonly test: string | undefined;
  readonly threads: number | undefined;
  /** The same for all runs. */
  readonly baselines: SharedBaselines;
}

/** What can be measured of a run. */
export const measureNames = ['knn', 'linear', 'cluster'] as const;
export type MeasureName = (typeof measureNames)[number];

/** k-NN, linear classifier and clusters, or some of these. What cannot be measured, as of features that are not finite, is told and left out. */
export async function evaluateRun(
  folder: RunFolder,
  { train, trainImages, test, threads, baselines }: StudyImages,
  measures: readonly MeasureName[],
): Promise<void> {
  const bank = trainImages - (test === undefined ? 1 : 0);
  const images = ['--train', train, ...(test === undefined ? [] : ['--test', test])];
  const asked: readonly (readonly [Evaluation, readonly string[]])[] = [
    [knn, [...images, '--k', String(Math.max(1, Math.min(NEIGHBORS, bank)))]],
    [linear, images],
    [cluster, ['--images', test ?? train]],
  ];
  for (const [evaluation, flags] of asked) {
    const { name } = evaluation;
    if (!measures.some((measure) => measure === name)) continue;
    const words = `dino eval ${name}`;
    const args = [folder.path, ...flags];
    if (isResultOf(folder, name, `npx ${words} ${shellWords(args)}`)) continue;
    const machine = threads === undefined ? [] : ['--threads', String(threads)];
    try {
      await runEvaluation(
        evaluation,
        words,
        [...args, ...machine, '--no_report'],
        { results: folder.path },
        baselines,
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      console.error(`${folder.path}: ${words} was left out: ${asSentence(reason)}`);
    }
  }
}

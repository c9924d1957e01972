/**
 * One evaluation as a command: what it takes, and what it says. The runner (`../run-evaluation.ts`) reads the flags, opens the
 * network, prints and keeps the result; an evaluation only computes. One file each beside this one.
 */
import { z } from 'zod';
import type { SkippedImage } from '../../data/skipped-images.ts';
import type { Engine } from '../../engine/engine.ts';
import type { KnnResult } from '../../eval/classify/knn-report.ts';
import type { LinearResult } from '../../eval/classify/linear-sweep.ts';
import type { EvaluationName } from '../../eval/names.ts';
import type { Statement } from '../../eval/statement.ts';
import type { FrozenBackbone } from '../../features/frozen-backbone.ts';
import type { Known, KnownBaselines } from '../../features/known-baselines.ts';
import type { OnProgress } from '../../features/on-progress.ts';
import { viewCounts } from '../../features/views.ts';
import type { Fields } from '../../method/definition.ts';
import type { Subject } from '../../run/subject.ts';

/** Baselines of the evaluations of a study, which are measured once. */
export interface SharedBaselines {
  readonly knn: KnownBaselines<KnnResult>;
  readonly linear: KnownBaselines<LinearResult>;
  readonly cluster: KnownBaselines<Int32Array>;
}

export interface EvaluationContext {
  readonly subject: Subject;
  /** The subject's network; disposed of by the runner. */
  readonly backbone: FrozenBackbone;
  readonly baselines: SharedBaselines | undefined;
  /** Computes with the threads that were asked for. */
  readonly engine: Engine;
  /** Threads of the engine. */
  readonly threads: number;
  /** Words of the command line after the run. */
  readonly paths: readonly string[];
  readonly onProgress: OnProgress;
  /** Prints a line on standard error. */
  readonly warn: (text: string) => void;
  /** Makes the folder of the evaluation's files, `eval/<name>` of the run or of --output. @returns its path */
  readonly openFiles: () => string;
  /** Writes a file into it. @returns its path */
  readonly write: (file: string, bytes: Uint8Array) => string;
}

export interface EvaluationResult extends Statement {
  /**
   * Side at which images were shown, where it is not that of the weights' preprocessing; 'own' where they were shown in a way of
   * the evaluation's own, with mean and deviation of the weights.
   */
  readonly shown?: number | 'own';
  /** What else the protocol has to say: that test images were trained on. */
  readonly notes?: readonly string[];
  /** What `--json` prints. */
  readonly scores: Readonly<Record<string, unknown>>;
  /** What `eval/<name>.json` holds besides the scores. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Images that could not be read or shown; the runner tells of them and lists them in `eval/<name>.json`. */
  readonly skipped?: readonly SkippedImage[];
}

export interface Evaluation {
  /** Its examples for the help are in `../examples.ts`. */
  readonly name: EvaluationName;
  /** One line for the help. */
  readonly summary: string;
  /** What follows the name: `<run> --train <source> --test <source>`. */
  readonly usage: string;
  /** Words it takes after the run, at most. Default 0. */
  readonly words?: number;
  readonly fields: Fields;
  /** Official names of fields that have another one here. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Its files go into --output itself and not into `eval/<name>` there, as those of the official script do. */
  readonly isFlat?: boolean;
  run(values: Readonly<Record<string, unknown>>, context: EvaluationContext): Promise<EvaluationResult>;
}

/** What is known of baselines already. @param options of the evaluation */
export function knownOf<T>(
  shared: KnownBaselines<T> | undefined,
  options: unknown,
  { channels, imageOptions, preprocessing, backbone, seed }: Subject,
): Known<T> | undefined {
  const images = JSON.stringify([options, channels, imageOptions, preprocessing]);
  const network = JSON.stringify([backbone, seed]);
  return shared?.by((name) => (name === 'untrained' ? `${images} ${network}` : images));
}

/** Views of each image whose features are averaged. */
export const viewsField = z
  .literal(viewCounts, 'must be 1, 2 or 10')
  .describe(
    'views of each image whose features are averaged: 2 adds the mirror image, 10 are center and corners with theirs; 1, the official protocol, unless given',
  );

/** Gives the options of an evaluation the types of its fields; each is undefined where its flag is not given. */
export function defineEvaluation<Own extends Fields>(
  evaluation: Omit<Evaluation, 'fields' | 'run'> & {
    readonly fields: Own;
    run(
      options: { readonly [Name in keyof Own]?: z.infer<Own[Name]> | undefined },
      context: EvaluationContext,
    ): Promise<EvaluationResult>;
  },
): Evaluation {
  // The runner hands `run` what these fields have parsed, which the type of a list of evaluations cannot say.
  return evaluation as Evaluation;
}

/**
 * One evaluation as a command: what it takes, and what it says. The runner (`run-evaluation.ts`) reads the flags, opens the
 * network, prints and keeps the result; an evaluation only computes. One file each beside this one.
 */
import { z } from 'zod';
import type { Engine } from '../../engine/engine.ts';
import type { FrozenBackbone } from '../../eval/frozen-backbone.ts';
import type { SkippedImage } from '../../eval/skipped-images.ts';
import type { Subject } from '../../eval/subject.ts';
import { viewCounts } from '../../eval/views.ts';
import type { EvaluationSection } from '../../report/blocks.ts';
import type { Diagnosis } from '../../train/diagnosis.ts';
import type { CommandName } from '../examples.ts';

export interface EvaluationContext {
  readonly subject: Subject;
  /** The subject's network; disposed of by the runner. */
  readonly backbone: FrozenBackbone;
  /** Computes with the threads that were asked for. */
  readonly engine: Engine;
  /** Threads of the engine. */
  readonly threads: number;
  /** Words of the command line after the run. */
  readonly paths: readonly string[];
  readonly onProgress: (what: string, done: number, total: number) => void;
  /** Prints a line on standard error. */
  readonly warn: (text: string) => void;
  /** The folder of the evaluation's files: `eval/<name>` of the run or of --output. */
  readonly files: string;
  /** Writes a file into it. @returns its path */
  readonly write: (file: string, bytes: Uint8Array) => string;
}

export interface EvaluationResult {
  /** How it was measured, in one line: sizes, k, temperature, layers. */
  readonly protocol: string;
  /**
   * Side at which images were shown, where it is not that of the weights' preprocessing; 'own' where they were shown in a way of
   * the evaluation's own, with mean and deviation of the weights.
   */
  readonly shown?: number | 'own';
  /** What is printed; the first row heads the columns. */
  readonly table: readonly (readonly string[])[];
  /** What `--json` prints. */
  readonly scores: Readonly<Record<string, unknown>>;
  /** What `eval/<name>.json` holds besides the scores. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Images that could not be read or shown; the runner tells of them and lists them in `eval/<name>.json`. */
  readonly skipped?: readonly SkippedImage[];
  /** Left out where there is nothing to show. */
  readonly section?: EvaluationSection;
  /** What the doctor says of it, for the console, the run's log and its report. */
  readonly finding?: Diagnosis | undefined;
}

export interface Evaluation {
  /** Its examples for the help are in `examples.ts`. */
  readonly name: CommandName;
  /** One line for the help. */
  readonly summary: string;
  /** What follows the name: `<run> --train <source> --test <source>`. */
  readonly usage: string;
  /** Words it takes after the run, at most. Default 0. */
  readonly words?: number;
  readonly fields: Readonly<Record<string, z.ZodType>>;
  /** Official names of fields that have another one here. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Its files go into --output itself and not into `eval/<name>` there, as those of the official script do. */
  readonly isFlat?: boolean;
  /** Its files are as many as the images, so that those of an earlier command are replaced and not kept. */
  readonly replacesFiles?: boolean;
  run(values: Readonly<Record<string, unknown>>, context: EvaluationContext): Promise<EvaluationResult>;
}

/** Views of each image whose features are averaged. */
export const viewsField = z
  .literal(viewCounts, 'must be 1, 2 or 10')
  .describe(
    'views of each image whose features are averaged: 2 adds the mirror image, 10 are center and corners with theirs; 1, the official protocol, unless given',
  );

/** Gives the options of an evaluation the types of its fields; each is undefined where its flag is not given. */
export function defineEvaluation<Fields extends Readonly<Record<string, z.ZodType>>>(
  evaluation: Omit<Evaluation, 'fields' | 'run'> & {
    readonly fields: Fields;
    run(
      options: { readonly [Name in keyof Fields]?: z.infer<Fields[Name]> | undefined },
      context: EvaluationContext,
    ): Promise<EvaluationResult>;
  },
): Evaluation {
  return evaluation as Evaluation;
}

/** "41.3 (40.2 to 42.5)"; the value alone where too few samples were measured for an interval */
export function withInterval(value: number, interval: { low: number; high: number }, digits = 1): string {
  if (Number.isNaN(interval.low)) return value.toFixed(digits);
  return `${value.toFixed(digits)} (${interval.low.toFixed(digits)} to ${interval.high.toFixed(digits)})`;
}

/** A protocol as the beginning of a text. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

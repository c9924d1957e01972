/**
 * What an evaluation says of its report: how it was measured, the table for a terminal, the section of a page, and what the doctor
 * makes of it. Each is a pure function of the report and of what the report does not hold, such as pictures.
 */
import type { EvaluationSection } from '../report/blocks.ts';
import type { Finding } from '../report/finding.ts';

export interface Statement {
  /** How it was measured, in one line: sizes, k, temperature, layers. */
  readonly protocol: string;
  /** What a terminal prints; the first row heads the columns. */
  readonly table: readonly (readonly string[])[];
  /** Left out where there is nothing to show. */
  readonly section?: EvaluationSection;
  /** For the console, the run's log and its report. */
  readonly finding?: Finding | undefined;
}

/** How features were taken, for protocols. */
export interface FeatureFacts {
  /** What they are: `class token`. */
  readonly feature: string;
  /** Side of the input, pixels. */
  readonly size: number;
}

/** A protocol as the beginning of a text. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

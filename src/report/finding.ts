/** What the doctor says of a run or of an evaluation, in words that the console, the log and the page share. */

export interface Finding {
  readonly severity: 'ok' | 'info' | 'warning' | 'error';
  /** What it is about: a later finding on a topic takes the place of an earlier one. */
  readonly topic: string;
  readonly title: string;
  readonly detail: string;
  readonly advice?: string;
}

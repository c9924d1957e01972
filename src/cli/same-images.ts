/** Says that an evaluation is asked with the images it was told of, whose scores then say nothing. */
import { existsSync, realpathSync } from 'node:fs';

/** @param alone what the evaluation does without --test */
export function warnOfSameImages(
  train: string,
  test: string | undefined,
  alone: string,
  warn: (text: string) => void,
): void {
  if (test === undefined) return;
  if (!existsSync(train) || !existsSync(test)) return; // what is not there is told of when it is opened
  if (realpathSync(train) !== realpathSync(test)) return;
  warn(
    `--test ${test} are the images of --train: each finds itself, so that these scores say nothing. Leave --test out, and ${alone}.`,
  );
}

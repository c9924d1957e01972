/**
 * Results of one evaluation with other options or images stay beside each other: `eval/knn.json` is the latest, and what another
 * command found before is kept as `eval/history/knn-1.json`, `knn-2.json` and so on, with all its files in a folder of that name,
 * so that `eval/<name>/` never holds files of two commands. The same command given again replaces what it found before, unless that
 * moved images away, so that it cannot be found again.
 */
import { join, sep } from 'node:path';
import { z } from 'zod';
import type { RunFolder } from '../run/run-folder-node.ts';

const HISTORY = 'eval/history';

const recordSchema = z.looseObject({ command: z.string(), moved: z.number().optional() });

export class EarlierResult {
  readonly #folder: RunFolder;
  readonly #name: string;
  readonly #command: string;
  #kept: string | undefined;
  #isDone = false;

  /** @param command that is about to replace what `eval/<name>.json` holds */
  constructor(folder: RunFolder, name: string, command: string) {
    this.#folder = folder;
    this.#name = name;
    this.#command = command;
  }

  /**
   * Keeps the record and the files of the earlier result, once. What its command found even before is replaced.
   *
   * @returns where it is, without the extension; undefined where there is none, or the same command found it
   */
  keep(): string | undefined {
    if (this.#isDone) return this.#kept;
    this.#isDone = true;
    const record = `eval/${this.#name}.json`;
    if (!this.#folder.has(record)) return undefined;
    const text = this.#folder.readText(record);
    const command = commandIn(text);
    if (command === askedFor(this.#command)) return undefined;
    this.#kept = `${HISTORY}/${this.#name}-${this.#number(command)}`;
    const files = `eval/${this.#name}`;
    this.#folder.writeTextAtomic(`${this.#kept}.json`, this.#movedIn(text, files, this.#kept));
    if (this.#folder.has(files)) this.#folder.move(files, this.#kept);
    return this.#kept;
  }

  /** A record whose paths lead to where its files are kept; a damaged one stays as it is. */
  #movedIn(record: string, from: string, to: string): string {
    const [before, now] = [join(this.#folder.file(from), sep), join(this.#folder.file(to), sep)];
    const moved = (_: string, value: unknown): unknown =>
      typeof value === 'string' && value.startsWith(before) ? now + value.slice(before.length) : value;
    try {
      return `${JSON.stringify(JSON.parse(record, moved), null, 2)}\n`;
    } catch {
      return record;
    }
  }

  /** Where the command's result is kept already, or the next number. */
  #number(command: string | undefined): number {
    const pattern = new RegExp(`^${this.#name}-(\\d+)\\.json$`);
    const numbers = this.#folder.list(HISTORY).flatMap((file) => {
      const [, number] = pattern.exec(file) ?? [];
      return number === undefined ? [] : [Number(number)];
    });
    const same = numbers.find(
      (number) =>
        command !== undefined &&
        commandIn(this.#folder.readText(`${HISTORY}/${this.#name}-${number}.json`)) === command,
    );
    return same ?? Math.max(0, ...numbers) + 1;
  }
}

/** Whether the latest result of an evaluation is what this command finds; what it says of threads and reports changes none. */
export function isResultOf(folder: RunFolder, name: string, command: string): boolean {
  const record = `eval/${name}.json`;
  return folder.has(record) && commandIn(folder.readText(record)) === askedFor(command);
}

/** The command that would find the same again; undefined where none would, since it moved images away. */
function commandIn(record: string): string | undefined {
  try {
    const { command, moved = 0 } = recordSchema.parse(JSON.parse(record));
    return moved > 0 ? undefined : askedFor(command);
  } catch {
    return undefined; // damaged: it is kept as it is
  }
}

/** A command without what changes no result: how it is printed, the number of threads. */
export function askedFor(command: string): string {
  return command.replace(/ --(json|no[-_]?report|threads[ =]\d+)(?= |$)/gi, '');
}

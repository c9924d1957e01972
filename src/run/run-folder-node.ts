/**
 * A run is a folder: `config.json`, `log.txt` (JSON lines with the official keys), TensorBoard events, `checkpoint.safetensors`
 * and `best.safetensors`, `skipped.txt`, `snapshots/`, `report.html`. Files that matter are written under another name,
 * flushed to the disk and renamed, so that a full disk or a power cut leaves the previous one whole.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { FolderError, folderError, makeFolder } from '../files/make-folder-node.ts';
import { isAlive } from '../files/system-node.ts';
import { encodeScalars, encodeVersion, eventFileName } from '../format/tfevents.ts';

const CONFIG = 'config.json';

/** Whether a folder is one of `dino train`: its `config.json` says so, or is damaged and stands beside what else a run has. */
export function holdsRun(path: string): boolean {
  const config = join(path, CONFIG);
  if (!existsSync(config) || !statSync(config).isFile()) return false;
  const text = readFileSync(config, 'utf8');
  if (/"format"\s*:\s*"dino-ts run/.test(text)) return true;
  const hasMore = ['log.txt', 'checkpoint.safetensors'].some((name) => existsSync(join(path, name)));
  return hasMore && !isJson(text);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** One line of `log.txt`. */
export type LogLine = Readonly<Record<string, number | string>>;

export class RunFolder {
  readonly path: string;
  #events: string | undefined;

  private constructor(path: string) {
    this.path = path;
  }

  /** @throws Error if the folder exists and holds anything, or cannot be made */
  static create(path: string): RunFolder {
    let status: Stats | undefined;
    try {
      status = statSync(path, { throwIfNoEntry: false });
    } catch (error) {
      throw folderError(path, error, 'choose another --output_dir');
    }
    if (status !== undefined && !status.isDirectory())
      throw new Error(`${path} is a file: choose another --output_dir.`);
    if (status !== undefined && readdirSync(path).length > 0) {
      throw new Error(
        holdsRun(path)
          ? `${path} holds a run already: choose another --output_dir, or go on with it by --resume ${path}.`
          : `${path} exists and is not empty: choose another --output_dir.`,
      );
    }
    makeFolder(path, 'choose another --output_dir');
    return new RunFolder(path);
  }

  /** Any folder to write results into; made when the first file is. */
  static at(path: string): RunFolder {
    return new RunFolder(path);
  }

  /** Takes the folder away again if nothing was written into it. */
  removeIfEmpty(): void {
    if (existsSync(this.path) && readdirSync(this.path).length === 0) rmdirSync(this.path);
  }

  /**
   * @param wayOut what to give where there is no run
   * @throws Error if there is no run in the folder
   */
  static open(path: string, wayOut = 'give the folder that `dino train` made'): RunFolder {
    if (!holdsRun(path)) {
      if (!existsSync(path)) throw new Error(`There is nothing at ${path}: ${wayOut}.`);
      if (!statSync(path).isDirectory()) throw new Error(`${path} is a file and no run folder: ${wayOut}.`);
      if (existsSync(join(path, 'seeds.json')))
        throw new Error(
          `${path} holds the runs of several seeds: give one of them, such as the folder seed-0 in it.`,
        );
      if (['compare.json', 'ablate.json'].some((file) => existsSync(join(path, file))))
        throw new Error(
          `${path} holds several runs that are compared: give one of them, a folder in it with a config.json.`,
        );
      const why = existsSync(join(path, CONFIG))
        ? `its ${CONFIG} is of another program`
        : `it has no ${CONFIG}`;
      throw new Error(`${path} is not a run folder (${why}): ${wayOut}.`);
    }
    return new RunFolder(path);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  has(name: string): boolean {
    return existsSync(this.file(name));
  }

  read(name: string): Uint8Array {
    return readFileSync(this.file(name));
  }

  readText(name: string): string {
    return readFileSync(this.file(name), 'utf8');
  }

  /** Writes a file so that either the old or the new content is there, whatever happens. */
  writeAtomic(name: string, parts: readonly Uint8Array[]): void {
    const final = this.file(name);
    const temporary = `${final}.${process.pid}.writing`; // two commands may write into one run
    let descriptor: number | undefined;
    try {
      makeFolder(join(final, '..'));
      descriptor = openSync(temporary, 'w');
      for (const part of parts) {
        for (let at = 0; at < part.length; ) at += writeSync(descriptor, part, at, part.length - at);
      }
      fsyncSync(descriptor);
      closeSync(descriptor);
      descriptor = undefined;
      renameSync(temporary, final);
    } catch (error) {
      if (descriptor !== undefined) closeSync(descriptor);
      rmSync(temporary, { force: true });
      if (error instanceof FolderError) throw error;
      throw this.#unwritable(name, error, ' and is as it was before');
    }
  }

  /** Gives a file or a folder another name, in place of what has it. */
  move(from: string, to: string): void {
    makeFolder(join(this.file(to), '..'));
    try {
      rmSync(this.file(to), { recursive: true, force: true });
      renameSync(this.file(from), this.file(to));
    } catch (error) {
      throw this.#unwritable(to, error, '');
    }
  }

  /** Takes away what commands that were killed left half written. */
  removeLeftovers(): void {
    for (const name of readdirSync(this.path)) {
      const [, pid] = /\.(\d+)\.writing$/.exec(name) ?? [];
      if (pid !== undefined && !isAlive(Number(pid))) rmSync(this.file(name), { force: true });
    }
  }

  writeTextAtomic(name: string, text: string): void {
    this.writeAtomic(name, [new TextEncoder().encode(text)]);
  }

  appendText(name: string, text: string): void {
    this.#append(name, text);
  }

  #append(name: string, content: string | Uint8Array): void {
    try {
      appendFileSync(this.file(name), content);
    } catch (error) {
      throw this.#unwritable(name, error, '');
    }
  }

  #unwritable(name: string, error: unknown, state: string): Error {
    return new Error(
      `${this.file(name)} could not be written (${reasonOf(error)})${state}: make room or access, then ${holdsRun(this.path) ? `go on with --resume ${this.path}, or run the evaluation again` : 'run the command again'}.`,
    );
  }

  appendLog(line: LogLine): void {
    this.appendText('log.txt', `${JSON.stringify(line)}\n`);
  }

  /** Lines of `log.txt`; a last line that was cut off while being written is left out. */
  readLog(): LogLine[] {
    if (!this.has('log.txt')) return [];
    return this.readText('log.txt')
      .split('\n')
      .flatMap((text) => parseLine(text));
  }

  /** Keeps only some lines of the log. */
  filterLog(keep: (line: LogLine) => boolean): void {
    if (!this.has('log.txt')) return;
    const kept = this.readLog().filter(keep);
    this.writeTextAtomic('log.txt', kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  /** Adds scalars to this process's TensorBoard event file. */
  appendScalars(step: number, scalars: Readonly<Record<string, number>>): void {
    const now = Date.now() / 1000;
    if (this.#events === undefined) {
      this.#events = eventFileName(now, hostname());
      this.#append(this.#events, encodeVersion(now));
    }
    this.#append(this.#events, encodeScalars(now, step, scalars));
  }

  /** Names of files in a folder of the run. */
  list(folder: string): string[] {
    return existsSync(this.file(folder)) ? readdirSync(this.file(folder)).sort() : [];
  }
}

function parseLine(text: string): LogLine[] {
  if (text.trim() === '') return [];
  try {
    const value: unknown = JSON.parse(text);
    // As `appendLog` wrote it; NaN became null, and readers ask of each value what it is.
    return typeof value === 'object' && value !== null ? [value as LogLine] : [];
  } catch {
    return [];
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

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
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { encodeScalars, encodeVersion, eventFileName } from '../format/tfevents.ts';

/** One line of `log.txt`. */
export type LogLine = Readonly<Record<string, number | string>>;

export class RunFolder {
  readonly path: string;
  #events: string | undefined;

  private constructor(path: string) {
    this.path = path;
  }

  /** @throws Error if the folder exists and holds anything */
  static create(path: string): RunFolder {
    if (existsSync(path) && readdirSync(path).length > 0) {
      throw new Error(
        `${path} exists already: choose another --output_dir, or go on with it by --resume ${path}.`,
      );
    }
    mkdirSync(path, { recursive: true });
    return new RunFolder(path);
  }

  /** @throws Error if there is no run in the folder */
  static open(path: string): RunFolder {
    if (!existsSync(join(path, 'config.json'))) {
      throw new Error(
        `${path} is not a run folder (it has no config.json): give the folder that \`dino train\` made.`,
      );
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
    const temporary = `${final}.writing`;
    let descriptor: number | undefined;
    try {
      mkdirSync(join(final, '..'), { recursive: true });
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
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `${final} could not be written (${reason}); the previous one is untouched: free some space and resume with --resume ${this.path}.`,
      );
    }
  }

  writeTextAtomic(name: string, text: string): void {
    this.writeAtomic(name, [new TextEncoder().encode(text)]);
  }

  appendText(name: string, text: string): void {
    appendFileSync(this.file(name), text);
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

  /** Forgets what was logged after a step: a resumed run does those steps again. */
  truncateLog(step: number): void {
    const kept = this.readLog().filter((line) => Number(line.step) <= step);
    this.writeTextAtomic('log.txt', kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  /** Adds scalars to this process's TensorBoard event file. */
  appendScalars(step: number, scalars: Readonly<Record<string, number>>): void {
    const now = Date.now() / 1000;
    if (this.#events === undefined) {
      this.#events = this.file(eventFileName(now, hostname()));
      appendFileSync(this.#events, encodeVersion(now));
    }
    appendFileSync(this.#events, encodeScalars(now, step, scalars));
  }

  /** Names of files in a folder of the run. */
  list(folder: string): string[] {
    return existsSync(this.file(folder)) ? readdirSync(this.file(folder)).sort() : [];
  }

  writeText(name: string, text: string): void {
    writeFileSync(this.file(name), text);
  }
}

function parseLine(text: string): LogLine[] {
  if (text.trim() === '') return [];
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? [value as LogLine] : [];
  } catch {
    return [];
  }
}

/**
 * Talks to a benchmark peer: a Python process that takes one JSON command a line and answers each with one JSON line
 * (peer/protocol.py). The interpreter is the one the user names; nothing of Python is part of this project.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const setupAnswer = z.looseObject({ ok: z.literal(true), versions: z.record(z.string(), z.string()) });
const runAnswer = z.object({ ms: z.array(z.number()), result: z.record(z.string(), z.number()).optional() });
const memoryAnswer = z.object({ peakMb: z.number() });
const errorAnswer = z.object({ error: z.string() });

/** The scripts under bench/peer that speak the protocol. */
export type PeerScript =
  | 'step'
  | 'methods'
  | 'update'
  | 'loader'
  | 'knn'
  | 'kmeans'
  | 'tsne'
  | 'features'
  | 'video'
  | 'logistic'
  | 'load';

/** Modules whose package has another name. */
const packageNames: Readonly<Record<string, string>> = { PIL: 'pillow', sklearn: 'scikit-learn' };
/** How long a peer may take to end by itself. */
const PATIENCE_MS = 5000;
const KEPT_STDERR = 20_000;

interface Waiting {
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

export class Peer {
  readonly script: PeerScript;
  /** What setup answered: versions of Python and of its packages by name. */
  versions: Readonly<Record<string, string>> = {};
  /** Further fields of setup's answer, such as the number of images. */
  facts: Readonly<Record<string, unknown>> = {};
  /** What the latest repetition computed, in a few numbers, where the script says so. */
  result: Readonly<Record<string, number>> = {};
  readonly #python: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<void>;
  #stderr = '';
  #waiting: Waiting | undefined;
  #failure: Error | undefined;

  private constructor(python: string | undefined, script: PeerScript) {
    this.script = script;
    this.#python = python ?? process.execPath;
    const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
    const args =
      python === undefined ? ['--import', 'tsx', file(`own/${script}.ts`)] : [file(`peer/${script}.py`)];
    this.#child = spawn(this.#python, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR);
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.resolve(line);
    });
    // A write to a process that has ended fails here; the reason is reported by 'close' or 'error'.
    this.#child.stdin.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.#fail(
          'code' in error && error.code === 'ENOENT'
            ? `There is no Python interpreter at ${this.#python}: name one that has torch with --python.`
            : `${this.#python} cannot be started (${error.message}): name another interpreter with --python.`,
        );
        resolve();
      });
      this.#child.on('close', (code, signal) => {
        this.#fail(this.#whyEnded(code, signal));
        resolve();
      });
    });
  }

  /**
   * Starts a peer and sets it up.
   *
   * @param python path or name of the interpreter; undefined runs our own side (bench/own) in a process of its own, so that
   *   its memory can be compared too
   * @param config the fields of the script's setup command (see the head of each script)
   * @throws (rejects) one sentence if the interpreter or one of its packages is missing, or the setup fails
   */
  static async open(
    python: string | undefined,
    script: PeerScript,
    config: Readonly<Record<string, unknown>>,
  ): Promise<Peer> {
    const peer = new Peer(python, script);
    try {
      const { ok: _, versions, ...facts } = await peer.#ask({ cmd: 'setup', ...config }, setupAnswer);
      peer.versions = versions;
      peer.facts = facts;
      return peer;
    } catch (error) {
      await peer.dispose();
      throw error;
    }
  }

  /** Milliseconds of each of `n` repetitions. */
  async runAll(n: number): Promise<number[]> {
    const { ms, result = {} } = await this.#ask({ cmd: 'run', n }, runAnswer);
    this.result = result;
    return ms;
  }

  /** Milliseconds of one repetition. */
  async run(): Promise<number> {
    return (await this.runAll(1))[0]!;
  }

  /** Peak resident memory of the process so far, in MB (10^6 bytes). */
  async peakMb(): Promise<number> {
    return (await this.#ask({ cmd: 'memory' }, memoryAnswer)).peakMb;
  }

  /** Ends the process: by closing its input, and by a signal if that is not enough. */
  async dispose(): Promise<void> {
    this.#fail(`The peer ${this.script} was disposed of before it answered: open another one.`);
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  async #ask<Answer>(command: Readonly<Record<string, unknown>>, answer: z.ZodType<Answer>): Promise<Answer> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#waiting !== undefined) {
      throw new Error(`The peer ${this.script} was asked while it works: await its answer first.`);
    }
    const line = await new Promise<string>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    });
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new Error(
        `The peer ${this.script} printed "${line.slice(0, 80)}", which is not JSON: run it by hand.`,
      );
    }
    const failed = errorAnswer.safeParse(value);
    if (failed.success) throw new Error(`The peer ${this.script} failed: ${failed.data.error}.`);
    const parsed = answer.safeParse(value);
    if (!parsed.success) {
      throw new Error(
        `The peer ${this.script} answered ${command.cmd} with ${line.slice(0, 80)}: it does not speak this protocol.`,
      );
    }
    return parsed.data;
  }

  #fail(message: string): void {
    this.#failure ??= new Error(message);
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }

  #whyEnded(code: number | null, signal: NodeJS.Signals | null): string {
    const missing = /No module named '([^'.]+)/.exec(this.#stderr)?.[1];
    if (missing !== undefined) {
      const name = packageNames[missing] ?? missing;
      return `${this.#python} has no package ${name}, which the peer ${this.script} needs: install it there or name another interpreter with --python.`;
    }
    const lastLine = this.#stderr.trim().split('\n').at(-1);
    const reason = lastLine === undefined || lastLine === '' ? '' : ` (${lastLine})`;
    return `The peer ${this.script} ended with ${signal ?? `code ${code}`}${reason}: run bench/peer/${this.script}.py by hand to see why.`;
  }
}

/** Starts ranks as their users do. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

export const hasMpirun = spawnSync('mpirun', ['--version']).status === 0;
/** Behind the name of what is skipped. */
export const missing = hasMpirun ? '' : ' (skipped: there is no mpirun here, install openmpi-bin)';

export interface Ended {
  readonly code: number | null;
  /** What all ranks and mpirun said. */
  readonly text: string;
  readonly milliseconds: number;
}

const root = ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none'];

/** The words that run a script of this folder on so many ranks. */
export function ranksOf(size: number, script: string, args: readonly string[] = []): string[] {
  const file = join(import.meta.dirname, script);
  return ['-n', String(size), process.execPath, '--import', 'tsx', file, ...args];
}

/** Containers may forbid what Open MPI likes to do between processes of one machine. */
const quiet = { OMPI_MCA_btl_vader_single_copy_mechanism: 'none' };

/** @param during does something while they run */
export async function mpirun(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
  during: () => Promise<void> = async () => {},
): Promise<Ended> {
  const started = performance.now();
  const child = spawn('mpirun', [...root, ...words], { env: { ...process.env, ...quiet, ...env } });
  const pieces: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => pieces.push(piece));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await during();
  const code = await ended;
  return { code, text: Buffer.concat(pieces).toString(), milliseconds: performance.now() - started };
}

/** The one line of JSON among what was said. */
export function jsonOf({ text }: Ended) {
  return JSON.parse(text.split('\n').find((line) => line.startsWith('{')) ?? 'null');
}

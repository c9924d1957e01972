/** Starts ranks as torchrun does: with their numbers in the environment. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { MeetingPlace } from '../../src/collective/meeting-place.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** A port that nobody has. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}

export function placeOf(
  rank: number,
  size: number,
  port: number,
  more: Partial<MeetingPlace> = {},
): MeetingPlace {
  const own = { rank, size, port, host: '127.0.0.1', token: 'secret', seconds: 20 };
  return { ...own, local: rank, here: size, ...more };
}

/** One rank that runs a script of this folder. */
export function startRank(
  { rank, size, port }: { readonly rank: number; readonly size: number; readonly port: number },
  script: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Started {
  const { PMI_RANK: _, ...others } = process.env;
  const own = { RANK: String(rank), WORLD_SIZE: String(size), LOCAL_WORLD_SIZE: String(size) };
  const env = { ...others, ...own, MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(port), ...more };
  const words = ['--import', 'tsx', join(import.meta.dirname, script), ...args];
  const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const pieces: { out: Buffer[]; err: Buffer[] } = { out: [], err: [] };
  child.stdout.on('data', (piece: Buffer) => pieces.out.push(piece));
  child.stderr.on('data', (piece: Buffer) => pieces.err.push(piece));
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => {
      const [out, err] = [pieces.out, pieces.err].map((each) => Buffer.concat(each).toString());
      resolve({ code, signal, out: out ?? '', err: err ?? '' });
    });
  });
  return { child, ended };
}

/** All ranks of a run. */
export async function startRanks(
  size: number,
  script: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Started[]> {
  const port = await freePort();
  return Array.from({ length: size }, (_, rank) => startRank({ rank, size, port }, script, args, more));
}

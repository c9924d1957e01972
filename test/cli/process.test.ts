/** The command as a process of its own: killed, interrupted, and asked for JSON. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openFile } from '../../src/files/file-source-node.ts';
import { peakMemory } from '../../src/run/peak-memory.ts';
import { RunFolder } from '../../src/run/run-folder-node.ts';
import { stateOf } from '../../src/run/study-state-node.ts';
import { checkpointRun } from '../../src/train/checkpoint.ts';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { withFlags } from './command.ts';

const entry = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const raiseSignal = new URL('./raise-signal.ts', import.meta.url).href;

const flags = [
  ...['--widths', '8', '16', '--out_dim', '32', '--head_hidden_dim', '32', '--head_bottleneck_dim', '16'],
  ...['--global_crops_size', '16', '--local_crops_size', '8', '--batch_size_per_gpu', '4', '--steps', '40'],
  ...['--threads', '1', '--num_workers', '1', '--eval_every', '0', '--save_every', '7', '--json'],
];

async function photos(): Promise<string> {
  const folder = join(temporaryFolder(), 'photos');
  const files = await Promise.all(Array.from({ length: 22 }, (_, i) => png(i, 24, 20)));
  writeFiles(folder, Object.fromEntries(files.map((file, i) => [`${i}.png`, file])));
  return folder;
}

function start(args: readonly string[], raiseAt?: string): ChildProcess {
  const first = raiseAt === undefined ? [] : ['--import', raiseSignal];
  const child = spawn(process.execPath, ['--import', 'tsx', ...first, entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(raiseAt === undefined ? {} : { RAISE_AT: raiseAt }) },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** @returns the exit code and what was said on standard error */
async function ended(child: ChildProcess): Promise<{ code: number | null; said: string }> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stdout?.resume();
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, said };
}

const dino = (...args: readonly string[]) => ended(start(args));

/** A command that gets a signal right after a step. */
const signaled = (step: number, signal: NodeJS.Signals, ...args: readonly string[]) =>
  ended(start(args, `${step} ${signal}`));

/** Steps done at the checkpoint of a run. */
function savedStep(run: string): number {
  return checkpointRun(openFile(join(run, 'checkpoint.safetensors')))?.step ?? Number.NaN;
}

/** Waits for something to be there. */
async function until(isThere: () => boolean): Promise<void> {
  while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a study', () => {
  it('trains in processes of their own, stops with them, and goes on', async () => {
    const images = await photos();
    const output = join(temporaryFolder(), 'study');
    const asked = [
      'compare',
      images,
      '--methods',
      'dino',
      ...withFlags(flags, '--steps', '400'),
      '--output',
      output,
    ];
    const run = RunFolder.at(join(output, 'dino'));
    const child = start(asked);
    const end = ended(child);
    await until(() => run.has('checkpoint.safetensors'));
    child.kill('SIGTERM');
    const stopped = await end;
    expect(stopped.code).toBe(130);
    expect(stopped.said).toContain('The same command goes on from here.');
    expect(stateOf(run)).toBe('interrupted');
    const whole = await dino(...asked);
    expect(whole.code).toBe(0);
    expect(whole.said).toMatch(/Resuming .* of 400\./);
    expect(savedStep(run.path)).toBe(400);
    // Of a process that did nothing else.
    expect(peakMemory(run)).toBeGreaterThan(50 * 2 ** 20);
  }, 120_000);
});

describe('a run in a process of its own', () => {
  it('that is killed in the middle of an epoch and resumed ends with the bytes of one that was not', async () => {
    const images = await photos();
    const [killed, whole] = [join(temporaryFolder(), 'killed'), join(temporaryFolder(), 'whole')];
    const first = await signaled(17, 'SIGKILL', 'train', images, ...flags, '--output_dir', killed);
    expect(first.code).toBeNull();
    expect(savedStep(killed)).toBe(14);
    expect((await dino('train', '--resume', killed, '--json')).code).toBe(0);
    expect((await dino('train', images, ...flags, '--output_dir', whole)).code).toBe(0);

    const [a, b] = [RunFolder.open(killed), RunFolder.open(whole)];
    const tensors = (folder: RunFolder): Buffer => {
      const bytes = Buffer.from(folder.read('checkpoint.safetensors'));
      return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0))); // the header holds the folder's name and the date
    };
    expect(tensors(a).equals(tensors(b))).toBe(true);
    const losses = (folder: RunFolder) =>
      folder.readLog().flatMap(({ step, train_loss: loss }) => (loss === undefined ? [] : [[step, loss]]));
    expect(losses(a)).toEqual(losses(b));
    expect(losses(b).length).toBe(4);
  });

  it('that is interrupted by Ctrl-C saves after the step, says how to go on, and exits with 130', async () => {
    const run = join(temporaryFolder(), 'run');
    const { code, said } = await signaled(
      9,
      'SIGINT',
      ...['train', await photos(), ...flags, '--output_dir', run],
    );
    expect(code).toBe(130);
    const step = Number(/Stopped after step (\d+)\. Go on with: npx dino train --resume/.exec(said)?.[1]);
    expect(step).toBeGreaterThanOrEqual(9);
    expect(step).toBeLessThan(40);
    const resumed = await dino('train', '--resume', run, '--json');
    expect(resumed.said).toContain(`at step ${step} of 40`);
    expect(resumed.code).toBe(0);
  });

  it.skipIf(process.platform === 'win32')('saves when its terminal goes away', async () => {
    const run = join(temporaryFolder(), 'run');
    const args = ['train', await photos(), ...flags, '--output_dir', run];
    expect((await signaled(9, 'SIGHUP', ...args)).code).toBe(130);
    expect(savedStep(run)).toBeGreaterThanOrEqual(9);
    expect(savedStep(run)).toBeLessThan(40);
  });

  it('saves when nobody reads its output any more', async () => {
    const run = join(temporaryFolder(), 'run');
    const child = start([
      'train',
      await photos(),
      ...withFlags(flags, '--steps', '4000'),
      '--output_dir',
      run,
    ]);
    child.stderr?.destroy();
    child.stdout?.once('data', () => child.stdout?.destroy());
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(130);
    expect(savedStep(run)).toBeGreaterThan(0);
    expect(savedStep(run)).toBeLessThan(4000);
  });
});

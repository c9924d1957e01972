/** Whole programs as benchmarks: our command and the peer's training script, as a user starts them. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Size } from './sizes.ts';

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const script = fileURLToPath(new URL('peer/train.py', import.meta.url));

const stepLine = z.object({ type: z.literal('step'), step: z.number() });
const finalLine = z.object({ final: z.literal(true), imagesPerSecond: z.number().nullable() });

/** Where a run is read from and what it trains. */
export interface WholeRun {
  readonly images: string;
  readonly size: Size;
  readonly steps: number;
  readonly threads: number;
}

/** Steps that a rate leaves out. */
const WARM = 10;

function ownNetworkFlags(network: Size['network']): Record<string, string | number> {
  if (network.kind === 'convnet') {
    const { widths, blocks, stemStride: stem_stride, stem = 'conv', heads } = network;
    const shape = { stem, stem_stride, widths: widths.join(','), blocks: blocks.join(',') };
    return heads === undefined ? { arch: 'convnet', ...shape } : { arch: 'hybrid', ...shape, heads };
  }
  const { dim, depth, heads, patch } = network;
  return { arch: 'vit', stem: 'patch', patch_size: patch, dim, depth, heads, drop_path_rate: 0.1 };
}

function peerNetworkFlags(network: Size['network']): Record<string, string | number> {
  if (network.kind === 'convnet') {
    const { widths, blocks, stemStride, stem = 'conv', heads = 0 } = network;
    const shape = { width: widths[0] ?? 0, depths: blocks.join(','), 'stem-stride': stemStride, stem };
    return { arch: 'resnet', ...shape, 'pool-heads': heads };
  }
  const { dim, depth, heads, patch } = network;
  return { dim, depth, heads, patch };
}

/** `dino train`: milliseconds to its first finished step, and those of a step after the first ten, saving included. */
export async function runOwn({
  images,
  size,
  steps,
  threads,
}: WholeRun): Promise<{ readonly first: number; readonly step: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'dino-whole-'));
  const flags: Record<string, string | number> = {
    output_dir: join(folder, 'run'),
    ...ownNetworkFlags(size.network),
    use_bn_in_head: String(size.headNorm),
    centering: size.centering ?? 'center',
    out_dim: size.outputs,
    head_hidden_dim: size.hidden,
    head_bottleneck_dim: size.bottleneck,
    global_crops_size: size.image,
    local_crops_size: size.local,
    local_crops_number: size.locals,
    batch_size_per_gpu: size.batch,
    steps,
    threads,
    eval_every: 0,
    save_every: 100,
  };
  const words = Object.entries(flags).map(([name, value]) => `--${name}=${String(value)}`);
  const started = performance.now();
  let [first, warm, last] = [0, 0, 0];
  try {
    await run(process.execPath, [command, 'train', images, '--json', ...words], (line) => {
      const event = stepLine.safeParse(line);
      if (!event.success) return;
      const now = performance.now() - started;
      if (event.data.step === 1) first = now;
      if (event.data.step === WARM) warm = now;
      last = now;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { first, step: (last - warm) / Math.max(1, steps - WARM) };
}

/** The peer's training script: milliseconds of the whole process, and of a step after the first ten. */
export async function runPeer(
  python: string,
  { images, size, steps, threads }: WholeRun,
): Promise<{ readonly whole: number; readonly step: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'dino-whole-'));
  const flags: Record<string, string | number> = {
    train: images,
    out: folder,
    ...peerNetworkFlags(size.network),
    'bn-in-head': String(size.headNorm),
    centering: size.centering ?? 'center',
    outputs: size.outputs,
    hidden: size.hidden,
    bottleneck: size.bottleneck,
    image: size.image,
    local: size.local,
    locals: size.locals,
    batch: size.batch,
    steps,
    threads,
    warm: WARM,
  };
  const words = Object.entries(flags).map(([name, value]) => `--${name}=${String(value)}`);
  const started = performance.now();
  let rate = 0;
  try {
    await run(python, [script, ...words], (line) => {
      const final = finalLine.safeParse(line);
      if (final.success) rate = final.data.imagesPerSecond ?? 0;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { whole: performance.now() - started, step: (size.batch * 1000) / rate };
}

/** Runs a program to its end and hands over its JSON lines. @throws with its last words if it fails */
async function run(file: string, words: readonly string[], onLine: (line: unknown) => void): Promise<void> {
  const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let lastWords = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-2000);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) onLine(JSON.parse(line));
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`${file} ended with code ${code}: ${lastWords.trim().split('\n').at(-1)}`);
}

/**
 * How near a step's matrix products come to the best rate of a matrix product: runs the step with ONNX Runtime's profiler on,
 * takes each node's shortest time, and divides the products' operations by their time.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { runOnArrays } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { gemm, input } from '../../src/graph/index.ts';
import { makeTrainer, microBatchOf, randomCrops, settings, sizeNamed } from './network.ts';

const shapes = z.array(z.record(z.string(), z.array(z.number())));
const nodeEvent = z.object({
  name: z.string(),
  dur: z.number(),
  args: z.object({ op_name: z.string(), input_type_shape: shapes, output_type_shape: shapes }),
});

/** What a step spends, milliseconds of the nodes' shortest times. */
export interface StepShares {
  readonly products: number;
  readonly others: number;
  /** Operations in the products, in units of 10^9. */
  readonly gigaflop: number;
}

/** Runs `steps` steps and reads the profile. */
export async function profileStep(model: string, threads: number, steps: number): Promise<StepShares> {
  const size = sizeNamed(model);
  const folder = mkdtempSync(join(tmpdir(), 'dino-profile-'));
  try {
    const trainer = await makeTrainer(size, threads, microBatchOf(size), join(folder, 'step'));
    const crops = randomCrops(size);
    for (let i = 0; i < steps; i++) await trainer.step(crops, settings);
    await trainer.dispose(); // writes the profile
    const [file = ''] = readdirSync(folder);
    return sharesOf(
      JSON.parse(readFileSync(join(folder, file), 'utf8')),
      trainer.batchSize / trainer.microBatch,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sharesOf(profile: unknown, runs: number): StepShares {
  const shortest = new Map<string, z.infer<typeof nodeEvent>>();
  for (const entry of z.array(z.unknown()).parse(profile)) {
    const event = nodeEvent.safeParse(entry);
    if (!event.success || !event.data.name.endsWith('_kernel_time')) continue;
    const before = shortest.get(event.data.name);
    if (before === undefined || event.data.dur < before.dur) shortest.set(event.data.name, event.data);
  }
  let [products, others, gigaflop] = [0, 0, 0];
  for (const { dur, args } of shortest.values()) {
    const flop = productFlop(args.op_name, sizesOf(args.input_type_shape), sizesOf(args.output_type_shape));
    if (flop > 0) products += dur / 1000;
    else others += dur / 1000;
    gigaflop += flop / 1e9;
  }
  return { products: products * runs, others: others * runs, gigaflop: gigaflop * runs };
}

function sizesOf(entries: z.infer<typeof shapes>): number[][] {
  return entries.map((entry) => Object.values(entry)[0] ?? []);
}

/** Multiplications and additions of a matrix product; 0 for any other node, and for sums written as products with ones. */
function productFlop(op: string, [a = [], b = []]: number[][], [y = []]: number[][]): number {
  const count = (shape: readonly number[]): number => shape.reduce((size, n) => size * n, 1);
  if (op === 'Attention') return 4 * (a[1] ?? 0) * count(b); // queries, keys: [1, tokens, images * heads * d]
  if (!['Gemm', 'MatMul', 'FusedMatMul'].includes(op) || y.at(-2) === 1) return 0;
  const inner = count(a) / (count(y) / (y.at(-1) ?? 1));
  return 2 * count(y) * inner;
}

/** The best rate of a few large products, GFLOP/s. */
export async function bestProductRate(threads: number): Promise<number> {
  let best = 0;
  for (const [m, k, n] of [
    [1024, 1024, 1024],
    [2048, 1024, 1024],
    [4096, 512, 512],
  ] as const) {
    const graph = { y: gemm(input('a', [m, k]), input('b', [n, k]), { transB: true }) };
    const program = await ortNode.load(graph, { threads });
    const [a, b] = [new Float32Array(m * k).fill(0.5), new Float32Array(n * k).fill(0.25)];
    const y = new Float32Array(m * n);
    for (let i = 0; i < 20; i++) {
      const start = performance.now();
      await runOnArrays(program, { a, b }, { y });
      best = Math.max(best, (2 * m * k * n) / 1e6 / (performance.now() - start));
    }
    await program.dispose();
  }
  return best;
}

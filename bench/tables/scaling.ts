/**
 * Training on several machines: compute and reduction measured on one and two ranks of this machine, and what follows for many
 * machines from these numbers and a model of the network between them.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { BenchContext } from '../context.ts';

export const name = 'scaling';
export const title = 'DINO on several ranks: one step of each';

const script = fileURLToPath(new URL('../own/rank.ts', import.meta.url));
const measured = z.object({
  ranks: z.number(),
  batch: z.number(),
  bytes: z.number(),
  compute: z.number(),
  reduce: z.number(),
  update: z.number(),
});
export type Measured = z.infer<typeof measured>;

/** What is measured unless --work names others. */
const WORKS = ['micro', 'mid'];
const RANKS = [8, 16, 32, 64, 128, 256, 512];
/** Networks between machines: gigabits a second, and seconds until a message arrives. */
const NETWORKS = [
  { name: '1 Gbit/s Ethernet', gigabits: 1, latency: 50e-6 },
  { name: '10 Gbit/s Ethernet', gigabits: 10, latency: 30e-6 },
  { name: '25 Gbit/s Ethernet', gigabits: 25, latency: 20e-6 },
  { name: '100 Gbit/s InfiniBand', gigabits: 100, latency: 2e-6 },
] as const;

/**
 * Milliseconds of a sum over ranks on machines of their own: halves are exchanged and added, then gathered (Rabenseifner's algorithm,
 * which MPI libraries take for large arrays): each rank sends about twice the array.
 */
export function reduceMilliseconds(
  bytes: number,
  ranks: number,
  { gigabits, latency }: { readonly gigabits: number; readonly latency: number },
): number {
  const seconds = 2 * Math.log2(ranks) * latency + (2 * (1 - 1 / ranks) * bytes * 8) / (gigabits * 1e9);
  return 1000 * seconds;
}

/** The share of a step that is not spent on the reduction: ranks times this is the speedup. */
export function efficiency(
  { compute, update, bytes }: Measured,
  ranks: number,
  network: (typeof NETWORKS)[number],
): number {
  const own = compute + update;
  return own / (own + reduceMilliseconds(bytes, ranks, network));
}

export async function run(context: BenchContext): Promise<void> {
  for (const work of context.works ?? WORKS) {
    const [one, two] = [1, 2].map((ranks) => measure(work, ranks, context));
    if (one === undefined) continue;
    const images = `${work}, ${one.batch} images a rank`;
    context.report({ work: `${images}: gradients, 1 rank`, oursMs: one.compute });
    context.report({ work: `${images}: update`, oursMs: one.update });
    if (two === undefined) context.note('mpirun is not here (openmpi-bin): only one rank was measured.');
    else {
      context.report({ work: `${images}: gradients, 2 ranks`, oursMs: two.compute });
      context.report({
        work: `${images}: sum of ${(one.bytes / 1e6).toFixed(1)} MB, 2 ranks`,
        oursMs: two.reduce,
      });
    }
    context.note(
      `A model, not a measurement: efficiency of ${work} on ranks with a machine each, by the network between them.`,
    );
    context.note(['network'.padEnd(24), ...RANKS.map((ranks) => String(ranks).padStart(6))].join(''));
    for (const network of NETWORKS)
      context.note(
        [
          network.name.padEnd(24),
          ...RANKS.map((ranks) => `${(100 * efficiency(one, ranks, network)).toFixed(0)} %`.padStart(6)),
        ].join(''),
      );
  }
}

function measure(work: string, ranks: number, { rounds, threads }: BenchContext): Measured | undefined {
  // Two ranks have the cores of one.
  const each = Math.max(1, Math.floor(threads / ranks));
  const node = [process.execPath, '--import', 'tsx', script, work, String(each), String(rounds)];
  const words =
    ranks === 1
      ? node
      : [
          'mpirun',
          '--allow-run-as-root',
          '--oversubscribe',
          '--bind-to',
          'none',
          '-n',
          String(ranks),
          ...node,
        ];
  const [file = '', ...args] = words;
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8' });
  if (error !== undefined) return undefined;
  if (status !== 0) throw new Error(`A rank failed: ${stderr}`);
  return measured.parse(JSON.parse(stdout));
}

/**
 * A training step of the methods besides DINO, and of ResNet-50 with DINO, beside the same in PyTorch. Before anything is timed, both
 * sides take three steps of each method from the same weights and pixels, and have to agree about loss, gradient and teacher.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext } from '../context.ts';
import { interleave } from '../interleave.ts';
import { type MethodWork, methodWorks } from '../methods.ts';
import { drawnSamples, methodOf } from '../own/method-networks.ts';
import type { Peer } from '../peer.ts';

export const name = 'methods';
export const title = 'One training step of other methods: forward, backward, clipping, AdamW, teacher';

/** As in the table `step`. */
const modes = ['eager', 'fused', 'bf16', 'compile'];
/** Of the steps that are timed, as in the table `step`, and of those that are compared, where the weights have to move. */
const timed = { lr: 1e-5, momentum: 0.996 };
const compared = { lr: 1e-3, momentum: 0.9 };
const COMPARED_STEPS = 3;
/** The largest relative differences that rounding explains: of the loss, of the first gradient's norm, of the norm of the teacher's weights. */
const tolerances = { loss: 1e-4, gradient: 1e-4, teacher: 1e-5 };

export async function run(context: BenchContext): Promise<void> {
  const works = Object.entries(methodWorks).filter(
    ([name, { method }]) =>
      context.works?.some((asked) => [method, ...name.split('-'), name].includes(asked)) ?? true,
  );
  const methods = new Set(works.map(([, { method }]) => method));
  for (const [name, work] of Object.entries(methodWorks))
    if (methods.has(work.method) && !name.endsWith('-s')) await compare(context, name, work);
  for (const [name, work] of works) {
    for (const mode of modes.filter((mode) => context.peers?.includes(mode) ?? true)) {
      const own = await context.openOwn('methods', { work: name, ...timed });
      const peer = await openPeer(context, work, { mode, ...timed });
      const times = await interleave(
        context.rounds,
        { ours: () => own.run(), peer: peer && (() => peer.run()) },
        2,
      );
      context.report({
        work: work.title,
        peer: peer && mode,
        oursMs: times.ours?.median,
        peerMs: times.peer?.median,
        oursMb: await own.peakMb(),
        peerMb: await peer?.peakMb(),
      });
      await Promise.all([own.dispose(), peer?.dispose()]);
      if (peer === undefined) break;
    }
  }
}

function openPeer(
  context: BenchContext,
  work: MethodWork,
  config: Readonly<Record<string, unknown>>,
): Promise<Peer | undefined> {
  return context.openPeer('methods', { work, samples: drawnSamples(methodOf(work), work.batch), ...config });
}

/** @throws Error where the two sides compute different numbers */
async function compare(context: BenchContext, name: string, work: MethodWork): Promise<void> {
  if (context.python === undefined) return;
  const folder = mkdtempSync(join(tmpdir(), 'dino-methods-'));
  try {
    const exchange = join(folder, 'start.safetensors');
    const own = await context.openOwn('methods', { work: name, exchange, ...compared });
    const peer = await openPeer(context, work, { mode: 'eager', exchange, ...compared });
    const losses: string[] = [];
    const worst = new Map<string, number>();
    for (let step = 0; step < COMPARED_STEPS; step++) {
      await own.run();
      await peer?.run();
      for (const [kind, ours] of Object.entries(own.result)) {
        if (kind === 'gradient' && step > 0) continue; // AdamW turns the rounding of small gradients into whole steps
        const theirs = peer?.result[kind] ?? Number.NaN;
        const difference = Math.abs(ours - theirs) / Math.abs(theirs);
        worst.set(kind, Math.max(worst.get(kind) ?? 0, Number.isFinite(difference) ? difference : 1));
        if (kind === 'loss') losses.push(`${ours.toFixed(5)} and ${theirs.toFixed(5)}`);
      }
    }
    await Promise.all([own.dispose(), peer?.dispose()]);
    const said = `${work.title}: losses of ours and the peer's ${losses.join(', ')}; largest differences ${[
      ...worst,
    ]
      .map(([kind, difference]) => `${kind} ${difference.toExponential(1)}`)
      .join(', ')}`;
    const isSame = Object.entries(tolerances).every(([kind, limit]) => (worst.get(kind) ?? 0) <= limit);
    if (!isSame) throw new Error(`${said}, so the two sides do not compute the same.`);
    context.note(said);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

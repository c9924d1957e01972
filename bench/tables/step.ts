/**
 * A whole training step beside PyTorch's, eager, with the fused AdamW, bf16 autocast and compiled. Each side is a process of its own; they take
 * turns, and peak memory is that of the whole process.
 */
import type { BenchContext } from '../context.ts';
import { interleave } from '../interleave.ts';
import type { Peer } from '../peer.ts';
import { type SizeName, sizeTitles } from '../sizes.ts';

export const name = 'step';
export const title = 'One training step: both networks, backward, clipping, AdamW, teacher, center';

/** Eager as the official code does it; eager with the optimizer's fastest flag; the rest as they are. */
const modes = ['eager', 'fused', 'bf16', 'compile'];

const models: readonly SizeName[] = ['s', 'ti', 'micro', 'convnet', 'hybrid', 'hybrid48'];

export async function run(context: BenchContext): Promise<void> {
  for (const model of models.filter((name) => context.works?.includes(name) ?? true)) {
    for (const mode of modes.filter((mode) => context.peers?.includes(mode) ?? true)) {
      const own = await context.openOwn('step', { model });
      const peer = await context.openPeer('step', { model, mode });
      const times = await interleave(
        context.rounds,
        { ours: () => own.run(), peer: peer && (() => peer.run()) },
        2,
      );
      context.report({
        work: sizeTitles[model],
        peer: peer && mode,
        oursMs: times.ours?.median,
        peerMs: times.peer?.median,
        oursMb: await own.peakMb(),
        peerMb: await peer?.peakMb(),
      });
      await Promise.all([own, peer].map((side: Peer | undefined) => side?.dispose()));
      if (peer === undefined) break;
    }
  }
}

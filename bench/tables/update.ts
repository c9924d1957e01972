/** Clipping, AdamW and teacher of ViT-S with 65536 prototypes, beside PyTorch's default and fused optimizers. */
import type { BenchContext } from '../context.ts';
import { interleave } from '../interleave.ts';

export const name = 'update';
export const title = 'Update of ViT-S/16, K 65536: clip, AdamW, teacher';

export async function run(context: BenchContext): Promise<void> {
  const own = await context.openOwn('update', { model: 's' });
  const fused = await context.openPeer('update', { model: 's', optimizer: 'fused' });
  const standard = await context.openPeer('update', { model: 's', optimizer: 'default' });
  const times = await interleave(context.rounds, {
    ours: () => own.run(),
    fused: fused && (() => fused.run()),
    standard: standard && (() => standard.run()),
  });
  const oursMs = times.ours?.median;
  if (fused === undefined || standard === undefined) {
    context.report({ work: '44 million parameters', oursMs });
    return;
  }
  context.report({
    work: '44 million parameters',
    peer: 'AdamW as it comes',
    oursMs,
    peerMs: times.standard?.median,
  });
  context.report({
    work: '44 million parameters',
    peer: 'AdamW(fused=True)',
    oursMs,
    peerMs: times.fused?.median,
  });
}

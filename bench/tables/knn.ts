/** Weighted 20-NN: 10,000 queries against a bank of 50,000 features of 384 numbers. */
import type { BenchContext } from '../context.ts';
import { interleave } from '../interleave.ts';

export const name = 'knn';
export const title = 'k-NN, 50,000 x 384 bank, 10,000 queries, k 20';

export async function run(context: BenchContext): Promise<void> {
  const own = await context.openOwn('knn', {});
  const peer = await context.openPeer('knn', {});
  const times = await interleave(context.rounds, { ours: () => own.run(), peer: peer && (() => peer.run()) });
  context.report({
    work: 'search and vote',
    peer: peer && 'PyTorch, chunked',
    oursMs: times.ours?.median,
    peerMs: times.peer?.median,
    oursMb: await own.peakMb(),
    peerMb: await peer?.peakMb(),
  });
}

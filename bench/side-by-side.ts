/** A table of one work that either side does in a process of its own, with what both computed, so that it can be compared. */
import type { BenchContext } from './context.ts';
import { interleave } from './interleave.ts';
import type { PeerScript } from './peer.ts';

export interface SideBySide {
  readonly script: PeerScript;
  readonly work: string;
  /** What the peer is, for its column. */
  readonly against: string;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Turns of each before those that count. Default 1. */
  readonly warmUps?: number;
}

export async function sideBySide(
  context: BenchContext,
  { script, work, against, config = {}, warmUps = 1 }: SideBySide,
): Promise<void> {
  const own = await context.openOwn(script, config);
  const peer = await context.openPeer(script, config);
  const times = await interleave(
    context.rounds,
    { ours: () => own.run(), peer: peer && (() => peer.run()) },
    warmUps,
  );
  const said = (result: Readonly<Record<string, number>>): string =>
    Object.entries(result)
      .map(([name, value]) => `${name} ${Number(value.toPrecision(7))}`)
      .join(', ');
  if (peer !== undefined && said(own.result) !== '')
    context.note(`computed: ours ${said(own.result)}; peer ${said(peer.result)}`);
  context.report({
    work,
    peer: peer && against,
    oursMs: times.ours?.median,
    peerMs: times.peer?.median,
    oursMb: await own.peakMb(),
    peerMb: await peer?.peakMb(),
  });
}

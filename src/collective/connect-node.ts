/** How a rank comes to the store of rank 0, which may not be there yet. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../files/system-node.ts';
import { counted } from '../numbers/counted.ts';
import { CollectiveError } from './collective.ts';
import type { MeetingPlace } from './meeting-place.ts';
import { type Message, Peer, PROTOCOL } from './peer-node.ts';
import { isProof, proofOf } from './store-node.ts';

/** Milliseconds between two tries. */
const PAUSE = 250;
/** Milliseconds in which rank 0 answers. */
const PATIENCE = 10_000;

/** What says that nobody is there yet. */
const absent = [
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EPIPE',
  ],
];

export interface Listener {
  onMessage(message: Message, bytes: Uint8Array): void;
  /** Told once, with the reason. */
  onLost(why: string): void;
}

/** @throws CollectiveError where rank 0 is not there in time, refuses this rank, or is no rank 0 */
export async function connectToStore(
  place: MeetingPlace,
  listener: Listener,
  silence?: number,
): Promise<Peer> {
  const until = performance.now() + place.seconds * 1000;
  for (;;) {
    try {
      return await tryToConnect(place, listener, silence);
    } catch (error) {
      if (!absent.some((code) => hasCode(error, code))) throw error;
      const { host, port, seconds } = place;
      if (performance.now() > until)
        throw new CollectiveError(
          `Rank 0 was not to be found at ${host}:${port} within ${counted(seconds, 'second')} (${error instanceof Error ? error.message : error}): see that it was started and that this machine reaches it.`,
        );
      await sleep(PAUSE);
    }
  }
}

async function tryToConnect(
  place: MeetingPlace,
  listener: Listener,
  silence: number | undefined,
): Promise<Peer> {
  const { host, port, rank, size, token } = place;
  const socket = connect({ host, port });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  const peer = new Peer(socket, silence);
  const where = `${host}:${port}`;
  const own = randomBytes(16).toString('hex');
  return await new Promise<Peer>((resolve, reject) => {
    const fail = (text: string): void => {
      clearTimeout(timer);
      peer.destroy();
      reject(new CollectiveError(text));
    };
    const foreign = `What answers at ${where} is no rank 0 of dino: give all ranks another MASTER_PORT.`;
    const timer = setTimeout(() => fail(foreign), PATIENCE);
    peer.onLost = () => fail(foreign);
    peer.onMessage = (message) => {
      if (message.op === 'hello') {
        const proof = proofOf(token, String(message.nonce), `rank ${rank}`);
        peer.send({ op: 'join', protocol: PROTOCOL, rank, size, host: hostname(), proof, nonce: own });
      } else if (message.op === 'refused') fail(`Rank 0 at ${where} refuses this rank: ${message.why}.`);
      else if (message.op === 'welcome' && isProof(String(message.proof), token, own, 'rank 0')) {
        clearTimeout(timer);
        peer.trust();
        peer.onMessage = listener.onMessage;
        peer.onLost = listener.onLost;
        resolve(peer);
      } else fail(foreign);
    };
  });
}

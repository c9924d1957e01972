/** Ranks that meet at a port of rank 0. */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { connectToStore } from '../../src/collective/connect-node.ts';
import { gathered, shared } from '../../src/collective/messages.ts';
import { Peer } from '../../src/collective/peer-node.ts';
import { proofOf } from '../../src/collective/store-node.ts';
import { meetByTcp, type TcpRanks } from '../../src/collective/tcp-node.ts';
import { freePort, placeOf } from './tcp-ranks.ts';

/** So many ranks in threads of this process. */
async function meet(size: number, told: string[] = []): Promise<TcpRanks[]> {
  const port = await freePort();
  return Promise.all(
    Array.from({ length: size }, (_, rank) =>
      meetByTcp(placeOf(rank, size, port), { tell: (text) => told.push(text) }),
    ),
  );
}

describe('ranks that meet by TCP', () => {
  it('exchange numbers, added up in the order of the ranks', async () => {
    const ranks = await meet(3);
    const found = await Promise.all(
      ranks.map(async (collective) => {
        const { rank } = collective;
        // Floats whose sum depends on the order.
        const values = Float32Array.of([1, 1e8, -1e8][rank]!, rank);
        await collective.sum(values);
        const all = new Float32Array(6);
        await collective.gather(Float32Array.of(rank, 10 * rank), all);
        const own = new Float32Array(1);
        await collective.scatterSum(Float32Array.of(1, 2, rank), own);
        const bytes = rank === 0 ? Uint8Array.of(7, 8) : new Uint8Array(2);
        await collective.broadcast(bytes);
        await collective.barrier();
        const texts = await gathered(collective, `zwölf ${rank}`);
        const said = await shared(collective, rank === 0 ? { a: 'ä' } : undefined);
        await collective.dispose();
        return { values: [...values], all: [...all], own: [...own], bytes: [...bytes], texts, said };
      }),
    );
    for (const [rank, each] of found.entries())
      expect(each).toEqual({
        values: [Math.fround(Math.fround(1 + 1e8) - 1e8), 3],
        all: [0, 0, 1, 10, 2, 20],
        own: [[3, 6, 3][rank]],
        bytes: [7, 8],
        texts: ['zwölf 0', 'zwölf 1', 'zwölf 2'],
        said: { a: 'ä' },
      });
  });

  it('moves megabytes', async () => {
    const ranks = await meet(2);
    const sums = await Promise.all(
      ranks.map(async (collective) => {
        const values = new Float32Array(3_000_000).fill(collective.rank + 0.5);
        await collective.sum(values);
        await collective.dispose();
        return values.every((value) => value === 2);
      }),
    );
    expect(sums).toEqual([true, true]);
  });

  it('leave values for each other', async () => {
    const [zero, one] = await meet(2);
    expect(await one!.get('early', 0)).toBeUndefined();
    expect(await one!.get('late', 50)).toBeUndefined();
    const waiting = one!.get('id', 5000);
    zero!.put('id', Uint8Array.of(1, 0, 2));
    expect([...(await waiting)!]).toEqual([1, 0, 2]);
    expect([...(await zero!.get('id', 0))!]).toEqual([1, 0, 2]);
    await Promise.all([zero!.dispose(), one!.dispose()]);
  });
});

/** A connection, once somebody listens. */
async function connected(port: number): Promise<Socket> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (isThere) return socket;
    await sleep(100);
  }
}

describe('what goes wrong', () => {
  const server = async (port: number): Promise<void> => {
    const taken = createServer((socket) =>
      socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
    onTestFinished(() => void taken.close());
  };

  it('a port that is taken', async () => {
    const port = await freePort();
    await server(port);
    await expect(meetByTcp(placeOf(0, 2, port))).rejects.toThrow(
      `The port of 127.0.0.1:${port}, where the ranks are to meet, is taken: give all of them another MASTER_PORT.`,
    );
    await expect(meetByTcp(placeOf(1, 2, port))).rejects.toThrow(
      `What answers at 127.0.0.1:${port} is no rank 0 of dino: give all ranks another MASTER_PORT.`,
    );
  });

  it('an address that is not of this machine', async () => {
    const port = await freePort();
    await expect(meetByTcp(placeOf(0, 2, port, { host: '192.0.2.1' }))).rejects.toThrow(
      'as 192.0.2.1 is no address of its machine: MASTER_ADDR has to be that of the machine where rank 0 runs.',
    );
  });

  it('ranks that do not come, on both sides', async () => {
    const port = await freePort();
    const some = [0, 2].map((rank) => meetByTcp(placeOf(rank, 4, port, { seconds: 1 })));
    const two = some[1]!.then(async (ranks) => {
      await expect(ranks.barrier()).rejects.toThrow('Ranks 1, 3 of 4 did not come');
      await ranks.dispose();
    });
    await expect(some[0]).rejects.toThrow(
      `Ranks 1, 3 of 4 did not come to 127.0.0.1:${port} within 1 second: only processes of this machine reach 127.0.0.1`,
    );
    await two;
    await expect(meetByTcp(placeOf(1, 4, port, { seconds: 1 }))).rejects.toThrow(
      `Rank 0 was not to be found at 127.0.0.1:${port} within 1 second (connect ECONNREFUSED`,
    );
  });

  it('strangers are refused and told of, and the run goes on', async () => {
    const [port, told] = [await freePort(), [] as string[]];
    const zero = meetByTcp(placeOf(0, 2, port), { tell: (text) => told.push(text) });
    await sleep(1500);
    const talk = (text: string) =>
      new Promise<string>((resolve) => {
        let heard = '';
        const socket = connect(port, '127.0.0.1', () => socket.write(text));
        socket.on('data', (piece) => {
          heard += piece.toString('latin1');
        });
        socket.on('close', () => resolve(heard));
      });
    await talk('GET / HTTP/1.1\r\n\r\n');
    const refused = ['A connection from 127.0.0.1 was refused: it speaks another language.'];
    await vi.waitFor(() => expect(told).toEqual(refused));
    // A message with nothing in it, and one that claims to be a rank.
    const message = (header: unknown): string => {
      const text = JSON.stringify(header);
      return `${String.fromCharCode(text.length, 0, 0, 0, 0, 0, 0, 0, 0, 0)}${text}`;
    };
    await talk(message(null));
    for (const header of [
      { op: 'put', key: 'a' },
      { op: 'meet', id: 'main.0', how: 'sum' },
    ])
      expect(await talk(message(header))).toContain('it speaks another language');
    await expect(meetByTcp(placeOf(1, 2, port, { token: 'guess' }))).rejects.toThrow(
      /Rank 0 at 127\.0\.0\.1:\d+ refuses this rank: it does not know the token of this run: all ranks need the same DINO_RUN_TOKEN/,
    );
    await expect(meetByTcp(placeOf(1, 3, port))).rejects.toThrow(
      /rank 1 \(.*\) was started as one of 3, rank 0 as one of 2\./,
    );
    const ranks = [await meetByTcp(placeOf(1, 2, port)), await zero];
    await expect(meetByTcp(placeOf(1, 2, port))).rejects.toThrow(
      'is one too many, as there is a rank 1 already',
    );
    const sums = await Promise.all(
      ranks.map(async (collective) => {
        const values = Float32Array.of(collective.rank + 1);
        await collective.sum(values);
        await collective.dispose();
        return values[0];
      }),
    );
    expect(sums).toEqual([3, 3]);
    expect(told.map((text) => text.slice(0, 70))).toEqual([
      ...refused, // once, for all of them
      'A connection from 127.0.0.1 was refused: it does not know the token of',
      expect.stringMatching(/refused: rank 1 \(/),
      expect.stringMatching(/refused: rank 1 \(/),
    ]);
  });

  it('a rank that falls silent, and one whose connection ends', async () => {
    for (const ends of [false, true]) {
      const port = await freePort();
      const [zero, peer] = await Promise.all([
        meetByTcp(placeOf(0, 2, port), { silence: 1000 }),
        // It never says that it is still there.
        connectToStore(placeOf(1, 2, port), { onMessage: () => {}, onLost: () => {} }, 1e6),
      ]);
      const waiting = expect(zero.sum(new Float32Array(1))).rejects.toThrow(
        ends
          ? /Rank 1 \(.*\) is lost: it ended\./
          : /Rank 1 \(.*\) is lost: nothing was heard for 1 second\./,
      );
      if (ends) peer.destroy();
      await waiting;
      await expect(zero.barrier()).rejects.toThrow('is lost');
      await zero.dispose();
      peer.destroy();
    }
  });

  it('ranks that do not do the same', async () => {
    const ranks = await meet(2);
    const both = [ranks[0]!.sum(new Float32Array(2)), ranks[1]!.sum(new Float32Array(3))];
    const text = /asks for sum of \d+ bytes where another rank asked for sum of/;
    await Promise.all(both.map((each) => expect(each).rejects.toThrow(text)));
    for (const each of ranks) await each.dispose();
  });

  it('a rank of another version', async () => {
    const [port, told] = [await freePort(), [] as string[]];
    const zero = meetByTcp(placeOf(0, 2, port, { seconds: 15 }), { tell: (text) => told.push(text) });
    const gone = zero.catch((error: unknown) => error);
    const socket = await connected(port);
    const heard = await new Promise<string>((resolve) => {
      const peer = new Peer(socket);
      peer.onMessage = (message) => {
        if (message.op === 'hello') {
          const proof = proofOf('secret', message.nonce, 'rank 1');
          peer.send({ op: 'join', protocol: 0, rank: 1, size: 2, host: 'b', proof, nonce: '' });
        } else resolve(JSON.stringify(message));
      };
    });
    const why =
      'rank 1 (b) speaks version 0 of the protocol and rank 0 version 1: install the same version on all machines';
    expect(heard).toContain(why);
    expect(String(await gone)).toContain('Rank 1 of 2 did not come');
    expect(told).toEqual([`A connection from 127.0.0.1 was refused: ${why}.`]);
  });
});

/** Whole runs on several ranks of one process: rank 0 keeps the run folder, the others follow. */
import { describe, expect, it } from 'vitest';
import { loadBatches } from '../../src/data/loader-node.ts';
import { scenesSource } from '../../src/data/scenes-source.ts';
import type { Source } from '../../src/data/source.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { follow as followRank0 } from '../../src/run/follow.ts';
import { Ranks, type SourceRequest } from '../../src/run/ranks.ts';
import { runSession } from '../../src/run/run-session.ts';
import { resumeSession } from '../../src/run/session.ts';
import type { SessionEvent } from '../../src/run/session-events.ts';
import { agree } from '../../src/train/between-steps.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import { Plan } from '../../src/train/plan.ts';
import { tinyMethod } from '../method/tiny-methods.ts';
import {
  follow,
  lossesOf,
  type RunOptions,
  resumeRun,
  startRun,
  timelessLog,
  tinyConvnet,
  tinyScenes,
  tinyVit,
} from '../run/tiny-run.ts';
import { localRanks } from './local-collective.ts';
import { spanningEngine } from './spanning-engine.ts';

const request: SourceRequest = { path: 'scenes', scenes: { count: 22, seed: 4, size: 20 } };

/** Two images that cannot be read. */
const withBroken = (): Source => {
  const scenes = tinyScenes();
  const { spec: _, ...source } = scenes;
  return {
    ...source,
    open: (side) => {
      const reader = scenes.open(side);
      return {
        ...{ close: () => reader.close() },
        read: async (index) => {
          if (index === 5 || index === 11) throw new Error('it is broken');
          return reader.read(index);
        },
      };
    },
  };
};

interface Parts {
  readonly source?: () => Source;
  /** What the last rank sees. */
  readonly others?: () => Source;
  /** The last rank is asked to stop after so many of its batches. */
  readonly stopAfter?: number;
  /** What the others open when rank 0 opens devices. */
  readonly devices?: Engine;
}

/** Work of rank 0, with the others behind it. */
async function among<T>(
  size: number,
  work: (parts: RunOptions) => Promise<T>,
  { source = tinyScenes, others = source, stopAfter = Number.POSITIVE_INFINITY, devices }: Parts = {},
): Promise<T> {
  const [first, ...rest] = localRanks(size);
  const abort = new AbortController();
  const lead = async (): Promise<T> => {
    const ranks = new Ranks(first!);
    try {
      const own = source();
      await ranks.open(request, own);
      return await work({ ranks, source: own });
    } finally {
      await ranks.end(7);
    }
  };
  const followers = rest.map(async (collective) => {
    const isLast = collective.rank === size - 1;
    const code = await followRank0({
      ...{ collective, engine: ortNode, open: isLast ? others : source },
      loadBatches: async function* (images, options) {
        for await (const batch of loadBatches(images, options)) {
          if (isLast && batch.step + 1 === stopAfter) abort.abort();
          yield batch;
        }
      },
      ...(isLast ? { signal: abort.signal } : {}),
      openDevices: async () => devices,
    });
    await collective.dispose();
    expect(code).toBe(7);
  });
  const [result] = await Promise.all([lead(), ...followers]);
  return result;
}

const on = (size: number, options: TrainOptions): TrainOptions => ({
  ...options,
  batchSizePerGpu: (options.batchSizePerGpu ?? 4) / size,
});

function expectSame(found: readonly SessionEvent[], wanted: readonly SessionEvent[]): void {
  const [own, others] = [lossesOf(found), lossesOf(wanted)];
  expect([...own.keys()]).toEqual([...others.keys()]);
  for (const [step, loss] of own)
    expect(Math.abs(loss - others.get(step)!), `step ${step}`).toBeLessThan(1e-5);
}

describe('a run on several ranks', () => {
  it.each([
    ['a ViT on 2', 2, tinyVit],
    ['a convnet on 4, with online evaluations', 4, { ...tinyConvnet, evalEvery: 4, lr: 0.005 }],
  ] as const)('is that of one process: %s', async (_, size, options) => {
    const whole = await startRun(options);
    const wanted = await follow(whole);
    const { events, session } = await among(size, async (parts) => {
      const session = await startRun(on(size, options), parts);
      return { session, events: await follow(session) };
    });
    expectSame(events, wanted);
    expect(events.map(({ type }) => type)).toEqual(wanted.map(({ type }) => type));
    const { config } = session.record;
    expect([config.ranks, config.batchSizePerGpu]).toEqual([size, 4 / size]);
    expect(session.plan.at(5)).toEqual(whole.plan.at(5));
    expect(timelessLog(session.folder)).toHaveLength(timelessLog(whole.folder).length);
  });

  it('is that of one process on the devices of two', async () => {
    const options = { ...tinyConvnet, lr: 0.005, evalEvery: 4 };
    const wanted = await follow(await startRun(options));
    const [devices, choice] = [localRanks(4), { device: 'xla' } as const];
    const { events, session } = await among(
      2,
      async (parts) => {
        const own = async (): Promise<Engine> => spanningEngine(devices.slice(0, 2));
        const engine = await parts.ranks!.openDevices(choice, own);
        const session = await startRun(on(4, options), { ...parts, engine });
        return { session, events: await follow(session) };
      },
      { devices: spanningEngine(devices.slice(2)) },
    );
    expectSame(events, wanted);
    expect(events.filter(({ type }) => type === 'observed').length).toBe(
      wanted.filter(({ type }) => type === 'observed').length,
    );
    const { config } = session.record;
    expect([config.ranks, config.batchSizePerGpu]).toEqual([4, 1]);
    // Another number of processes goes on with the same steps.
    expect((await resumeRun(session, { engine: ortNode })).record.config.batchSizePerGpu).toBe(4);
  });

  it('learns from a frozen network that rank 0 opened', async () => {
    const { options, frozen } = await tinyMethod('distill');
    const wanted = await follow(await startRun(options, { frozen }));
    const found = await among(2, async (parts) =>
      follow(await startRun(on(2, options), { ...parts, frozen })),
    );
    expectSame(found, wanted);
  });

  it('passes over broken images alike, and says of all of them', async () => {
    const wanted = await follow(await startRun(tinyVit, { source: withBroken() }));
    const run = async (parts: RunOptions) => follow(await startRun(on(2, tinyVit), parts));
    const found = await among(2, run, { source: withBroken });
    expectSame(found, wanted);
    const skipped = (events: readonly SessionEvent[]) =>
      new Set(events.flatMap((event) => (event.type === 'skipped' ? [event.key] : [])));
    expect(skipped(wanted).size).toBe(2);
    expect(skipped(found)).toEqual(skipped(wanted));
  });

  it('stops on all when one is asked to, and goes on with another number of them', async () => {
    const wanted = await follow(await startRun(tinyVit));
    const stopped = await among(
      4,
      async (parts) => {
        const session = await startRun(on(4, tinyVit), parts);
        return { session, events: await follow(session) };
      },
      { stopAfter: 5 },
    );
    expect(stopped.events).toContainEqual({ type: 'stopped', step: 5 });
    const first = lossesOf(stopped.events);
    const second = await among(2, async (parts) => {
      const session = await resumeRun(stopped.session, parts);
      expect([session.fromStep, session.record.config.ranks, session.record.config.batchSizePerGpu]).toEqual([
        5, 2, 2,
      ]);
      return follow(session, 9);
    });
    const last = await resumeRun(stopped.session);
    expect([last.fromStep, last.record.config.ranks, last.record.config.batchSizePerGpu]).toEqual([
      9,
      undefined,
      4,
    ]);
    const all = new Map([...first, ...lossesOf(second), ...lossesOf(await follow(last))]);
    const whole = lossesOf(wanted);
    expect([...all.keys()]).toEqual([...whole.keys()]);
    for (const [step, loss] of all) expect(Math.abs(loss - whole.get(step)!)).toBeLessThan(1e-5);
  });

  it('ends on all when the events of rank 0 are not listened to any more', async () => {
    await among(2, async (parts) => {
      for await (const event of runSession(await startRun(on(2, tinyVit), parts)))
        if (event.type === 'step' && event.step === 3) break;
    });
  });

  it('refuses other images by the name of the rank', async () => {
    const run = async (parts: RunOptions) => follow(await startRun(on(2, tinyVit), parts));
    const fewer = (): Source => scenesSource({ count: 21, seed: 4, size: 20 });
    await expect(among(2, run, { others: fewer })).rejects.toThrow(
      'Rank 1 sees 21 images, rank 0 22: give all machines the same images at scenes.',
    );
    const other = (): Source => scenesSource({ count: 22, seed: 5, size: 20 });
    await expect(among(3, run, { others: other })).rejects.toThrow(
      'Rank 2 sees as many images as rank 0, but other ones',
    );
    const none = (): Source => {
      throw new Error('There is nothing at photos.');
    };
    await expect(among(2, run, { others: none })).rejects.toThrow(
      'Rank 1 cannot open the images: There is nothing at photos.',
    );
  });

  it('refuses batches that the images or the ranks do not fill', async () => {
    const start = (size: number, options: TrainOptions) => among(size, (parts) => startRun(options, parts));
    await expect(start(4, { ...tinyVit, batchSizePerGpu: 6 })).rejects.toThrow(
      '--batch_size_per_gpu 6 for each of 4 ranks is 24 images in a step, more than the 22 of the data set: set it to 5 or less',
    );
    const session = await startRun({ ...tinyVit, steps: 4 });
    await follow(session, 2);
    const resume = (size: number, batchSizePerGpu?: number) =>
      among(size, ({ ranks }) =>
        resumeSession(
          session.folder,
          session.source,
          { engine: ortNode, loadBatches, ranks },
          { batchSizePerGpu },
        ),
      );
    await expect(resume(3)).rejects.toThrow(
      'A step of the run has 4 images, which 3 ranks cannot share evenly: go on with 2 of them and --batch_size_per_gpu 2.',
    );
    await expect(resume(2, 4)).rejects.toThrow(
      'A step of the run has 4 images, and --batch_size_per_gpu 4 on 2 ranks is 8: give --batch_size_per_gpu 2, or leave it out.',
    );
  });
});

it('a change of pace of rank 0 becomes that of all', async () => {
  const { config } = (await startRun(tinyVit)).record;
  const plans = [0, 1].map(() => new Plan(config, 20, 5));
  plans[0]?.change(4, 40);
  const skipped = [{ key: 'a.jpg', reason: 'broken' }];
  const agreed = await Promise.all(
    localRanks(2).map((collective, rank) =>
      agree(collective, { step: 4, stops: false, skipped: rank === 1 ? skipped : [] }, plans[rank]!),
    ),
  );
  expect(agreed).toEqual([
    { stops: false, skipped },
    { stops: false, skipped: [] },
  ]);
  expect(plans[1]?.steps).toBe(40);
  expect(plans[1]?.paces).toEqual(plans[0]?.paces);
});

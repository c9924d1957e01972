/** Several ranks in one process come to what one process with the whole batch comes to. */
import { describe, expect, it } from 'vitest';
import { alone } from '../../src/collective/collective.ts';
import { UNEXPLAINED } from '../../src/method/mae-health.ts';
import { methodOf } from '../../src/train/build.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { copyingEngine } from '../engine/copying-engine.ts';
import { tinyMethod } from '../method/tiny-methods.ts';
import { tinyVit } from '../run/tiny-run.ts';
import { localRanks, onRanks } from './local-collective.ts';
import { spanningEngine } from './spanning-engine.ts';
import { cases, STEPS, train } from './tiny-training.ts';

describe.each(Object.entries(cases))('%s', (_, made) => {
  it('takes the same steps on 1, 2 and 4 ranks', async () => {
    const { options, frozen } = await made();
    const one = await train(options, alone, { frozen });
    expect(one.results).toHaveLength(STEPS);
    expect(new Set(one.results.map(({ loss }) => loss)).size).toBe(STEPS);
    for (const size of [2, 4]) {
      const ranks = await onRanks(size, (collective) => train(options, collective, { frozen }));
      for (const run of ranks) {
        // All ranks say and hold the same, to the bit.
        expect(run.results.map(({ loss, measures }) => [loss, measures])).toEqual(
          ranks[0]?.results.map(({ loss, measures }) => [loss, measures]),
        );
        expect(run.state).toEqual(ranks[0]?.state);
      }
      for (const [step, { loss, measures }] of (ranks[0]?.results ?? []).entries()) {
        const wanted = one.results[step];
        expect(
          Math.abs(loss - (wanted?.loss ?? 0)) / Math.max(1, Math.abs(loss)),
          `loss of step ${step}`,
        ).toBeLessThan(1e-5);
        for (const [name, value] of Object.entries(measures))
          if (name !== UNEXPLAINED)
            expect(Math.abs(value - (wanted?.measures[name] ?? 0)), `${name} of step ${step}`).toBeLessThan(
              1e-3,
            );
      }
    }
  });
});

it('engines with a memory of their own do as well', async () => {
  const options = { ...tinyVit, useBnInHead: true };
  const one = await train(options, alone, { engine: copyingEngine });
  const [two] = await onRanks(2, (collective) => train(options, collective, { engine: copyingEngine }));
  for (const [step, { loss }] of two!.results.entries()) expect(loss).toBeCloseTo(one.results[step]!.loss, 4);
});

describe('devices of two processes that meet inside the program', () => {
  const names = ['DINO without batch norm', 'SimCLR', 'DINOv2 with KoLeo, without masks'];
  it.each(names.flatMap((name) => [1, 2].map((each) => [name, each] as const)))(
    '%s, %i for each process',
    async (name, each) => {
      const { options } = await cases[name]!();
      const one = await train(options, alone, { engine: copyingEngine });
      const devices = localRanks(2 * each);
      const runs = await onRanks(2, (collective) => {
        const own = devices.slice(collective.rank * each, (collective.rank + 1) * each);
        return train(options, collective, { engine: spanningEngine(own) });
      });
      for (const { results, state } of runs) {
        expect(results).toHaveLength(STEPS);
        expect(state).toEqual(runs[0]?.state);
        for (const [step, { loss }] of results.entries())
          expect(Math.abs(loss / one.results[step]!.loss - 1), `loss of step ${step}`).toBeLessThan(1e-5);
      }
    },
  );

  it('take no micro-batches', async () => {
    const [device] = localRanks(2);
    const run = train({ ...tinyVit, microBatch: 2 }, device!, { engine: spanningEngine([device!]) });
    await expect(run).rejects.toThrow('Micro-batches of 2 images need one device, and this is spanning.');
  });
});

it.each([tinyVit, { ...tinyVit, useBnInHead: true }])(
  'NaN on one rank stops all at the same step, and leaves their state finite',
  async (options) => {
    const runs = await onRanks(2, (collective) => train(options, collective, { brokenAt: 3 }));
    for (const { results, broken } of runs) {
      expect(results.map(({ isApplied }) => isApplied)).toEqual([true, true, true, false]);
      expect(broken).toBeUndefined();
    }
  },
);

it('DINOv2 with masks of each rank’s own images holds the same on all ranks, and learns', async () => {
  const { options } = await tinyMethod('dinov2');
  const runs = await onRanks(2, (collective) => train(options, collective, {}));
  expect(runs[0]?.results.every(({ isApplied }) => isApplied)).toBe(true);
  expect(runs[1]?.state).toEqual(runs[0]?.state);
  expect(runs[1]?.results.map(({ loss }) => loss)).toEqual(runs[0]?.results.map(({ loss }) => loss));
});

it('a method that looks at all images of a step and knows of no other ranks is refused', () => {
  const method = {
    ...methodOf(
      chooseRecipe(tinyVit, { images: 99, imageSide: 16, channels: 3, cores: 1, readMilliseconds: 1 }).config,
    ),
    coupling: { cause: 'its own reasons' },
  };
  expect(() => traceStep({ method, channels: 3, batchSize: 2, ranks: 2 })).toThrow(
    'The method dino looks at all images of a step (its own reasons) and does not know of those of other ranks: train it without mpirun.',
  );
  expect(() => traceStep({ method, channels: 3, batchSize: 2 })).not.toThrow();
});

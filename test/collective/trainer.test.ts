/** Several ranks in one process come to what one process with the whole batch comes to. */
import { describe, expect, it } from 'vitest';
import { alone, type Collective } from '../../src/collective/collective.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { UNEXPLAINED } from '../../src/method/mae-health.ts';
import { Random } from '../../src/random/random.ts';
import { trainerOptionsOf } from '../../src/train/build.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import { Plan } from '../../src/train/plan.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';
import { findNotFinite } from '../../src/train/state.ts';
import { type CropSource, type StepResult, Trainer } from '../../src/train/trainer.ts';
import { copyingEngine } from '../engine/copying-engine.ts';
import { tinyMethod } from '../method/tiny-methods.ts';
import { tinyHybrid, tinyVit } from '../run/tiny-run.ts';
import { onRanks } from './local-collective.ts';

const BATCH = 8;
const STEPS = 20;

/** Pixels of an image by its number in the whole batch, the same wherever it is shown. */
function cropsOf(trainer: Trainer, step: number, broken?: number): CropSource {
  const first = trainer.collective.rank * trainer.batchSize;
  return (group, start, end, into) => {
    const { count = 0, size = 0 } = trainer.method.views[group] ?? {};
    const each = 3 * size * size;
    for (let view = 0; view < count; view++)
      for (let image = start; image < end; image++) {
        const random = new Random(7, `pixels ${group} ${view}`, step, first + image);
        const at = (view * (end - start) + image - start) * each;
        const shift = random.between(-1, 1);
        for (let i = 0; i < each; i++) into[at + i] = shift + random.between(-1, 1);
        if (first + image === broken) into[at] = Number.NaN;
      }
  };
}

interface Run {
  readonly results: readonly StepResult[];
  readonly state: ReadonlyMap<string, number>;
  readonly broken: string | undefined;
}

async function train(
  options: TrainOptions,
  collective: Collective,
  {
    frozen,
    engine = ortNode,
    brokenAt = -1,
  }: { frozen?: ReadonlyMap<string, Float32Array> | undefined; engine?: Engine; brokenAt?: number },
): Promise<Run> {
  const { size } = collective;
  const own = { ...options, batchSizePerGpu: BATCH / size, steps: STEPS };
  const facts = {
    images: 100,
    imageSide: 16,
    channels: 3,
    cores: 1,
    readMilliseconds: 1,
    ranks: size,
  } as const;
  const { config } = chooseRecipe(own, facts);
  const trainer = await Trainer.create({ ...trainerOptionsOf(config), engine, frozen, collective });
  const plan = new Plan(config, STEPS, 5);
  const results: StepResult[] = [];
  for (let step = 0; step < STEPS; step++) {
    const broken = step === brokenAt ? BATCH - 1 : undefined;
    const result = await trainer.step(cropsOf(trainer, step, broken), plan.at(step));
    results.push(result);
    if (!result.isApplied) break;
  }
  const state = new Map<string, number>();
  for (const [name, buffer] of trainer.state.update.student) {
    const values = await buffer.read();
    state.set(name, Math.hypot(...Array.from(values, Number)));
  }
  const broken = await findNotFinite(trainer.state);
  await trainer.dispose();
  return { results, state, broken };
}

const cases: Record<
  string,
  () => Promise<{ options: TrainOptions; frozen?: ReadonlyMap<string, Float32Array> | undefined }>
> = {
  'DINO without batch norm': async () => ({ options: tinyVit }),
  'DINO in micro-batches, with drop path': async () => ({
    options: { ...tinyVit, microBatch: 1, dropPathRate: 0.3 },
  }),
  'DINO with batch norm in the head': async () => ({ options: { ...tinyVit, useBnInHead: true } }),
  'DINO with Sinkhorn-Knopp': async () => ({ options: { ...tinyVit, centering: 'sinkhorn' } }),
  'DINO, hybrid': async () => ({ options: tinyHybrid }),
  SimCLR: () => tiny('simclr'),
  BYOL: () => tiny('byol'),
  MAE: () => tiny('mae'),
  distillation: () => tiny('distill'),
  'DINOv2 with KoLeo, without masks': async () => ({
    options: {
      ...(await tiny('dinov2')).options,
      // Which neighbor is nearest may change with the last bit of a weight: small steps.
      ...{ ibotLossWeight: 0, dropPathRate: 0, koleoLossWeight: 0.1, lr: 0.002 },
    },
  }),
};

async function tiny(method: string) {
  const { options, frozen } = await tinyMethod(method);
  return { options: { ...options, ...frozen?.options }, frozen: frozen?.weights };
}

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

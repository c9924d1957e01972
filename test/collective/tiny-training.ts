/** Trainings of twenty steps that any number of ranks can do: each sees its part of the same batches. */
import type { Collective } from '../../src/collective/collective.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { Random } from '../../src/random/random.ts';
import { trainerOptionsOf } from '../../src/train/build.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import { Plan } from '../../src/train/plan.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';
import { findNotFinite } from '../../src/train/state.ts';
import { type CropSource, type StepResult, Trainer } from '../../src/train/trainer.ts';
import { tinyHybrid, tinyVit } from '../run/tiny-options.ts';

const BATCH = 8;
export const STEPS = 20;

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

export interface Run {
  readonly results: readonly StepResult[];
  readonly state: ReadonlyMap<string, number>;
  readonly broken: string | undefined;
}

export async function train(
  options: TrainOptions,
  collective: Collective,
  {
    frozen,
    engine = ortNode,
    brokenAt = -1,
  }: { frozen?: ReadonlyMap<string, Float32Array> | undefined; engine?: Engine; brokenAt?: number },
): Promise<Run> {
  const { replicas = 1 } = engine;
  const size = collective.size * replicas;
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
  // Crops come as floats here.
  const told = { ...trainerOptionsOf(config, replicas), byteCrops: undefined };
  const trainer = await Trainer.create({ ...told, engine, frozen, collective });
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

const { globalCropsSize, warmupSteps, lr, threads, numWorkers, evalEvery, saveEvery, seed } = tinyHybrid;
const simclr: TrainOptions = {
  ...{ globalCropsSize, warmupSteps, lr, threads, numWorkers, evalEvery, saveEvery, seed },
  ...{
    method: 'simclr',
    arch: 'convnet',
    widths: [8, 16],
    blocks: [1],
    projectionHiddenDim: 16,
    projectionDim: 8,
  },
};

export const cases: Record<
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
  SimCLR: async () => ({ options: simclr }),
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

/** Only tests can make these. */
async function tiny(method: string) {
  const { tinyMethod } = await import('../method/tiny-methods.ts');
  const { options, frozen } = await tinyMethod(method);
  return { options: { ...options, ...frozen?.options }, frozen: frozen?.weights };
}

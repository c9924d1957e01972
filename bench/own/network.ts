/** A trainer of one of the sizes the tables measure, with fixed random crops. */
import { alone, type Collective } from '../../src/collective/collective.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { dino } from '../../src/method/dino.ts';
import type { ViewGroup } from '../../src/method/method.ts';
import type { BackboneConfig } from '../../src/model/backbone.ts';
import { Random } from '../../src/random/random.ts';
import { type CropSource, type StepSettings, Trainer, type TrainerOptions } from '../../src/train/trainer.ts';
import { type Size, type SizeName, sizes } from '../sizes.ts';

export const settings: StepSettings = {
  step: 0,
  lr: 1e-5,
  weightDecay: 0.04,
  clip: 3,
  teacherMomentum: 0.996,
  freezeLastLayer: false,
  scalars: { teacherTemp: 0.04 },
};

export function sizeNamed(name: unknown): Size {
  const known = Object.keys(sizes).find((key): key is SizeName => key === name);
  if (known === undefined)
    throw new Error(`there is no model "${String(name)}": use ${Object.keys(sizes).join(', ')}`);
  return sizes[known];
}

/** Images at a time: what `dino train` finds by measuring on the machine the goals were set on (src/train/micro-batch.ts). */
export function microBatchOf(size: Size): number {
  if (size.headNorm) return size.batch; // the statistics are those of the whole batch
  return size.image >= 224 ? 2 : 16;
}

function backboneOf({ network, image }: Size): BackboneConfig {
  if (network.kind === 'convnet') return { ...network, channels: 3 };
  const { patch, ...shape } = network;
  return { ...shape, patchSize: patch, imageSize: image, channels: 3, mlpRatio: 4 };
}

export function makeTrainer(
  size: Size,
  threads: number,
  microBatch: number,
  profilePrefix?: string,
  collective: Collective = alone,
  engine: Engine = ortNode,
): Promise<Trainer> {
  return trainerOn(engine, size, {
    ...{ microBatch, collective },
    engineOptions: { threads, ...(profilePrefix === undefined ? {} : { profilePrefix }) },
  });
}

/** A trainer on any engine. */
export function trainerOn(
  engine: Engine,
  size: Size,
  options: Partial<TrainerOptions> = {},
): Promise<Trainer> {
  const method = dino({
    backbone: backboneOf(size),
    head: {
      outDim: size.outputs,
      hiddenDim: size.hidden,
      bottleneckDim: size.bottleneck,
      layers: 3,
      useBn: size.headNorm,
      normLastLayer: true,
    },
    viewSizes: [size.image, size.image, ...new Array<number>(size.locals).fill(size.local)],
    studentTemp: 0.1,
    centering: size.centering ?? 'center',
    centerMomentum: 0.9,
    dropPathRate: 0,
  });
  return Trainer.create({
    ...{ method, engine, channels: 3, batchSize: size.batch, optimizer: 'adamw', seed: 0 },
    ...options,
  });
}

/** The crops of a size: two large ones, and small ones. */
export function randomCrops({ image, local, locals, batch }: Size): CropSource {
  return noiseCrops(
    [
      { size: image, count: 2 },
      { size: local, count: locals },
    ],
    batch,
  );
}

/** Normal noise for every view of every image, made once and copied for each run. */
export function noiseCrops(views: readonly ViewGroup[], batch: number): CropSource {
  const groups = views.map(({ size, count }, group) => {
    const random = new Random(1, 'bench crops', group);
    return Float32Array.from({ length: count * size ** 2 * 3 * batch }, () => random.normal());
  });
  return (group, start, _, into) => {
    const all = groups[group] ?? new Float32Array();
    const from = (start / batch) * all.length;
    into.set(all.subarray(from, from + into.length));
  };
}

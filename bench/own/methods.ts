/**
 * One training step of a method on fixed noise; micro-batches are those that `dino train` would find by measuring. With `exchange`
 * everything that the step begins with is written to that file, so that the peer can begin with the same.
 */
import { writeFileSync } from 'node:fs';
import { ortNode } from '../../src/engine/ort-node.ts';
import { untrainedWeights } from '../../src/features/network-weights.ts';
import { type StoredTensor, serializeSafetensors } from '../../src/format/safetensors.ts';
import { sizeOf } from '../../src/graph/index.ts';
import type { Method } from '../../src/method/method.ts';
import { adamw } from '../../src/optim/rules.ts';
import { Random } from '../../src/random/random.ts';
import { fastestTrainer, microBatchSizes } from '../../src/train/micro-batch.ts';
import { namedValues, readFloats } from '../../src/train/state.ts';
import type { CropSource, Trainer, TrainerOptions } from '../../src/train/trainer.ts';
import { type MethodWork, methodWorkNamed } from '../methods.ts';
import { methodOf, SEED, vitOf } from './method-networks.ts';
import { noiseCrops, settings } from './network.ts';
import { serve } from './protocol.ts';

await serve(async ({ work: name, threads, exchange, lr, momentum }) => {
  const work = methodWorkNamed(String(name));
  const method = methodOf(work);
  const crops = noiseCrops(method.views, work.batch);
  const frozen = exchange === undefined ? frozenOf(work) : stirred('frozen', frozenOf(work));
  const options = { ...trainerOptions(work, method, Number(threads ?? 2)), frozen };
  const trainer = await fastestTrainer(options, candidates(work, method));
  if (exchange !== undefined) await handOver(String(exchange), trainer, crops, frozen);
  const values = { ...settings, lr: Number(lr), teacherMomentum: Number(momentum) };
  return async () => {
    const { loss, gradientNorms } = await trainer.step(crops, values);
    const gradient = Math.hypot(...gradientNorms.values());
    const { average } = trainer.state.update;
    if (exchange === undefined || average.size === 0) return { loss, gradient };
    const weights = await readFloats(average);
    return { loss, gradient, teacher: Math.hypot(...[...weights.values()].map(lengthOf)) };
  };
});

function trainerOptions(work: MethodWork, method: Method, threads: number): TrainerOptions {
  return {
    method,
    engine: ortNode,
    channels: 3,
    batchSize: work.batch,
    optimizer: work.method === 'mae' ? adamw({ beta1: 0.9, beta2: 0.95 }) : 'adamw',
    seed: SEED,
    engineOptions: { threads },
  };
}

function candidates({ network, batch }: MethodWork, method: Method): number[] {
  if (method.coupling !== undefined || network.kind !== 'vit') return [batch];
  const tokens = method.views.reduce(
    (sum, { size, count }) => sum + count * (1 + (size / network.patch) ** 2),
    0,
  );
  return microBatchSizes(batch, tokens, network.dim);
}

function lengthOf(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
}

type Weights = Map<string, Float32Array>;

/** The network that distillation learns from; nothing needs to be learned of it to measure. */
function frozenOf(work: MethodWork): Weights {
  if (work.method !== 'distill') return new Map();
  const weights = untrainedWeights(vitOf(work.teacher, work.image), work.image, SEED + 1);
  return new Map([...weights].map(([name, values]) => [`backbone.${name}`, values]));
}

/** Weights with noise of their own: fresh ones have zeros and equal networks, which would hide errors. */
function stirred(network: string, weights: Weights): Weights {
  return new Map(
    [...weights].map(([name, values]) => {
      const random = new Random(SEED, `stirred ${network} ${name}`);
      return [name, values.map((value) => value + 0.02 * random.normal())];
    }),
  );
}

/** Stirs the trainer's networks and writes them, the frozen one and the crops to a file. */
async function handOver(file: string, trainer: Trainer, crops: CropSource, frozen: Weights): Promise<void> {
  const tensors = new Map<string, StoredTensor>();
  const store = (name: string, shape: readonly number[], data: Float32Array): void => {
    tensors.set(name, { dtype: 'F32', shape, data });
  };
  const { state, batchSize, method } = trainer;
  const isParameter = new Set(state.parameters.map(({ name }) => name));
  for (const { name, buffer } of namedValues(state)) {
    const [, network = '', key = ''] = /^(student|teacher)\.(.*)$/.exec(name) ?? [];
    if (!isParameter.has(key)) continue;
    const values = stirred(network, new Map([[key, Float32Array.from(await buffer.read(), Number)]])).get(
      key,
    );
    if (values === undefined) continue;
    buffer.write(values);
    store(`${network}/${key}`, buffer.shape, values);
  }
  for (const [name, values] of frozen) store(`frozen/${name}`, [values.length], values);
  for (const [group, { size, count }] of method.views.entries()) {
    const shape = [count * batchSize, 3, size, size];
    const pixels = new Float32Array(sizeOf(shape));
    crops(group, 0, batchSize, pixels);
    store(`crops/${group}`, shape, pixels);
  }
  writeFileSync(file, Buffer.concat(serializeSafetensors(tensors, { config: '{}' })));
}

/** Fixtures mae_*: positions, the learning rate, the network with all that it computes on the way, and whole steps of the trainer. */
import { z } from 'zod';
import { ortNode } from '../src/engine/ort-node.ts';
import type { Values } from '../src/engine/values.ts';
import { input, ParameterSet, reshape, slice, type Tensor, transpose } from '../src/graph/index.ts';
import {
  type MaeConfig,
  mae,
  maeLoss,
  maskingOrder,
  patchTargets,
  visiblePatches,
} from '../src/method/mae.ts';
import type { Method } from '../src/method/method.ts';
import { decodedPatches, shuffled, shuffledRows, visibleTokens } from '../src/model/masked-autoencoder.ts';
import { sinCosPositions } from '../src/model/sin-cos-positions.ts';
import { patchesAlong, type VitConfig } from '../src/model/vit.ts';
import { adamw, isDecayed } from '../src/optim/rules.ts';
import { cosineSchedule } from '../src/optim/schedules.ts';
import { networkValues } from '../src/train/state.ts';
import { type CropSource, Trainer } from '../src/train/trainer.ts';
import { fill } from './byol.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { run, withGradients } from './network.ts';
import { vitConfig, vitExtras, vitSchema } from './settings.ts';
import { floatsOf } from './training.ts';
import { Twins, twinSchema, under } from './twins.ts';

export function maePositions(fixture: Fixture, comparison: Comparison): void {
  const { cases } = fixture.config(
    z.object({ cases: z.array(z.tuple([z.number(), z.number(), z.boolean()])) }),
  );
  for (const [dim, side, cls] of cases) {
    const name = `pos/${dim}x${side}/${cls ? 'cls' : 'patches'}`;
    const rows = sinCosPositions(dim, side);
    comparison.tensor('positions', name, cls ? rows : rows.subarray(dim), fixture.numbers(name), 0);
  }
}

const scheduleSchema = z.object({
  lr: z.number(),
  min_lr: z.number(),
  warmup_epochs: z.number(),
  epochs: z.number(),
  per_epoch: z.number(),
});

function learningRates(c: z.infer<typeof scheduleSchema>): Float64Array {
  return cosineSchedule({
    base: c.lr,
    final: c.min_lr,
    steps: c.epochs * c.per_epoch,
    warmupSteps: c.warmup_epochs * c.per_epoch,
    baseOnce: true,
  });
}

export function maeSchedule(fixture: Fixture, comparison: Comparison): void {
  const { cases } = fixture.config(z.object({ cases: z.array(scheduleSchema) }));
  for (const [i, c] of cases.entries())
    comparison.exact('learning rate', `${i}`, learningRates(c), fixture.numbers(`lr/${i}`));
}

const networkSchema = twinSchema.extend(vitExtras.shape).extend({
  mae: vitSchema.extend({
    decoder_embed_dim: z.number(),
    decoder_depth: z.number(),
    decoder_num_heads: z.number(),
  }),
  batch: z.number(),
});

function networkOf(config: z.infer<typeof networkSchema>) {
  const { decoder_embed_dim: dim, decoder_depth: depth, decoder_num_heads: heads } = config.mae;
  return { vit: vitConfig(config.mae, config), decoder: { dim, depth, heads } };
}

/** Our name of an official parameter. */
function ours(official: string): string {
  if (official.startsWith('decoder_')) return official.replace('decoder_', 'decoder.');
  return official === 'mask_token' ? 'decoder.mask_token' : `backbone.${official}`;
}

function official(own: string): string {
  if (own === 'decoder.mask_token') return 'mask_token';
  return own.replace(/^decoder\./, 'decoder_').replace(/^backbone\./, '');
}

const renamed = <T>(values: ReadonlyMap<string, T>, name: (from: string) => string): Map<string, T> =>
  new Map([...values].map(([key, value]) => [name(key), value]));

/** The order of every image's patches. */
function orders(noise: Float32Array, images: number): number[][] {
  const patches = noise.length / images;
  return Array.from({ length: images }, (_, i) =>
    maskingOrder(noise.subarray(i * patches, (i + 1) * patches)),
  );
}

/** From the order of patches back: where each patch stands in it. */
const restored = (order: readonly number[]): number[] => maskingOrder(order);

export async function maeModel(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(networkSchema.extend({ mask_ratios: z.array(z.number()) }));
  const twins = new Twins(fixture, comparison, config);
  const { batch } = config;
  const { vit, decoder } = networkOf(config);
  const side = patchesAlong(vit, vit.imageSize);
  const noise = fixture.floats('noise');
  const order = orders(noise, batch);
  const rows = [side * side, batch];
  for (const [at, ratio] of config.mask_ratios.entries()) {
    const visible = visiblePatches(side * side, ratio);
    const back = order.map(restored);
    comparison.identical('ids_shuffle', `${ratio}`, order.flat(), fixture.numbers(`ids_shuffle/${ratio}`));
    comparison.identical('ids_restore', `${ratio}`, back.flat(), fixture.numbers(`ids_restore/${ratio}`));
    const seen = order.flatMap((each) => each.slice(0, visible));
    comparison.identical('ids_keep', `${ratio}`, seen, fixture.numbers(`ids_keep/${ratio}`));
    twins.compare(
      `mask/${ratio}`,
      back.flat().map((place) => (place < visible ? 0 : 1)),
    );

    for (const kind of ['pixels', 'norm_pix'] as const) {
      const set = new ParameterSet();
      const images = input('in', [batch, vit.channels, vit.imageSize, vit.imageSize]);
      const [shuffle, restore] = [input('shuffle', rows, 'i64'), input('restore', rows, 'i64')];
      const latent = visibleTokens(set.scope.at('backbone'), images, vit, shuffle, visible);
      const predicted = decodedPatches(set.scope.at('decoder'), latent, shuffle, vit, decoder);
      const target = patchTargets(images, vit.patchSize, kind === 'norm_pix');
      const hidden = slice(shuffle, 0, visible, side * side);
      const loss = maeLoss(slice(predicted, 0, visible, side * side), shuffled(target, hidden));
      const imageFirst = (x: Tensor): Tensor => transpose(x, [1, 0, 2]);
      const pred = imageFirst(shuffled(predicted, restore));
      const results = {
        ...{ loss, pred, latent: imageFirst(latent), target: imageFirst(target) },
        unpatchify: unpatchify(pred, vit),
      };
      const declared = [...set.parameters.values()].map(({ name, shape }) => `${official(name)} [${shape}]`);
      const stored = fixture.keys('state/').map((name) => `${name} [${fixture.shape(`state/${name}`)}]`);
      comparison.sameSet('parameter names and shapes', `${ratio}`, declared, stored);
      const values = new Map<string, Values>(renamed(fixture.group('state/'), ours))
        .set('in', fixture.floats('in'))
        .set('shuffle', shuffledRows(order))
        .set('restore', shuffledRows(back));
      const got = await run(withGradients(loss, set, {}, results), values);
      twins.compare(`loss/${ratio}/${kind}`, got.loss ?? []);
      twins.compare(`latent/${ratio}`, got.latent ?? []);
      twins.compare(`pred/${ratio}`, got.pred ?? []);
      twins.compare(`target/${kind === 'pixels' ? 'pixels' : 'normalized'}`, got.target ?? []);
      if (at > 0) continue;
      twins.compare('unpatchify_pred', got.unpatchify ?? []);
      const grads = renamed(under(got, 'grad/'), official);
      twins.compareAll(`grad/${ratio}/${kind}/`, grads, { subset: kind === 'pixels' });
    }
  }
}

/** Patches as images again: [B, L, P * P * C] -> [B, C, H, W] */
function unpatchify(patches: Tensor, vit: VitConfig): Tensor {
  const [batch, side, p] = [patches.dim(0), patchesAlong(vit, vit.imageSize), vit.patchSize];
  const apart = transpose(reshape(patches, [batch, side, side, p, p, vit.channels]), [0, 5, 1, 3, 2, 4]);
  return reshape(apart, [batch, vit.channels, side * p, side * p]);
}

const trainSchema = networkSchema.extend(scheduleSchema.shape).extend({
  steps: z.number(),
  weight_decay: z.number(),
  mask_ratio: z.number(),
  norm_pix_loss: z.boolean(),
  betas: z.tuple([z.number(), z.number()]),
  eps: z.literal(1e-8),
  no_decay: z.array(z.string()),
});

/** The whole batch at once, then image by image: both must agree. */
export async function maeTraining(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(trainSchema);
  const twins = new Twins(fixture, comparison, config);
  const { vit, decoder } = networkOf(config);
  const [beta1, beta2] = config.betas;
  const network: MaeConfig = {
    ...{ backbone: { kind: 'vit', ...vit }, decoder },
    ...{ maskRatio: config.mask_ratio, normPixLoss: config.norm_pix_loss },
  };
  const lr = learningRates(config);
  comparison.exact('learning rate', 'every step', lr, fixture.numbers('lr'));
  for (const microBatch of [config.batch, 1]) {
    let order: number[][] = [];
    const trainer = await Trainer.create({
      method: withOrder(mae(network), () => order),
      engine: ortNode,
      channels: vit.channels,
      batchSize: config.batch,
      microBatch,
      optimizer: adamw({ beta1, beta2 }),
      seed: 0,
    });
    const label = microBatch === config.batch ? '' : `, micro-batches of ${microBatch}`;
    const values = async (): Promise<Map<string, Float32Array>> =>
      renamed(await networkValues(trainer.state, 'student'), official);
    fill(comparison, 'state', await values(), fixture.group('state/'));
    const spared = trainer.state.parameters.flatMap(({ name, shape, trainable }) =>
      trainable && !isDecayed(name, shape) ? [official(name)] : [],
    );
    comparison.sameSet('parameters without decay', 'all', spared, config.no_decay);
    for (let k = 1; k <= config.steps; k++) {
      order = orders(fixture.floats(`noise@${k}`), config.batch);
      const crops: CropSource = (_, start, end, into) => {
        const pixels = fixture.floats(`in@${k}`);
        const size = pixels.length / config.batch;
        into.set(pixels.subarray(start * size, end * size));
      };
      const settings = {
        ...{ step: k - 1, lr: lr[k - 1] ?? 0, weightDecay: config.weight_decay, clip: 0 },
        ...{ teacherMomentum: 1, freezeLastLayer: false, scalars: {} },
      };
      const { loss } = await trainer.accumulate(crops, settings);
      twins.compare(`loss@${k}`, [loss], { label });
      const grads = new Map(
        [...trainer.updater.gradients].map(([name, buffer]) => [official(name), floatsOf(buffer)]),
      );
      twins.compareAll(`grad@${k}/`, grads, { subset: true, label });
      await trainer.applyUpdate(settings);
      twins.compareAll(`state_after@${k}/`, await values(), { subset: true, label });
    }
    await trainer.dispose();
  }
}

/** The method with given orders of patches instead of drawn ones. */
function withOrder(method: Method, order: () => number[][]): Method {
  const { shuffle } = method.sampleInputs;
  if (shuffle === undefined) throw new Error('the method has no shuffle');
  const values = ({ start, images }: { start: number; images: number }) =>
    shuffledRows(order().slice(start, start + images));
  return { ...method, sampleInputs: { shuffle: { ...shuffle, values } } };
}

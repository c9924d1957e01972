/** dinov2_step and dinov2_optim: a whole step of the method in the trainer, and how its parameters are updated. */
import { z } from 'zod';
import { ortNode } from '../src/engine/ort-node.ts';
import { hiddenList } from '../src/method/block-masks.ts';
import { type Dinov2Config, dinov2 } from '../src/method/dinov2.ts';
import type { Method } from '../src/method/method.ts';
import type { HeadConfig } from '../src/model/head.ts';
import { isDecayed } from '../src/optim/rules.ts';
import { cosineSchedule, rootScaledRate, warmupSchedule } from '../src/optim/schedules.ts';
import { parametersOf } from '../src/train/state.ts';
import { traceStep } from '../src/train/step-graph.ts';
import { Trainer } from '../src/train/trainer.ts';
import { ALLOWANCE, type Comparison } from './comparison.ts';
import { dinov2Config, dinov2VariantSchema } from './dinov2-network.ts';
import type { Fixture } from './fixture.ts';
import { hostFloats } from './host-floats.ts';
import {
  flatDistancesSchema,
  nullRanges,
  nullSlicesSchema,
  toleranceOf,
  vitConfig,
  vitExtras,
} from './settings.ts';

const variantSchema = dinov2VariantSchema.extend({
  centering: z.enum(['centering', 'sinkhorn_knopp']),
  separate_head: z.boolean(),
});

const stepSchema = z.object({
  global_px: z.number(),
  local_px: z.number(),
  patch_size: z.number(),
  embed_dim: z.number(),
  depth: z.number(),
  num_heads: z.number(),
  batch: z.number(),
  local_crops: z.number(),
  K: z.number(),
  ibot_K: z.number(),
  hidden_dim: z.number(),
  bottleneck_dim: z.number(),
  nlayers: z.number(),
  koleo_loss_weight: z.number(),
  ibot_loss_weight: z.number(),
  dino_loss_weight: z.number(),
  teacher_temp: z.number(),
  momentum: z.number(),
});

function methodConfig(
  step: z.infer<typeof stepSchema>,
  variant: z.infer<typeof variantSchema>,
  extras: z.infer<typeof vitExtras>,
): Dinov2Config {
  const head: HeadConfig = {
    outDim: step.K,
    hiddenDim: step.hidden_dim,
    bottleneckDim: step.bottleneck_dim,
    layers: step.nlayers,
    useBn: false,
    normLastLayer: false,
  };
  return {
    backbone: {
      kind: 'vit',
      ...dinov2Config(vitConfig({ ...step, img_size: step.global_px }, extras), variant),
    },
    viewSizes: [
      ...[step.global_px, step.global_px],
      ...new Array<number>(step.local_crops).fill(step.local_px),
    ],
    head,
    dinoLossWeight: step.dino_loss_weight,
    ibot: {
      lossWeight: step.ibot_loss_weight,
      // The fixture has masks of its own; as many patches as these shares allow are room enough for them.
      masks: { probability: 1, ratio: [0.5, 0.5] },
      ...(variant.separate_head ? { head: { ...head, outDim: step.ibot_K } } : {}),
    },
    koleoLossWeight: step.koleo_loss_weight,
    centering: variant.centering === 'centering' ? 'center' : 'sinkhorn',
    studentTemp: 0.1,
    centerMomentum: 0.9,
    dropPathRate: 0,
    layerwiseDecay: 0.9,
    patchEmbedLrFactor: 0.2,
  };
}

/** Loss, parts, gradients, then the teacher and the centers; the student's rate is 0, so the teacher follows what is given. */
export async function dinov2Step(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(
    stepSchema.extend({
      ...vitExtras.shape,
      variants: z.record(z.string(), variantSchema),
      null_slices: nullSlicesSchema,
      f32_vs_f64: flatDistancesSchema,
    }),
  );
  const tolerance = (quantity: string): number => toleranceOf(config.f32_vs_f64, quantity);
  const skip = nullRanges(config.null_slices);
  const masks = Uint8Array.from(fixture.numbers('masks'));
  const pixels = [fixture.floats('global'), fixture.floats('local')];
  for (const [variant, options] of Object.entries(config.variants)) {
    const settled = methodConfig(config, options, config);
    const centered = dinov2({ ...settled, centering: 'center' }).stateShapes;
    const stored = options.separate_head ? 'center/ibot_separate' : 'center/ibot';
    comparison.identical('shape of a center', stored, centered.patchCenter ?? [], fixture.shape(stored));
    const trainer = await Trainer.create({
      method: withMasks(dinov2(settled), masks),
      engine: ortNode,
      channels: fixture.dim('global', 1),
      batchSize: config.batch,
      optimizer: 'adamw',
      seed: 0,
    });
    const { state } = trainer;
    for (const network of ['student', 'teacher'] as const) {
      const given = fixture.group(`${network}/${variant}/`);
      const own = parametersOf(state, network);
      comparison.sameSet('parameter names', `${network}, ${variant}`, own.keys(), given.keys());
      for (const [name, values] of given) own.get(name)?.write(values);
    }
    const centers = [
      ['center', 'dino'],
      ['patchCenter', 'ibot'],
    ] as const;
    for (const [name, which] of centers) state.method.get(name)?.write(fixture.floats(`center/${which}`));

    const settings = {
      step: 0,
      lr: 0,
      weightDecay: 0,
      clip: 0,
      teacherMomentum: config.momentum,
      freezeLastLayer: false,
      scalars: { teacherTemp: config.teacher_temp },
    };
    const { loss, measures } = await trainer.accumulate((group, _start, _end, into) => {
      into.set(pixels[group] ?? []);
    }, settings);
    comparison.twins('loss', variant, [loss], fixture, `loss/${variant}`, tolerance('loss'));
    for (const part of fixture.keys(`part/${variant}/`))
      comparison.twins(
        'parts',
        `${variant}, ${part}`,
        [measures[part] ?? Number.NaN],
        fixture,
        `part/${variant}/${part}`,
        tolerance('part'),
      );
    for (const [prefix, label, slack] of [
      ['', '', (ALLOWANCE + 1) / ALLOWANCE],
      ['f64/', ', float64', 1],
    ] as const)
      for (const name of fixture.keys(`${prefix}grad/${variant}/`)) {
        const gradient = trainer.updater.gradients.get(name);
        comparison.relativeL2(
          `gradients${label}`,
          `${variant}, ${name}`,
          gradient === undefined ? [] : hostFloats(gradient),
          fixture.numbers(`${prefix}grad/${variant}/${name}`),
          slack * tolerance('grad'),
          skip(name),
        );
      }
    await trainer.applyUpdate(settings);
    for (const name of fixture.keys(`teacher_after/${variant}/`)) {
      const teacher = parametersOf(state, 'teacher').get(name);
      const got = teacher === undefined ? [] : hostFloats(teacher);
      const key = `teacher_after/${variant}/${name}`;
      comparison.twins('teacher after', `${variant}, ${name}`, got, fixture, key, tolerance('teacher_after'));
    }
    for (const [name, which] of centers) {
      const key = `center_after/${variant}/${which}`;
      const center = state.method.get(name);
      comparison.identical(
        'has a center',
        `${variant}, ${which}`,
        [center !== undefined],
        [fixture.has(key)],
      );
      if (center !== undefined)
        comparison.twins(
          'center after',
          variant,
          hostFloats(center),
          fixture,
          key,
          tolerance('center_after'),
        );
    }
    await trainer.dispose();
  }
}

/** The method with given masks in place of drawn ones. */
function withMasks(method: Method, masks: Uint8Array): Method {
  const { hidden } = method.sampleInputs;
  if (hidden === undefined) return method;
  const values = ({ images }: { images: number }): BigInt64Array =>
    hiddenList(masks, hidden.shape(images)[0] ?? 0);
  return { ...method, sampleInputs: { ...method.sampleInputs, hidden: { ...hidden, values } } };
}

/** What each parameter's rate and decay are multiplied by, which are last layers, and the schedules of a run. */
export function dinov2Optim(fixture: Fixture, comparison: Comparison): void {
  const config = fixture.config(
    z.object({
      layerwise_decay: z.number(),
      patch_embed_lr_mult: z.number(),
      schedules: z.array(
        z.object({
          base_value: z.number(),
          final_value: z.number(),
          total_iters: z.number(),
          warmup_iters: z.number().default(0),
          start_warmup_value: z.number().default(0),
          freeze_iters: z.number().default(0),
        }),
      ),
      step: stepSchema,
      variant: variantSchema,
      lr_scaling: z.array(z.tuple([z.number(), z.number()])),
    }),
  );
  const method = dinov2({
    ...methodConfig(config.step, config.variant, {}),
    layerwiseDecay: config.layerwise_decay,
    patchEmbedLrFactor: config.patch_embed_lr_mult,
  });
  const { parameters } = traceStep({ method, channels: 3, batchSize: config.step.batch });
  const trained = parameters.filter(({ trainable }) => trainable);
  const names = trained.map(({ name }) => name);
  comparison.sameSet('trained parameters', 'multiplier', names, fixture.keys('multiplier/'));
  for (const { name, shape } of trained)
    comparison.exact(
      'rate, decay, last layer',
      name,
      [method.lrFactor?.(name) ?? 1, isDecayed(name, shape) ? 1 : 0, method.isLastLayer(name) ? 1 : 0],
      fixture.numbers(`multiplier/${name}`),
    );
  for (const [i, schedule] of config.schedules.entries()) {
    const steps = schedule.total_iters;
    const [base, final] = [schedule.base_value, schedule.final_value];
    const start = schedule.start_warmup_value;
    const values = cosineSchedule({
      ...{ base, final, steps, warmupSteps: schedule.warmup_iters, warmupStart: start },
      frozenSteps: schedule.freeze_iters,
    });
    comparison.exact('schedules', `${i}`, values, fixture.numbers(`schedule/${i}`));
    // The teacher's temperature is a warm-up and nothing more.
    if (schedule.warmup_iters === steps)
      comparison.exact(
        'warm-up',
        `${i}`,
        warmupSchedule({ start, base, warmup: steps, count: steps }),
        fixture.numbers(`schedule/${i}`),
      );
  }
  const [, full = 0] = config.lr_scaling.find(([batch]) => batch === 1024) ?? [];
  for (const [batch, lr] of config.lr_scaling)
    comparison.exact('learning rate of a batch', `${batch}`, [rootScaledRate(full, batch)], [lr]);
}

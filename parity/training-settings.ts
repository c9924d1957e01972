/** What fixtures train_* say of themselves, and the numbers of their steps. */
import { z } from 'zod';
import { cosineSchedule, warmupSchedule } from '../src/optim/schedules.ts';
import type { StepSettings } from '../src/train/trainer.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { headSchema, nullSlicesSchema, vitExtras, vitSchema } from './settings.ts';

const argsSchema = z.object({
  optimizer: z.enum(['adamw', 'sgd', 'lars']),
  batch_size_per_gpu: z.number(),
  world_size: z.number().default(1),
  epochs: z.number(),
  lr: z.number(),
  min_lr: z.number(),
  warmup_epochs: z.number(),
  weight_decay: z.number(),
  weight_decay_end: z.number(),
  clip_grad: z.number(),
  freeze_last_layer: z.number(),
  momentum_teacher: z.number(),
  teacher_temp: z.number(),
  warmup_teacher_temp: z.number(),
  warmup_teacher_temp_epochs: z.number(),
  local_crops_number: z.number(),
  norm_last_layer: z.boolean(),
  use_bn_in_head: z.boolean().default(false),
  drop_path_rate: z.number().default(0),
  student_temp: z.number().default(0.1),
  center_momentum: z.number().default(0.9),
});
const norms = z.record(z.string(), z.array(z.number()));
export const trainingSchema = vitExtras.extend({
  vit: vitSchema,
  head: headSchema.partial({ norm_last_layer: true, use_bn: true }),
  args: argsSchema,
  niter_per_ep: z.number(),
  after: z.array(z.number()),
  grad_order: z.array(z.string()),
  group0_decayed: z.array(z.string()),
  group1_not_decayed: z.array(z.string()),
  null_slices: nullSlicesSchema,
  clip_norms: norms.default({}),
  clipped: z.record(z.string(), z.array(z.string())).default({}),
  optimizer_steps: z.record(z.string(), z.number()).default({}),
  f32_vs_f64: z.record(z.string(), z.union([z.number(), z.object({ max_abs: z.number() })])).default({}),
});
export type TrainingConfig = z.infer<typeof trainingSchema>;

/** The schedules as the library makes them, compared with the stored ones. */
export function stepSettings(
  fixture: Fixture,
  comparison: Comparison,
  { args, niter_per_ep: perEpoch }: TrainingConfig,
): StepSettings[] {
  const steps = args.epochs * perEpoch;
  const lr = cosineSchedule({
    base: (args.lr * args.batch_size_per_gpu * args.world_size) / 256,
    final: args.min_lr,
    steps,
    warmupSteps: args.warmup_epochs * perEpoch,
  });
  const weightDecay = cosineSchedule({ base: args.weight_decay, final: args.weight_decay_end, steps });
  const momentum = cosineSchedule({ base: args.momentum_teacher, final: 1, steps });
  const temperature = warmupSchedule({
    start: args.warmup_teacher_temp,
    base: args.teacher_temp,
    warmup: args.warmup_teacher_temp_epochs,
    count: args.epochs,
  });
  comparison.exact('schedules', 'lr', lr, fixture.numbers('schedule/lr'));
  comparison.exact('schedules', 'wd', weightDecay, fixture.numbers('schedule/wd'));
  comparison.exact('schedules', 'momentum', momentum, fixture.numbers('schedule/momentum'));
  comparison.exact('schedules', 'teacher_temp', temperature, fixture.numbers('schedule/teacher_temp'));
  return Array.from({ length: steps }, (_, step) => {
    const epoch = Math.floor(step / perEpoch);
    return {
      step,
      lr: lr[step] ?? 0,
      weightDecay: weightDecay[step] ?? 0,
      clip: args.clip_grad,
      teacherMomentum: momentum[step] ?? 1,
      freezeLastLayer: epoch < args.freeze_last_layer,
      scalars: { teacherTemp: temperature[epoch] ?? 0 },
    };
  });
}

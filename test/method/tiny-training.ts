/** Few steps of a method on a handful of images whose views differ by noise. */
import { onTestFinished } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import type { Method } from '../../src/method/method.ts';
import type { OptimizerName } from '../../src/optim/rules.ts';
import { Random } from '../../src/random/random.ts';
import { type CropSource, type StepResult, type StepSettings, Trainer } from '../../src/train/trainer.ts';

export const settings: StepSettings = {
  step: 0,
  lr: 3e-3,
  weightDecay: 0,
  clip: 0,
  teacherMomentum: 0.9,
  freezeLastLayer: false,
  scalars: {},
};

export interface TinyTraining {
  readonly method: Method;
  readonly batchSize: number;
  readonly microBatch?: number;
  readonly optimizer?: OptimizerName;
}

export async function tinyTrainer({ optimizer = 'adamw', ...options }: TinyTraining): Promise<Trainer> {
  const trainer = await Trainer.create({
    ...{ ...options, engine: ortNode, channels: 3, optimizer, seed: 1, engineOptions: { threads: 1 } },
  });
  onTestFinished(() => trainer.dispose());
  return trainer;
}

/** Smooth images of 3 channels, each view with noise of its own; the same at every call with the same step. */
export function noisyViews({ method, batchSize }: Trainer, step: number, noise: number): CropSource {
  const { size, count } = method.views[0] ?? { size: 0, count: 0 };
  return (_, start, end, into) => {
    let at = 0;
    for (let view = 0; view < count; view++) {
      for (let image = start; image < end; image++) {
        const own = new Random(3, 'image', image % batchSize);
        const waves = Array.from({ length: 3 }, () => ({
          fx: own.between(-3, 3),
          fy: own.between(-3, 3),
          phase: own.between(0, 6),
        }));
        const random = new Random(3, 'noise', step * count + view, image);
        for (const { fx, fy, phase } of waves)
          for (let y = 0; y < size; y++)
            for (let x = 0; x < size; x++)
              into[at++] = Math.sin((fx * x + fy * y) / size + phase) + noise * random.normal();
      }
    }
  };
}

/** @returns the result of every step */
export async function train(trainer: Trainer, steps: number, noise = 0.2): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (let step = 0; step < steps; step++)
    results.push(await trainer.step(noisyViews(trainer, step, noise), { ...settings, step }));
  return results;
}

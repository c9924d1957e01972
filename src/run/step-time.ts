/** How long a training step takes: what a budget in minutes is divided by. */
import { type LoopOptions, trainLoop } from '../train/loop.ts';
import { millisecondsPerImage } from '../train/micro-batch.ts';
import { Plan } from '../train/plan.ts';
import type { Trainer } from '../train/trainer.ts';

/**
 * Milliseconds of a step, from one micro-batch of noise and one update. Reading images and cropping them goes on beside it, and
 * is not counted.
 */
export async function estimateStep(trainer: Trainer, plan: Plan): Promise<number> {
  const perImage = await millisecondsPerImage(trainer);
  if (trainer.isOneProgram) return perImage * trainer.batchSize;
  const started = performance.now();
  await trainer.applyUpdate(plan.at(0));
  const update = performance.now() - started;
  trainer.reset();
  return perImage * trainer.batchSize + update;
}

/** A few steps tell the time of a step: more of them tell it better, but a small share of the budget has to do. */
const ENOUGH = { steps: 8, milliseconds: 4000, share: 0.02 };
/** Where steps are slow, fewer have to do, and they may take longer. */
const FEWEST = { steps: 3, milliseconds: 30_000, share: 0.04 };
/** The first steps fault pages in and wait for the loader: they do not count where there are others. */
const UNSETTLED = 3;
/** Length of the schedule that the measured steps belong to; it decides nothing but the learning rate of steps that are undone. */
const SCHEDULE = 64;

/**
 * Runs a few steps on real batches and puts the trainer back to step 0. A rough figure will do where a budget is to be kept:
 * the pace changes while the run goes on.
 *
 * @param budget milliseconds of the whole run
 * @returns median milliseconds
 */
export async function measureStep(
  parts: Omit<LoopOptions, 'plan'>,
  perEpoch: number,
  budget: number,
): Promise<number> {
  const times: number[] = [];
  const { trainer } = parts;
  const plan = new Plan(parts.config, SCHEDULE, perEpoch);
  const started = performance.now();
  for await (const event of trainLoop({ ...parts, plan })) {
    if (event.type === 'step') times.push(event.milliseconds);
    if (event.type === 'failed')
      throw new Error(
        `The measurement of a step ended early: ${event.diagnosis.title}; lower --lr, or set --clip_grad 1.`,
      );
    const spent = performance.now() - started;
    const isDone = ({ steps, milliseconds, share }: typeof ENOUGH): boolean =>
      times.length >= steps && spent > Math.min(milliseconds, share * budget);
    if (isDone(ENOUGH) || isDone(FEWEST)) break;
  }
  trainer.reset();
  const settled = times.slice(Math.min(UNSETTLED, times.length - 1)).sort((a, b) => a - b);
  return settled[settled.length >> 1] ?? 1;
}

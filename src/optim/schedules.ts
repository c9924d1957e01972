/**
 * Schedules: a value for every step of a run, in float64. `cosineSchedule` is the official `cosine_scheduler`: a linear
 * warm-up that includes its end (so the base value comes twice), then half a cosine that never quite reaches the end. MAE's learning
 * rate comes to the base value once (`adjust_learning_rate`); BYOL's momentum is DINO's, but lightly's version reaches the end.
 */

export interface CosineOptions {
  readonly base: number;
  readonly final: number;
  readonly steps: number;
  readonly warmupSteps?: number;
  /** Value of the first warm-up step. */
  readonly warmupStart?: number;
  /** True where the warm-up stops one step short of the base value, with which the cosine begins. */
  readonly baseOnce?: boolean;
  /** True where the last step has the final value. */
  readonly reachesFinal?: boolean;
  /** Steps of 0 before everything else (DINOv2's `freeze_iters`). */
  readonly frozenSteps?: number;
}

/** NumPy's linspace with both ends included. */
export function linspace(start: number, end: number, count: number): number[] {
  const step = (end - start) / Math.max(count - 1, 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 && count > 1 ? end : start + i * step));
}

/** @returns one value for each of `steps` */
export function cosineSchedule({
  base,
  final,
  steps,
  warmupSteps = 0,
  warmupStart = 0,
  baseOnce = false,
  reachesFinal = false,
  frozenSteps = 0,
}: CosineOptions): Float64Array {
  const frozen = new Array<number>(Math.min(frozenSteps, steps)).fill(0);
  const rising = Math.min(warmupSteps, steps - frozen.length);
  const warmup = linspace(warmupStart, base, baseOnce ? rising + 1 : rising).slice(0, rising);
  const rest = steps - frozen.length - rising;
  const last = reachesFinal ? rest - 1 : rest;
  const cosine = Array.from({ length: rest }, (_, i) =>
    i === last ? final : final + 0.5 * (base - final) * (1 + Math.cos((Math.PI * i) / last)),
  );
  return Float64Array.from([...frozen, ...warmup, ...cosine]);
}

/** A learning rate given for 1024 images in a step, for another number of them: it grows with the root (DINOv2). */
export function rootScaledRate(base: number, batch: number): number {
  return base * Math.sqrt(batch / 1024);
}

/** Rises linearly from `start` to `base` over `warmup` entries (both included), then stays: the teacher's temperature. */
export function warmupSchedule({
  start,
  base,
  warmup,
  count,
}: {
  start: number;
  base: number;
  warmup: number;
  count: number;
}): Float64Array {
  const rising = linspace(start, base, Math.min(warmup, count));
  return Float64Array.from({ length: count }, (_, i) => rising[i] ?? base);
}

/** The value at a place between two entries of a schedule; the last one stays beyond the end. */
export function valueAt(schedule: Float64Array, position: number): number {
  const before = Math.min(Math.floor(position), schedule.length - 1);
  const after = Math.min(before + 1, schedule.length - 1);
  const value = schedule[before]!;
  return value + (schedule[after]! - value) * (position - before);
}

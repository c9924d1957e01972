/**
 * L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.5): minimizes a smooth function from its values and gradients.
 * The step length is found by bisection for the weak Wolfe conditions (Lewis and Overton 2013), which keep the curvature
 * of every pair positive. Values that come from float32 arithmetic are noisy near the minimum, so a rise within that noise
 * counts as no rise.
 */
import { dot } from './dot.ts';

export interface ValueAndGradient {
  readonly value: number;
  readonly gradient: Float64Array;
}

export interface LbfgsOptions {
  /** The largest absolute entry of the gradient at which it ends. Default 1e-4, scikit-learn's. */
  readonly tolerance?: number;
  /** Default 1000. */
  readonly maxIterations?: number;
  /** Pairs that the curvature is remembered by. Default 10. */
  readonly memory?: number;
}

export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
  readonly iterations: number;
  /** Whether the gradient came below the tolerance; otherwise the iterations ended, or noise left no way down. */
  readonly converged: boolean;
}

const DECREASE = 1e-4;
const CURVATURE = 0.9;
/** Rise of a value that may be rounding alone: of sums of terms around 1, and relative to larger ones. */
const NOISE = 1e-7;
const TRIALS = 40;

interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly curvature: number;
}

/** @throws RangeError when the function is not finite where it starts */
export async function lbfgs(
  evaluate: (x: Float64Array) => Promise<ValueAndGradient>,
  start: Float64Array,
  { tolerance = 1e-4, maxIterations = 1000, memory = 10 }: LbfgsOptions = {},
): Promise<Minimum> {
  let x: Float64Array = Float64Array.from(start);
  let now = await evaluate(x);
  if (!Number.isFinite(now.value))
    throw new RangeError(
      `The function is ${now.value} where it starts: begin at a point where it is finite.`,
    );
  const pairs: Pair[] = [];
  for (let iteration = 0; ; iteration++) {
    const converged = largest(now.gradient) <= tolerance;
    if (converged || iteration === maxIterations)
      return { x, value: now.value, iterations: iteration, converged };
    const direction = descent(now.gradient, pairs);
    const first = pairs.length === 0 ? Math.min(1, 1 / norm(now.gradient)) : 1;
    const next = await search(evaluate, x, now, direction, first);
    if (next === undefined) {
      if (pairs.length === 0) return { x, value: now.value, iterations: iteration, converged: false };
      pairs.length = 0; // what was remembered misleads: once more along the gradient alone
      continue;
    }
    const s = difference(next.x, x);
    const y = difference(next.at.gradient, now.gradient);
    const curvature = dot(s, y);
    if (curvature > 1e-12 * dot(y, y)) pairs.push({ s, y, curvature });
    if (pairs.length > memory) pairs.shift();
    [x, now] = [next.x, next.at];
  }
}

/** The two loops: minus the gradient, turned and scaled by what the pairs know of the curvature. */
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((g) => -g);
  const weights: number[] = [];
  for (const { s, y, curvature } of pairs.toReversed()) {
    const weight = dot(s, direction) / curvature;
    weights.push(weight);
    addScaled(direction, y, -weight);
  }
  const last = pairs.at(-1);
  if (last !== undefined) {
    const scale = last.curvature / dot(last.y, last.y);
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (const { s, y, curvature } of pairs) {
    const weight = weights.pop() ?? 0;
    addScaled(direction, s, weight - dot(y, direction) / curvature);
  }
  return direction;
}

/** A point along the direction that is lower and less steep, or undefined where there is none. */
async function search(
  evaluate: (x: Float64Array) => Promise<ValueAndGradient>,
  x: Float64Array,
  from: ValueAndGradient,
  direction: Float64Array,
  first: number,
): Promise<{ x: Float64Array; at: ValueAndGradient } | undefined> {
  const slope = dot(from.gradient, direction);
  if (!(slope < 0)) return undefined;
  const noise = NOISE * Math.max(1, Math.abs(from.value));
  let [low, high] = [0, Number.POSITIVE_INFINITY];
  let step = first;
  for (let trial = 0; trial < TRIALS; trial++) {
    const point = Float64Array.from(x);
    addScaled(point, direction, step);
    const at = await evaluate(point);
    if (!(at.value <= from.value + DECREASE * step * slope + noise)) high = step;
    else if (dot(at.gradient, direction) < CURVATURE * slope) low = step;
    else return { x: point, at };
    step = Number.isFinite(high) ? (low + high) / 2 : 2 * low;
  }
  return undefined;
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value - b[i]!);
}

function addScaled(target: Float64Array, by: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * by[i]!;
}

function largest(a: Float64Array): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]!));
  return most;
}

/** Preparing measured series for drawing: running means, thinning that keeps peaks, and what to do with gaps. */

export interface Points {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/** Beyond this a value is as good as infinite: axes could not tell it from its neighbors. */
const drawable = 1e100;

/** The points of two equally long lists, in order of x. What has no drawable x is dropped, a y that is none becomes NaN. */
export function sortedPoints(x: ArrayLike<number>, y: ArrayLike<number>): Points {
  const order: number[] = [];
  let sorted = true;
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    if (!isDrawable(x[i]!)) continue;
    const last = order.at(-1);
    if (last !== undefined && x[last]! > x[i]!) sorted = false;
    order.push(i);
  }
  if (!sorted) order.sort((a, b) => x[a]! - x[b]!);
  return {
    x: Float64Array.from(order, (i) => x[i]!),
    y: Float64Array.from(order, (i) => (isDrawable(y[i]!) ? y[i]! : Number.NaN)),
  };
}

/** Whether a chart can show the value: finite and not astronomically large. */
export function isDrawable(value: number): boolean {
  return Math.abs(value) < drawable;
}

/**
 * At `count` places, evenly spread over the list, the mean of the finite values at most `radius` points away (fewer at the
 * ends). Where the value itself is not finite there is no mean, so gaps stay.
 */
export function runningMean({ x, y }: Points, radius: number, count: number): Points {
  const at = Float64Array.from({ length: count }, (_, i) =>
    Math.round((i * (y.length - 1)) / Math.max(1, count - 1)),
  );
  // Summed window by window: one sum over all would never recover from a loss of 1e30 that came and went.
  const means = at.map((center) => {
    if (!Number.isFinite(y[center])) return Number.NaN;
    let sum = 0;
    let finite = 0;
    const end = Math.min(y.length - 1, center + radius);
    for (let i = Math.max(0, center - radius); i <= end; i++) {
      if (!Number.isFinite(y[i])) continue;
      sum += y[i]!;
      finite++;
    }
    return sum / finite;
  });
  return { x: at.map((i) => x[i]!), y: means };
}

/**
 * The median distance of values from their running mean, as a share of the values' range. The median, because neither the
 * corners of a schedule nor a few peaks are noise.
 */
export function noise(points: Points, mean: Points): number {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const distances: number[] = [];
  for (let i = 0; i < mean.x.length; i++) {
    const value = points.y[nearestIndex(points.x, mean.x[i]!)]!;
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
    distances.push(Math.abs(value - mean.y[i]!));
  }
  distances.sort((a, b) => a - b);
  return high > low ? distances[distances.length >> 1]! / (high - low) : 0;
}

/**
 * At most about `limit` points with the same outline: of every stretch the lowest and the highest value are kept, and one
 * gap if it has any.
 */
export function thin({ x, y }: Points, limit: number): Points {
  if (x.length <= limit) return { x, y };
  const stretches = Math.max(1, Math.floor(limit / 2));
  const kept: number[] = [];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const start = Math.floor((stretch * x.length) / stretches);
    const end = Math.floor(((stretch + 1) * x.length) / stretches);
    const picked = new Set<number>();
    if (stretch === 0) picked.add(start);
    if (stretch === stretches - 1) picked.add(end - 1);
    let low = -1;
    let high = -1;
    let gap = -1;
    for (let i = start; i < end; i++) {
      if (!Number.isFinite(y[i])) gap = i;
      else {
        if (low < 0 || y[i]! < y[low]!) low = i;
        if (high < 0 || y[i]! > y[high]!) high = i;
      }
    }
    for (const i of [low, high, gap]) if (i >= 0) picked.add(i);
    kept.push(...[...picked].sort((a, b) => a - b));
  }
  return { x: Float64Array.from(kept, (i) => x[i]!), y: Float64Array.from(kept, (i) => y[i]!) };
}

/** The index of the point whose x is nearest; -1 when there is none. */
export function nearestIndex(x: Float64Array, to: number): number {
  let low = 0;
  let high = x.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle]! < to) low = middle + 1;
    else high = middle;
  }
  if (low > 0 && to - x[low - 1]! <= x[low]! - to) low--;
  return x.length === 0 ? -1 : low;
}

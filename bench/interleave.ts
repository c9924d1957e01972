/**
 * Timings that can be compared: the competitors take turns, so that whatever else the machine does falls on all of them.
 * Only medians of interleaved rounds go into tables; machines that are shared drift by tens of percent within minutes.
 */

/** What a series of measurements looks like. */
export interface Spread {
  readonly minimum: number;
  /** First quartile. */
  readonly lower: number;
  readonly median: number;
  /** Third quartile. */
  readonly upper: number;
  readonly values: readonly number[];
}

/** The q-quantile (0..1) of values, by linear interpolation between the two nearest. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError('There is no quantile of no values: measure at least once.');
  const sorted = [...values].sort((a, b) => a - b);
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function spreadOf(values: readonly number[]): Spread {
  return {
    minimum: quantile(values, 0),
    lower: quantile(values, 0.25),
    median: median(values),
    upper: quantile(values, 0.75),
    values: [...values],
  };
}

/**
 * Lets competitors take turns.
 *
 * @param rounds turns of each that count
 * @param works one turn of each competitor, by name; resolves to its measurement, such as milliseconds. An undefined one
 *   (a peer that is not there) is left out.
 * @param warmUps turns of each before those that count; the first one or two of a network take much longer
 * @returns the spread of each competitor's measurements. Who starts a round changes from round to round.
 *
 * @example
 * const { ours, peer } = await interleave(5, { ours: () => timed(step), peer: () => peer.run() });
 */
export async function interleave(
  rounds: number,
  works: Readonly<Record<string, (() => Promise<number>) | undefined>>,
  warmUps = 1,
): Promise<Record<string, Spread>> {
  const names = Object.keys(works).filter((name) => works[name] !== undefined);
  const values = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let round = -warmUps; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + Math.max(0, round)) % names.length]!;
      const value = await works[name]!();
      if (round >= 0) values.get(name)!.push(value);
    }
  }
  return Object.fromEntries([...values].map(([name, list]) => [name, spreadOf(list)]));
}

/** Milliseconds that a piece of work takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

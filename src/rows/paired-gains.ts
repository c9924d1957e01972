/** How much better one network is than others, compared sample by sample: far surer than two intervals side by side. */
import { bootstrap, bootstrapMeans, type Interval, UNKNOWN } from './bootstrap.ts';
import { recordOf } from './record-of.ts';

/**
 * 95 % intervals of the difference of means, over the same samples.
 *
 * @param own a score for each sample; NaN where a sample has none
 * @param others scores of the same samples by what they are compared with
 * @param groups of each sample, where some stand and fall together, as the objects of an image do; -1 for one that counts nowhere
 * @returns by the same names, above 0 where the first one is better by more than chance
 */
export function pairedGains<Name extends string>(
  own: ArrayLike<number>,
  others: Readonly<Record<Name, ArrayLike<number>>>,
  groups?: ArrayLike<number>,
): Record<Name, Interval> {
  const entries = Object.entries<ArrayLike<number>>(others);
  const gains = entries.map(([, scores]) => Float64Array.from(own, (score, i) => score - scores[i]!));
  const intervals =
    groups === undefined ? bootstrapMeans(gains) : gains.map((gain) => intervalOfGroups(gain, groups));
  return recordOf(entries.map(([name], i) => [name, intervals[i]!]));
}

/** Groups are drawn anew, each with all its samples. */
function intervalOfGroups(gain: Float64Array, groups: ArrayLike<number>): Interval {
  const all = new Map<number, { sum: number; count: number }>();
  for (const [i, value] of gain.entries()) {
    const group = groups[i]!;
    if (group < 0 || Number.isNaN(value)) continue;
    const { sum, count } = all.get(group) ?? { sum: 0, count: 0 };
    all.set(group, { sum: sum + value, count: count + 1 });
  }
  const list = [...all.values()];
  const [interval] = bootstrap(list.length, (rows) => {
    let [sum, count] = [0, 0];
    for (const row of rows) {
      sum += list[row]!.sum;
      count += list[row]!.count;
    }
    return [sum / count];
  });
  return interval ?? UNKNOWN;
}

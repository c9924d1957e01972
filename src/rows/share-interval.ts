/** How sure a share is of which only the number of samples is known (Wilson 1927, J. Am. Stat. Assoc. 22). */
import { type Interval, UNKNOWN } from './bootstrap.ts';

/** The normal distribution holds 95 % of its mass within so many deviations. */
const DEVIATIONS = 1.96;

/**
 * The 95 % interval of a share.
 *
 * @param share 0 to 1
 * @param samples of how many
 */
export function shareInterval(share: number, samples: number): Interval {
  if (!(samples > 0)) return UNKNOWN;
  const square = DEVIATIONS ** 2;
  const center = share + square / (2 * samples);
  const reach = DEVIATIONS * Math.sqrt((share * (1 - share)) / samples + square / (4 * samples ** 2));
  const whole = 1 + square / samples;
  return { low: Math.max(0, (center - reach) / whole), high: Math.min(1, (center + reach) / whole) };
}

/** Axes of charts: round tick values (1, 2 or 5 times a power of ten) and how numbers are written beside them. */
import { fixed } from '../../numbers/counted.ts';

export interface Scale {
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly ticks: readonly number[];
  /** Equal factors are equal distances. */
  readonly log?: boolean;
}

/**
 * A scale with about `count` round ticks that covers [low, high]. Its ends are ticks when `round` is set, otherwise the
 * range itself. A range of one value gets room around it, so that a constant is a line in the middle.
 *
 * @param low finite
 * @param high finite, not below `low`
 */
export function niceScale(low: number, high: number, count: number, round = true): Scale {
  const widest = Math.max(Math.abs(low), Math.abs(high), 1e-100);
  // Differences that float64 cannot resolve into ticks are treated as none.
  const flat = high - low <= widest * 1e-9;
  const room = widest > 1e-100 ? widest * 0.1 : 1;
  const from = flat ? low - room : low;
  const to = flat ? high + room : high;
  const step = niceStep((to - from) / count);
  const first = round ? Math.floor(from / step + 1e-9) : Math.ceil(from / step - 1e-9);
  const last = round ? Math.ceil(to / step - 1e-9) : Math.floor(to / step + 1e-9);
  const ticks: number[] = [];
  for (let i = first; i <= last; i++) ticks.push(multiple(i, step));
  return { min: round ? multiple(first, step) : from, max: round ? multiple(last, step) : to, step, ticks };
}

/**
 * A logarithmic scale of [low, high]: ticks at 1, 2 and 5 times powers of ten, or at the powers alone where those are many.
 *
 * @param low above 0
 * @param high not below `low`
 */
export function logScale(low: number, high: number): Scale {
  const [min, max] = high > low ? [low, high] : [low / 2, high * 2];
  const [first, last] = [Math.floor(Math.log10(min)), Math.ceil(Math.log10(max))];
  const factors = last - first <= 4 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = first; power <= last; power++) {
    for (const factor of factors) {
      const tick = Number((factor * 10 ** power).toPrecision(12));
      if (tick >= min * (1 - 1e-9) && tick <= max * (1 + 1e-9)) ticks.push(tick);
    }
  }
  return { min, max, step: Math.min(1, 10 ** first), ticks, log: true };
}

/** `i` steps without the rounding noise of binary fractions. */
function multiple(i: number, step: number): number {
  return Number((i * step).toPrecision(12));
}

/** Whichever of 1, 2 and 5 times a power of ten is nearest to `rough`, as a factor. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const mantissa = rough / power;
  const round = mantissa < Math.SQRT2 ? 1 : mantissa < Math.sqrt(10) ? 2 : mantissa < Math.sqrt(50) ? 5 : 10;
  return Number((round * power).toPrecision(12));
}

/** A tick's label, with the digits that its step needs: `2`, `0.25`, `20k`, `1.5M`, `5e-4`. */
export function tickLabel(value: number, step: number): string {
  if (value === 0) return '0';
  const magnitude = Math.abs(value);
  if (magnitude >= 1e9 || step < 1e-3) return exponential(value);
  if (magnitude >= 1e6 && step >= 1e4) return `${trim(value / 1e6, 2)}M`;
  if (magnitude >= 1e4 && step >= 100) return `${trim(value / 1e3, 1)}k`;
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

/** A measured value with four significant digits, as tooltips and tables show it. */
export function valueLabel(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e7))
    return value.toExponential(2).replace('e+', 'e');
  return trim(
    value,
    magnitude >= 1000 ? 1 : Math.max(0, 3 - Math.floor(Math.log10(Math.max(magnitude, 1e-3)))),
  );
}

/** A share as a percentage with one digit, `61.2 %`. */
export function percentLabel(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(1)}\u202f%` : 'not a number';
}

/** A whole number, from five digits on with thin spaces between groups of three. */
export function countLabel(count: number): string {
  if (count < 1e4) return String(count);
  return String(count).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

function trim(value: number, digits: number): string {
  const text = fixed(value, digits);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function exponential(value: number): string {
  const [mantissa = '', exponent = ''] = value.toExponential(2).split('e');
  return `${trim(Number(mantissa), 2)}e${Number(exponent)}`;
}

/** What the doctor says of scores: whether training was worth something, beyond chance. */
import { counted, fixed } from '../numbers/counted.ts';
import type { Finding } from '../report/finding.ts';
import { type Interval, UNKNOWN } from '../rows/bootstrap.ts';

/** What scores can be of: many and one. */
const samples = { images: 'image', objects: 'object', queries: 'query' } as const;

/** A score of the trained network, and what it has to beat. */
export interface ScoreComparison {
  /** How it was measured, as in "20-NN". */
  readonly what: string;
  /** On how many images, or what `of` says. */
  readonly images: number;
  /** Default "images". */
  readonly of?: keyof typeof samples;
  /** Whether scores are shares in percent (the default) or go up to 1. */
  readonly scale?: 'percent' | 'unit';
  readonly trained: number;
  /** The others by what they are called. */
  readonly others: Readonly<Record<string, number | undefined>>;
  /**
   * 95 % intervals of how much higher the trained network scores than each of them, image by image. Without them, scores in
   * percent are taken for shares of images that were drawn anew for each.
   */
  readonly gains?: Readonly<Record<string, Interval | undefined>>;
  /** What it is good for: "clusters". The k-NN score of a run, which speaks for all, has none. */
  readonly scope?: string;
}

/** Scores of fewer images are no verdict; a share needs more of them than a mean. */
const FEW = { percent: 50, unit: 20 } as const;

/**
 * Whether training was worth something: the trained network has to be above all others, and by more than chance.
 *
 * @returns undefined where there is nothing to compare
 */
export function examineScores(compared: ScoreComparison): Finding | undefined {
  const { what, images, of = 'images', scale = 'percent', trained, others, gains, scope } = compared;
  const known = Object.entries(others).filter(
    (each): each is [string, number] => each[1] !== undefined && !Number.isNaN(each[1]),
  );
  if (known.length === 0 || Number.isNaN(trained)) return undefined;
  const text = (value: number): string => (scale === 'percent' ? `${fixed(value, 1)} %` : fixed(value, 3));
  const scores = known.map(([name, value]) => `${name} ${text(value)}`).join(', ');
  const detail = `${what} on ${counted(images, samples[of], of)}: trained ${text(trained)}, ${scores}.`;
  const topic = scope === undefined ? 'scores' : `scores of ${scope}`;
  const training = scope === undefined ? 'Training' : `For ${scope}, training`;
  if (images < FEW[scale])
    return {
      severity: 'info',
      topic,
      title: `${scope === undefined ? 'Too' : `For ${scope}, too`} few ${of} to say whether training helped`,
      detail: `${detail} With so few, scores differ by chance.`,
      advice: `Measure on ${FEW[scale]} ${of} or more.`,
    };
  const better = known.filter(([, value]) => value >= trained).map(([name]) => name);
  if (better.length > 0)
    return {
      severity: 'warning',
      topic,
      title: `${training} has not helped: it is no better than ${inWords(better)}`,
      detail: `${detail} Features are worth something where the trained network is above all of these.`,
      advice: 'If nothing else is wrong, train longer (--minutes) or on more images.',
    };
  const near = known.filter(([name, value]) =>
    gains === undefined
      ? trained - value <= chance(trained, value, images)
      : !((gains[name]?.low ?? Number.NaN) > 0),
  );
  if (near.length === 0) return { severity: 'ok', topic, title: `${training} helped`, detail };
  const names = near.map(([name]) => name);
  return {
    severity: 'info',
    topic,
    title: `${training} may have helped: the gain over ${inWords(names)} is within chance`,
    detail: `${detail} ${gains === undefined ? 'With so few images shares differ by chance as much.' : uncertainty(names, gains, text)}`,
    advice:
      gains === undefined
        ? 'Measure on more images (dino eval knn), or train longer.'
        : 'Measure on more images, or train longer.',
  };
}

/** The intervals that hold 0. */
function uncertainty(
  names: readonly string[],
  gains: NonNullable<ScoreComparison['gains']>,
  text: (value: number) => string,
): string {
  const intervals = names.flatMap((name) => {
    const { low, high } = gains[name] ?? UNKNOWN;
    return Number.isNaN(low) ? [] : [`${text(low)} to ${text(high)} over ${name}`];
  });
  return intervals.length === 0
    ? 'Too few were measured to know the interval of the gain.'
    : `The 95 % interval of the gain goes down to 0 or below: ${intervals.join(', ')}.`;
}

/** How far two shares in percent, each of so many images, differ by chance in 95 of 100 cases (normal approximation). */
function chance(a: number, b: number, images: number): number {
  const variance = (percent: number): number => percent * (100 - percent);
  return 1.96 * Math.sqrt((variance(a) + variance(b)) / images);
}

/** "a, b and c" */
function inWords(names: readonly string[]): string {
  const [last = '', ...others] = names.toReversed();
  return others.length === 0 ? last : `${others.reverse().join(', ')} and ${last}`;
}

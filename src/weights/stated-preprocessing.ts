/**
 * How images become the input of weights from elsewhere: what a user asks for, what lies beside the weights
 * (`hugging-face-preprocessor.ts`, `timm-preprocessing.ts`), and the official evaluation's way for what both leave open. What a
 * file says and cannot be done here is refused by name, unless a flag takes its place.
 */
import { interpolations, type Preprocessing, usualPreprocessing } from '../image/preprocessing.ts';

/** Parts of the preprocessing; undefined is left open. */
type PreprocessingParts = { readonly [Part in keyof Preprocessing]?: Preprocessing[Part] | undefined };

export interface StatedPreprocessing {
  /** Where it stands: the file. */
  readonly origin: string;
  /** One mean or deviation is that of all channels. */
  readonly parts: PreprocessingParts;
  readonly refused: readonly Refusal[];
}

/** What a file says and cannot be done here, with the way out. */
export interface Refusal {
  /** The flag that takes its place. */
  readonly part: 'evalSize' | 'resize' | 'interpolation';
  readonly reason: string;
}

/** What a user asks for; see the flags of the commands. */
export interface AskedPreprocessing {
  /** Side of the input, pixels. */
  readonly evalSize?: number | undefined;
  readonly resize?: Preprocessing['resize'] | undefined;
  /** Side of the input over the side after the resize (timm's name). */
  readonly cropPct?: number | undefined;
  readonly interpolation?: Preprocessing['interpolation'] | undefined;
  readonly mean?: readonly number[] | undefined;
  readonly std?: readonly number[] | undefined;
}

/**
 * The preprocessing of weights: what was asked for, what the files beside them say, and the usual way for what both leave open.
 *
 * @param size side of the network's usual input, pixels
 * @throws Error naming what a file says that cannot be done here
 */
export function completePreprocessing(
  size: number,
  channels: 1 | 3,
  stated: StatedPreprocessing | undefined,
  asked: AskedPreprocessing = {},
): Preprocessing {
  const refusal = stated?.refused.find(({ part }) => asked[part] === undefined);
  if (refusal !== undefined) throw new Error(refusal.reason);
  const { parts = {}, origin = '' } = stated ?? {};
  const usual = usualPreprocessing(size, channels);
  const side = asked.evalSize ?? parts.size ?? size;
  const cuts = asked.resize !== undefined || asked.cropPct !== undefined;
  const statistic = (name: 'mean' | 'std'): readonly number[] => {
    const given = asked[name] ?? parts.statistics?.[name] ?? usual.statistics[name];
    const all = given.length === 1 ? Array.from({ length: channels }, () => given[0] ?? 0) : given;
    if (all.length === channels) return all;
    throw new Error(
      `${asked[name] === undefined ? `${origin} has` : `--${name} gives`} ${all.length} numbers (${all.join(' ')}) and the network takes ${channels === 1 ? '1 channel' : '3 channels'}: give one for each by --${name}.`,
    );
  };
  return {
    size: side,
    resize: asked.resize ?? parts.resize ?? usual.resize,
    zoom: asked.cropPct === undefined ? (parts.zoom ?? usual.zoom) : zoomOf(side, asked.cropPct),
    interpolation: asked.interpolation ?? parts.interpolation ?? usual.interpolation,
    keepsFitting: !cuts && (parts.keepsFitting ?? usual.keepsFitting),
    statistics: { mean: statistic('mean'), std: statistic('std') },
  };
}

/** Collects what a file says and cannot be done here. */
export function refusals(origin: string): {
  readonly all: Refusal[];
  readonly add: (part: Refusal['part'], what: string, wayOut: string) => void;
} {
  const all: Refusal[] = [];
  return {
    all,
    add: (part, what, wayOut) =>
      void all.push({ part, reason: `${origin} says ${what}, which is not known here: give ${wayOut}.` }),
  };
}

/** A filter by its name; undefined for one that is not known here. */
export function interpolationOf(name: string): Preprocessing['interpolation'] | undefined {
  return interpolations.find((known) => known === name.toLowerCase());
}

/** What timm's `crop_pct` means: the side after the resize is the input's over it, rounded down. */
export function zoomOf(size: number, cropPct: number): number {
  return Math.floor(size / cropPct + 1e-9) / size;
}

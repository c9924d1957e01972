/**
 * The measures of video object segmentation (Perazzi et al. 2016; DAVIS 2017 evaluation): region similarity J, the Jaccard
 * index of an object; contour accuracy F, the F-measure of its boundary pixels under a small tolerance; over time their
 * mean, recall (share of frames above one half) and decay (first quarter minus last). The official DINO code has none.
 *
 * The public evaluation finds the pixels near a boundary by dilating with a disk; here each boundary pixel looks for one of
 * the other boundary in its disk, which is the same. As there, an object that covers the whole frame has no boundary, and
 * the first frame (it is given) and the last are not scored.
 */
import { checkMask, checkSameSize, type Mask } from '../../image/mask.ts';
import { onlyLabel } from '../../image/object-labels.ts';
import { jaccard } from '../attention/attention-masks.ts';

/** The official tolerance: 0.8 % of the image's diagonal. */
const BOUNDARY_TOLERANCE = 0.008;

/**
 * Boundary pixels: those whose right, lower or lower right neighbor differs; the last row looks only to the right, the last
 * column only down.
 *
 * @returns 0 or 1 for each pixel, [height, width]
 */
export function boundaryMap(mask: Mask): Uint8Array {
  checkMask(mask);
  const { height, width, data } = mask;
  const boundary = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const inside = data[i] !== 0;
      const differs = (j: number): boolean => (data[j] !== 0) !== inside;
      const right = x < width - 1 && differs(i + 1);
      const lower = y < height - 1 && differs(i + width);
      const both = x < width - 1 && y < height - 1 && differs(i + width + 1);
      if (right || lower || both) boundary[i] = 1;
    }
  }
  return boundary;
}

/** How far apart two boundary pixels may be and still match, pixels. */
export function boundaryRadius(height: number, width: number, tolerance = BOUNDARY_TOLERANCE): number {
  return Math.ceil(tolerance * Math.sqrt(height * height + width * width));
}

/**
 * F: harmonic mean of the share of predicted boundary pixels that match a true one and the share of true ones that match a
 * predicted one. 1 when neither mask has a boundary, 0 when only one has.
 *
 * @param tolerance radius of a match as a share of the diagonal
 */
export function boundaryF(truth: Mask, prediction: Mask, tolerance = BOUNDARY_TOLERANCE): number {
  checkSameSize(truth, prediction);
  const { height, width } = truth;
  const radius = boundaryRadius(height, width, tolerance);
  const [wanted, got] = [boundaryMap(truth), boundaryMap(prediction)];
  const [isWanted, isGot] = [wanted.includes(1), got.includes(1)];
  if (!isWanted || !isGot) return isWanted === isGot ? 1 : 0;
  const precision = matchedShare(got, wanted, height, width, radius);
  const recall = matchedShare(wanted, got, height, width, radius);
  return precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
}

/** Share of the pixels of `from` with a pixel of `to` at a Euclidean distance of at most `radius`. */
function matchedShare(
  from: Uint8Array,
  to: Uint8Array,
  height: number,
  width: number,
  radius: number,
): number {
  let [matched, count] = [0, 0];
  for (let i = from.indexOf(1); i >= 0; i = from.indexOf(1, i + 1)) {
    count++;
    if (hasNear(to, height, width, Math.floor(i / width), i % width, radius)) matched++;
  }
  return matched / count;
}

function hasNear(
  map: Uint8Array,
  height: number,
  width: number,
  y: number,
  x: number,
  radius: number,
): boolean {
  if (map[y * width + x] === 1) return true;
  for (let dy = -Math.min(radius, y); dy <= Math.min(radius, height - 1 - y); dy++) {
    const reach = Math.floor(Math.sqrt(radius * radius - dy * dy));
    const start = (y + dy) * width + Math.max(0, x - reach);
    const end = (y + dy) * width + Math.min(width - 1, x + reach);
    for (let i = start; i <= end; i++) if (map[i] === 1) return true;
  }
  return false;
}

export interface SequenceStatistics {
  readonly mean: number;
  /** Share of values above one half. */
  readonly recall: number;
  /** Mean of the first quarter minus mean of the last. */
  readonly decay: number;
}

/** @throws RangeError when there are no values */
export function sequenceStatistics(values: ArrayLike<number>): SequenceStatistics {
  const n = values.length;
  if (n === 0) throw new RangeError('A sequence without values has no mean: score at least one frame.');
  const mean = (from: number, to: number): number => {
    let sum = 0;
    for (let i = from; i <= to; i++) sum += values[i]!;
    return sum / (to - from + 1);
  };
  /** End of the k-th quarter; the official code adds 1e-10 so that halves round up. */
  const quarter = (k: number): number => Math.round(1 + ((n - 1) * k) / 4 + 1e-10) - 1;
  const above = Array.from(values).filter((value) => value > 0.5).length;
  return {
    mean: mean(0, n - 1),
    recall: above / n,
    decay: mean(quarter(0), quarter(1)) - mean(quarter(3), quarter(4)),
  };
}

/** J and F of objects over the frames of a video. */
export interface ObjectMeasures {
  readonly objects: number;
  readonly frames: number;
  /** [objects, frames], the first and last frame included */
  readonly j: Float64Array;
  /** [objects, frames] */
  readonly f: Float64Array;
}

/**
 * Compares the masks of a video, label by label: object i has the label i + 1.
 *
 * @param objects how many there are; the default is the largest label of the first true mask
 */
export function objectMeasures(
  truth: readonly Mask[],
  prediction: readonly Mask[],
  objects = largestLabel(truth[0]),
): ObjectMeasures {
  const frames = truth.length;
  if (prediction.length !== frames) {
    throw new RangeError(
      `A video of ${frames} true masks has ${prediction.length} predicted ones: give one for each frame.`,
    );
  }
  const j = new Float64Array(objects * frames);
  const f = new Float64Array(objects * frames);
  for (let frame = 0; frame < frames; frame++) {
    for (let object = 0; object < objects; object++) {
      const [wanted, got] = [onlyLabel(truth[frame]!, object + 1), onlyLabel(prediction[frame]!, object + 1)];
      j[object * frames + frame] = jaccard(wanted, got);
      f[object * frames + frame] = boundaryF(wanted, got);
    }
  }
  return { objects, frames, j, f };
}

function largestLabel(mask: Mask | undefined): number {
  return mask?.data.reduce((largest, label) => Math.max(largest, label), 0) ?? 0;
}

export interface VideoScores {
  /** Of each object. */
  readonly j: readonly SequenceStatistics[];
  readonly f: readonly SequenceStatistics[];
  /** Means over objects of the means over time; `jAndF` is their mean, the benchmark's main number. */
  readonly jMean: number;
  readonly fMean: number;
  readonly jAndF: number;
}

/**
 * The scores of one video, over the frames between its first and its last.
 *
 * @throws RangeError when there is no such frame, or no object
 */
export function videoScores({ objects, frames, j, f }: ObjectMeasures): VideoScores {
  if (objects === 0) throw new RangeError('The first mask has no object, so there is nothing to score.');
  if (frames < 3) {
    throw new RangeError(
      `A video of ${frames} frame${frames === 1 ? '' : 's'} has none to score, as the first and the last do not count: give three or more.`,
    );
  }
  const statistics = (values: Float64Array): SequenceStatistics[] =>
    Array.from({ length: objects }, (_, i) =>
      sequenceStatistics(values.subarray(i * frames + 1, (i + 1) * frames - 1)),
    );
  const meanOf = (of: readonly SequenceStatistics[]): number =>
    of.reduce((sum, { mean }) => sum + mean, 0) / objects;
  const [ofJ, ofF] = [statistics(j), statistics(f)];
  const [jMean, fMean] = [meanOf(ofJ), meanOf(ofF)];
  return { j: ofJ, f: ofF, jMean, fMean, jAndF: (jMean + fMean) / 2 };
}

/**
 * t-SNE (van der Maaten and Hinton 2008; Barnes-Hut: van der Maaten 2014): a map in the plane that keeps neighbors together.
 * The paper of DINO shows one of its features (appendix); the official code has none. Schedule and defaults are those of
 * scikit-learn's TSNE: start from the first two principal components, exaggeration 12 for 250 iterations, learning rate n / 48.
 */
import type { Engine } from '../../engine/engine.ts';
import { Random } from '../../random/random.ts';
import { countFiniteRows, type FeatureRows } from '../../rows/feature-rows.ts';
import { fitPca, projectPca } from '../../rows/pca.ts';
import { Quadtree } from './quadtree.ts';
import { type Affinities, calibrate, nearestRows, symmetrize } from './tsne-affinities.ts';

export interface TsneOptions {
  /** About how many neighbors count. Default 30; lowered to (n - 1) / 3 where there are too few rows. */
  readonly perplexity?: number;
  /** Default 1000. */
  readonly iterations?: number;
  /** How coarse the repulsion may be, 0 (exact) to 0.7. Default 0.5. */
  readonly theta?: number;
  /** Where to start; `random` is drawn from the seed. Default `pca`. */
  readonly start?: 'pca' | 'random';
  /** Default 0. */
  readonly seed?: number;
  /** After every 50 iterations. */
  readonly onProgress?: (done: number, total: number, divergence: number) => void;
}

export interface TsneMap {
  /** [rows, 2] */
  readonly positions: Float64Array;
  /** As it was used. */
  readonly perplexity: number;
  /** KL(P || Q) at the end, nats. */
  readonly divergence: number;
  readonly iterations: number;
}

const EXAGGERATION = 12;
const EXAGGERATED = 250;
/** Standard deviation of the first coordinate at the start. */
const START = 1e-4;
const CHECK = 50;
const PATIENCE = 300;
const LEAST_GRADIENT = 1e-7;
const LEAST_GAIN = 0.01;

/**
 * A map of rows.
 *
 *     const { positions } = await tsne(ortNode, features, { perplexity: 20 });
 *
 * @throws RangeError when there are no rows, a value is not finite, or an option is out of range
 */
export async function tsne(engine: Engine, rows: FeatureRows, options: TsneOptions = {}): Promise<TsneMap> {
  const { perplexity = 30, iterations = 1000, theta = 0.5 } = options;
  const count = countFiniteRows(rows, 'The features to map');
  if (!(perplexity >= 1))
    throw new RangeError(`A perplexity of ${perplexity} means no neighbor: give 1 or more.`);
  if (!(theta >= 0 && theta <= 0.7))
    throw new RangeError(
      `Theta is ${theta}: give 0 (exact) to 0.7, beyond which a cell could act on its own points.`,
    );
  if (!Number.isInteger(iterations) || iterations < 1)
    throw new RangeError(`${iterations} iterations cannot be done: give a whole number, 1 or more.`);
  const used = usablePerplexity(perplexity, count);
  if (count === 1) return { positions: new Float64Array(2), perplexity: used, divergence: 0, iterations: 0 };
  const nearest = await nearestRows(engine, rows, Math.min(count - 1, Math.floor(3 * used + 1)));
  const affinities = symmetrize(nearest, calibrate(nearest, used));
  const descent = new TsneDescent(affinities, await startingPositions(engine, rows, options), theta);
  const done = descent.run(iterations, options.onProgress);
  return {
    positions: descent.positions,
    perplexity: used,
    divergence: descent.divergence(),
    iterations: done,
  };
}

/** The perplexity that so many rows can have: a third of the others, as three times as many neighbors are looked at. */
export function usablePerplexity(perplexity: number, count: number): number {
  return Math.max(1, Math.min(perplexity, (count - 1) / 3));
}

async function startingPositions(
  engine: Engine,
  rows: FeatureRows,
  { start = 'pca', seed = 0 }: TsneOptions,
): Promise<Float64Array> {
  const count = rows.values.length / rows.dim;
  const random = new Random(seed, 'tsne');
  const positions = Float64Array.from({ length: 2 * count }, () => START * random.normal());
  if (start === 'random') return positions;
  const { values, dim } = await projectPca(engine, await fitPca(engine, rows, 2), rows);
  let square = 0;
  for (let i = 0; i < count; i++) square += values[i * dim]! ** 2 / count;
  const factor = START / Math.sqrt(square);
  if (!(square > 0 && Number.isFinite(factor))) return positions; // all rows are alike
  for (let i = 0; i < count; i++)
    for (let d = 0; d < Math.min(2, dim); d++) positions[2 * i + d] = factor * values[i * dim + d]!;
  return positions;
}

/** One of the two parts of a descent. */
interface Phase {
  readonly momentum: number;
  readonly exaggeration: number;
  watch(done: number, divergence: number): void;
}

/** Gradient descent with momentum and gains. Nothing is allocated after it was made. */
export class TsneDescent {
  /** [rows, 2] */
  readonly positions: Float64Array;
  readonly #affinities: Affinities;
  readonly #theta: number;
  readonly #tree: Quadtree;
  readonly #gradient: Float64Array;
  readonly #repulsion: Float64Array;
  readonly #update: Float64Array;
  readonly #gains: Float64Array;
  readonly #rate: number;

  constructor(affinities: Affinities, positions: Float64Array, theta: number) {
    const count = positions.length / 2;
    this.positions = positions;
    this.#affinities = affinities;
    this.#theta = theta;
    this.#tree = new Quadtree(count);
    this.#gradient = new Float64Array(2 * count);
    this.#repulsion = new Float64Array(2 * count);
    this.#update = new Float64Array(2 * count);
    this.#gains = new Float64Array(2 * count);
    this.#rate = Math.max(count / EXAGGERATION / 4, 50);
  }

  /** @returns iterations that were done: it ends early where nothing moves or nothing gets better */
  run(iterations: number, onProgress?: TsneOptions['onProgress']): number {
    const first = Math.min(EXAGGERATED, iterations);
    const watch = (done: number, divergence: number): void => onProgress?.(done, iterations, divergence);
    const early = this.#phase(0, first, { momentum: 0.5, exaggeration: EXAGGERATION, watch });
    return iterations > first
      ? this.#phase(early, iterations, { momentum: 0.8, exaggeration: 1, watch })
      : early;
  }

  #phase(from: number, to: number, { momentum, exaggeration, watch }: Phase): number {
    this.#update.fill(0);
    this.#gains.fill(1);
    let [best, bestAt] = [Number.POSITIVE_INFINITY, from];
    for (let done = from + 1; done <= to; done++) {
      const norm = this.#step(momentum, exaggeration);
      if (done % CHECK !== 0 && done !== to) continue;
      const divergence = this.divergence();
      watch(done, divergence);
      if (divergence < best) [best, bestAt] = [divergence, done];
      if (done - bestAt > PATIENCE || norm <= LEAST_GRADIENT) return done;
    }
    return to;
  }

  /** @returns length of the gradient */
  #step(momentum: number, exaggeration: number): number {
    this.gradient(exaggeration, this.#gradient);
    const [gradient, update, gains, positions] = [this.#gradient, this.#update, this.#gains, this.positions];
    let square = 0;
    for (let i = 0; i < positions.length; i++) {
      const slope = gradient[i]!;
      square += slope * slope;
      const before = gains[i]!;
      const gain = Math.max(LEAST_GAIN, update[i]! * slope < 0 ? before + 0.2 : before * 0.8);
      gains[i] = gain;
      const move = momentum * update[i]! - this.#rate * gain * slope;
      update[i] = move;
      positions[i] = positions[i]! + move;
    }
    return Math.sqrt(square);
  }

  /**
   * 4 sum_j (e p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2) of every point.
   *
   * @param exaggeration e, of the attraction
   * @param into overwritten, [rows, 2]
   */
  gradient(exaggeration: number, into: Float64Array): void {
    const { starts, columns, values } = this.#affinities;
    const { positions } = this;
    this.#tree.build(positions, this.#theta);
    const total = this.#tree.repulsion(this.#repulsion);
    const count = positions.length / 2;
    for (let row = 0; row < count; row++) {
      const x = positions[2 * row]!;
      const y = positions[2 * row + 1]!;
      let [pullX, pullY] = [0, 0];
      for (let i = starts[row]!; i < starts[row + 1]!; i++) {
        const other = 2 * columns[i]!;
        const dx = x - positions[other]!;
        const dy = y - positions[other + 1]!;
        const pull = values[i]! / (1 + dx * dx + dy * dy);
        pullX += pull * dx;
        pullY += pull * dy;
      }
      const push = total > 0 ? 1 / total : 0;
      into[2 * row] = 4 * (exaggeration * pullX - push * this.#repulsion[2 * row]!);
      into[2 * row + 1] = 4 * (exaggeration * pullY - push * this.#repulsion[2 * row + 1]!);
    }
  }

  /** KL(P || Q), nats; the normalizer of Q as coarse as the repulsion. */
  divergence(): number {
    const { starts, columns, values } = this.#affinities;
    const { positions } = this;
    this.#tree.build(positions, this.#theta);
    const total = this.#tree.repulsion(this.#repulsion);
    let sum = 0;
    for (let row = 0; row < positions.length / 2; row++) {
      for (let i = starts[row]!; i < starts[row + 1]!; i++) {
        const p = values[i]!;
        const dx = positions[2 * row]! - positions[2 * columns[i]!]!;
        const dy = positions[2 * row + 1]! - positions[2 * columns[i]! + 1]!;
        if (p > 0) sum += p * Math.log(p * total * (1 + dx * dx + dy * dy));
      }
    }
    return sum;
  }
}

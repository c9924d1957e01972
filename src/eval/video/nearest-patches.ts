/**
 * The selection half of label propagation: of the cosines between a target patch and the source patches in its neighborhood
 * the k largest stay, and what equals the k-th (official `label_propagation`: smaller than the k-th largest becomes 0).
 * Their weights are exp(cosine / T) divided by their sum.
 */
import type { PatchBlock, PatchBlocks } from './patch-blocks.ts';

/** For each target patch its sources and their weights, which sum to 1. */
export interface SparseAffinity {
  /** The entries of target t are `starts[t]` .. `ends[t]` - 1. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Source frame times patches plus patch. */
  readonly sources: readonly number[];
  readonly weights: readonly number[];
}

/** Collects the sources of one target frame, block by block. */
export class NearestPatches {
  readonly #blocks: PatchBlocks;
  readonly #frames: number;
  readonly #temperature: number;
  readonly #largest: LargestWithTies;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #sources: number[] = [];
  readonly #weights: number[] = [];

  /** @param frames number of source frames */
  constructor(blocks: PatchBlocks, frames: number, topk: number, temperature: number) {
    const patches = blocks.grid.rows * blocks.grid.columns;
    this.#blocks = blocks;
    this.#frames = frames;
    this.#temperature = temperature;
    this.#largest = new LargestWithTies(topk);
    this.#starts = new Int32Array(patches);
    this.#ends = new Int32Array(patches);
  }

  get affinity(): SparseAffinity {
    return { starts: this.#starts, ends: this.#ends, sources: this.#sources, weights: this.#weights };
  }

  /** @param cosines [frames, block rows * columns, window rows * columns] */
  search(block: PatchBlock, cosines: Float32Array): void {
    const { rows, columns } = this.#blocks;
    for (let y = block.from; y < block.top + rows; y++)
      for (let x = block.left; x < block.left + columns; x++) this.#searchTarget(y, x, block, cosines);
  }

  #searchTarget(y: number, x: number, block: PatchBlock, cosines: Float32Array): void {
    const { grid, reach, columns: blockColumns, windowColumns } = this.#blocks;
    const targets = this.#blocks.rows * blockColumns;
    const window = this.#blocks.windowRows * windowColumns;
    const largest = this.#largest;
    const [top, bottom] = [Math.max(0, y - reach), Math.min(grid.rows - 1, y + reach)];
    const [left, right] = [Math.max(0, x - reach), Math.min(grid.columns - 1, x + reach)];
    const target = (y - block.top) * blockColumns + x - block.left;
    let wanted = largest.clear();
    for (let frame = 0; frame < this.#frames; frame++) {
      for (let row = top; row <= bottom; row++) {
        const source = (frame * grid.rows + row) * grid.columns;
        const at =
          (frame * targets + target) * window + (row - block.windowTop) * windowColumns - block.windowLeft;
        for (let column = left; column <= right; column++) {
          const cosine = cosines[at + column]!;
          if (cosine >= wanted) wanted = largest.offer(cosine, source + column);
        }
      }
    }
    this.#keep(y * grid.columns + x);
  }

  /** Weights of what was selected for a target. */
  #keep(target: number): void {
    const { values, positions, count, ties } = this.#largest;
    const peak = values[0]!; // the sum is at least 1, whatever the temperature
    const weight = (value: number): number => Math.exp((value - peak) / this.#temperature);
    const tied = weight(values[count - 1]!);
    let sum = ties.length * tied;
    for (let i = 0; i < count; i++) sum += weight(values[i]!);
    this.#starts[target] = this.#sources.length;
    for (let i = 0; i < count; i++) this.#add(positions[i]!, weight(values[i]!) / sum);
    for (const position of ties) this.#add(position, tied / sum);
    this.#ends[target] = this.#sources.length;
  }

  #add(source: number, weight: number): void {
    this.#sources.push(source);
    this.#weights.push(weight);
  }
}

/** The k largest of the values offered, largest first, and all that equal the k-th. */
class LargestWithTies {
  readonly values: Float64Array;
  readonly positions: Int32Array;
  count = 0;
  /** Positions beyond the k whose value is the k-th. */
  readonly ties: number[] = [];

  constructor(k: number) {
    this.values = new Float64Array(k);
    this.positions = new Int32Array(k);
  }

  /** Empties the list. @returns the value from which on offers matter */
  clear(): number {
    this.count = 0;
    this.ties.length = 0;
    return Number.NEGATIVE_INFINITY;
  }

  /** @returns the value from which on offers matter */
  offer(value: number, position: number): number {
    const { values, positions, ties } = this;
    const last = values.length - 1;
    if (this.count <= last) {
      this.#insert(this.count++, value, position);
      return this.count <= last ? Number.NEGATIVE_INFINITY : values[last]!;
    }
    const [smallest, smallestPosition] = [values[last]!, positions[last]!];
    if (value <= smallest) {
      if (value === smallest) ties.push(position);
      return smallest;
    }
    this.#insert(last, value, position);
    if (values[last] === smallest) ties.push(smallestPosition);
    else ties.length = 0;
    return values[last]!;
  }

  /** Moves a value from place `at` up to where it belongs. */
  #insert(at: number, value: number, position: number): void {
    const { values, positions } = this;
    let place = at;
    for (; place > 0 && values[place - 1]! < value; place--) {
      values[place] = values[place - 1]!;
      positions[place] = positions[place - 1]!;
    }
    values[place] = value;
    positions[place] = position;
  }
}

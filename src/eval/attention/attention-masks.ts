/**
 * Masks from attention, and how well they cover objects (section 4.2.2 of the paper and `visualize_attention.py`): of each
 * head the smallest set of patches that holds a share of the mass; an object's score is that of its best head. The
 * official repository makes the masks; the comparison with objects is ours, after the paper.
 */
import { checkMask, checkSameSize, type Mask } from '../../image/mask.ts';
import { mean } from '../../rows/mean.ts';
import type { PatchGrid } from './attention-maps.ts';

/** The share of the mass that the paper's masks hold. */
export const MASK_SHARE = 0.6;

/**
 * The patches that hold `share` of a map's mass: sorted ascending, an element is kept where the running sum (itself
 * included) exceeds 1 - share. Of equal values the later patch counts as larger. A map without mass gives an empty mask.
 *
 * @param map attention of one head to the patches; any positive scale
 * @returns 1 for kept patches
 * @throws RangeError when a value is negative or not a number
 */
export function attentionMask(map: Float32Array, share = MASK_SHARE): Uint8Array {
  let total = 0;
  for (const [patch, value] of map.entries()) {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      throw new RangeError(
        `The attention to patch ${patch} is ${value}, so no mask can be made of it: check the network's weights.`,
      );
    }
    total += value;
  }
  const order = Array.from(map.keys()).sort((a, b) => map[a]! - map[b]! || a - b);
  const mask = new Uint8Array(map.length);
  let sum = 0;
  for (const i of order) {
    sum += map[i]! / total;
    mask[i] = sum > 1 - share ? 1 : 0;
  }
  return mask;
}

/** The masks of several heads: [heads, patches] -> [heads, patches] of 0 and 1. */
export function attentionMasks(maps: Float32Array, heads: number, share = MASK_SHARE): Uint8Array {
  const patches = maps.length / heads;
  const masks = new Uint8Array(maps.length);
  for (let start = 0; start < maps.length; start += patches)
    masks.set(attentionMask(maps.subarray(start, start + patches), share), start);
  return masks;
}

/** Intersection over union of what is not background in two masks of one size; 1 if both are empty. */
export function jaccard(a: Mask, b: Mask): number {
  checkSameSize(a, b);
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.data.length; i++) {
    const [inA, inB] = [a.data[i] !== 0, b.data[i] !== 0];
    if (inA && inB) both++;
    if (inA || inB) either++;
  }
  return either === 0 ? 1 : both / either;
}

/**
 * Jaccard index of every head's mask with every object, in pixels. (Computed from the object's pixels in each patch, which
 * is the same number as comparing enlarged masks.)
 *
 * @param masks of patches, [heads, rows * columns]
 * @param objects masks of rows * patch by columns * patch pixels; see `maskLikeView` for those of another size
 * @param ignored pixels that belong to neither side, such as the void borders of PASCAL VOC; a mask of the same size
 * @returns [objects, heads]
 */
export function jaccardTable(
  masks: Uint8Array,
  heads: number,
  grid: PatchGrid,
  objects: readonly Mask[],
  ignored?: Mask,
): Float64Array {
  const patches = grid.rows * grid.columns;
  if (masks.length !== heads * patches) {
    throw new RangeError(
      `${masks.length} values are no masks of ${heads} heads on a grid of ${grid.rows} x ${grid.columns}: give the grid of their image.`,
    );
  }
  const table = new Float64Array(objects.length * heads);
  const left = new Float64Array(patches).fill(grid.patch ** 2);
  if (ignored !== undefined) for (const [i, n] of pixelsOfPatches(ignored, grid).entries()) left[i]! -= n;
  for (const [index, object] of objects.entries()) {
    const pixels = pixelsOfPatches(object, grid);
    const total = pixels.reduce((sum, n) => sum + n, 0);
    for (let head = 0; head < heads; head++) {
      let [kept, both] = [0, 0];
      for (let i = 0; i < patches; i++) {
        if (masks[head * patches + i] === 0) continue;
        kept += left[i]!;
        both += pixels[i]!;
      }
      const either = kept + total - both;
      table[index * heads + head] = either === 0 ? 1 : both / either;
    }
  }
  return table;
}

/** How many pixels of the object each patch has. */
function pixelsOfPatches(object: Mask, { rows, columns, patch }: PatchGrid): Float64Array {
  checkMask(object);
  const { height, width, data } = object;
  if (height !== rows * patch || width !== columns * patch) {
    throw new RangeError(
      `An object's mask has ${height} x ${width} pixels and the network saw ${rows * patch} x ${columns * patch}: bring it to that size with maskLikeView.`,
    );
  }
  const pixels = new Float64Array(rows * columns);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / patch) * columns;
    for (let x = 0; x < width; x++) if (data[y * width + x] !== 0) pixels[row + Math.floor(x / patch)]!++;
  }
  return pixels;
}

export interface ObjectScores {
  /** Of each object the head with the highest Jaccard index, the first of equal ones. [objects] */
  readonly bestHeads: Int32Array;
  /** Their Jaccard indices. [objects] */
  readonly best: Float64Array;
  /** The paper's score: the mean over objects of their best heads. NaN without objects. */
  readonly meanOfBest: number;
  /** Mean over all heads and objects. NaN without objects. */
  readonly mean: number;
}

/** The scores of objects from their Jaccard indices, [objects, heads]. */
export function objectScores(table: Float64Array, heads: number): ObjectScores {
  const objects = table.length / heads;
  const bestHeads = new Int32Array(objects);
  for (let object = 0; object < objects; object++) {
    const row = object * heads;
    for (let head = 1; head < heads; head++)
      if (table[row + head]! > table[row + bestHeads[object]!]!) bestHeads[object] = head;
  }
  const best = Float64Array.from(bestHeads, (head, object) => table[object * heads + head]!);
  return { bestHeads, best, meanOfBest: mean(best), mean: mean(table) };
}

/**
 * The best head's Jaccard index for one object.
 *
 * @param maps [heads, rows * columns]
 * @param object mask of rows * patch by columns * patch pixels
 */
export function bestHeadJaccard(
  maps: Float32Array,
  grid: PatchGrid,
  object: Mask,
  share = MASK_SHARE,
): number {
  const heads = maps.length / (grid.rows * grid.columns);
  const table = jaccardTable(attentionMasks(maps, heads, share), heads, grid, [object]);
  return objectScores(table, heads).meanOfBest;
}

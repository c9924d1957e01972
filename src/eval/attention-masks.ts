/**
 * Masks from attention, and how well they cover objects (section 4.2.2 of the paper and `visualize_attention.py`): of each
 * head the smallest set of patches that holds a share of the mass; the score of an object is that of its best head.
 */

/**
 * The patches that hold `share` of a map's mass: sorted ascending, an element is kept where the running sum (itself
 * included) exceeds 1 - share.
 *
 * @param map attention of one head to the patches; any positive scale
 * @returns 1 for kept patches
 */
export function attentionMask(map: Float32Array, share: number): Uint8Array {
  const order = Array.from(map.keys()).sort((a, b) => map[a]! - map[b]! || a - b);
  let total = 0;
  for (const value of map) total += value;
  const mask = new Uint8Array(map.length);
  let sum = 0;
  for (const i of order) {
    sum += map[i]! / total;
    mask[i] = sum > 1 - share ? 1 : 0;
  }
  return mask;
}

/** Intersection over union of two masks of one size; 1 if both are empty. */
export function jaccard(a: Uint8Array, b: Uint8Array): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] === 1 && b[i] === 1) both++;
    if (a[i] === 1 || b[i] === 1) either++;
  }
  return either === 0 ? 1 : both / either;
}

/** A patch mask at pixel resolution: every patch becomes a square of `patch` pixels. */
export function enlargeMask(mask: Uint8Array, side: number, patch: number): Uint8Array {
  const width = side * patch;
  return Uint8Array.from({ length: width * width }, (_, i) => {
    const [row, column] = [Math.floor(Math.floor(i / width) / patch), Math.floor((i % width) / patch)];
    return mask[row * side + column] ?? 0;
  });
}

/**
 * The best head's Jaccard index for one object.
 *
 * @param maps [heads, side * side]
 * @param object mask of side * patch squared pixels
 */
export function bestHeadJaccard(
  maps: Float32Array,
  side: number,
  patch: number,
  object: Uint8Array,
  share = 0.6,
): number {
  let best = 0;
  for (let start = 0; start < maps.length; start += side * side) {
    const mask = attentionMask(maps.subarray(start, start + side * side), share);
    best = Math.max(best, jaccard(enlargeMask(mask, side, patch), object));
  }
  return best;
}

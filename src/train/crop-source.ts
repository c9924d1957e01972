/** Where a step gets its pixels. */

/**
 * Writes view group `group` of this rank's images `start` to `end` as normalized pixels, [count * images, C, S, S], view after view.
 */
export type CropSource = (group: number, start: number, end: number, into: Float32Array) => void;

/** The same as bytes that are not normalized, [count * images, S, S, C]: a device normalizes them. */
export type ByteCropSource = (group: number, start: number, end: number, into: Uint8Array) => void;

/** Crops in the form that a trainer wants. */
export interface CropSources {
  readonly pixels: CropSource;
  readonly bytes: ByteCropSource;
}

/**
 * Writes crops in the form that an array is for.
 *
 * @throws TypeError where bytes are wanted and there are none
 */
export function writeCrops(
  crops: CropSource | CropSources,
  group: number,
  [start, end]: readonly [number, number],
  into: Float32Array | Uint8Array,
): void {
  if (into instanceof Float32Array) {
    const write = typeof crops === 'function' ? crops : crops.pixels;
    write(group, start, end, into);
  } else if (typeof crops === 'function')
    throw new TypeError('This trainer normalizes crops on its device: give it their bytes, too.');
  else crops.bytes(group, start, end, into);
}

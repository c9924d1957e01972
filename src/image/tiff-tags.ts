/**
 * The numbers in the first directory of a TIFF file (TIFF 6.0 and BigTIFF), for what image libraries do not tell: the declared
 * range of the samples, what extra channels mean, how the data are compressed. An EXIF block has the same form.
 */

/** Values by tag; tags that hold texts, or more values than a description has, are left out. */
export type TiffTags = ReadonlyMap<number, readonly number[]>;

export const tiffTag = {
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  orientation: 274,
  samplesPerPixel: 277,
  minSampleValue: 280,
  maxSampleValue: 281,
  tileWidth: 322,
  inkSet: 332,
  extraSamples: 338,
  sMinSampleValue: 340,
  sMaxSampleValue: 341,
} as const;

/** Longer lists are tables (of strips, of colors), not descriptions. */
const MOST_VALUES = 64;

type ReadNumber = (view: DataView, at: number, little: boolean) => number;

/** Number types of TIFF: bytes of a value, and how it is read. */
const numberTypes: ReadonlyMap<number, readonly [size: number, read: ReadNumber]> = new Map<
  number,
  readonly [number, ReadNumber]
>([
  [1, [1, (view, at) => view.getUint8(at)]],
  [3, [2, (view, at, little) => view.getUint16(at, little)]],
  [4, [4, (view, at, little) => view.getUint32(at, little)]],
  [6, [1, (view, at) => view.getInt8(at)]],
  [8, [2, (view, at, little) => view.getInt16(at, little)]],
  [9, [4, (view, at, little) => view.getInt32(at, little)]],
  [11, [4, (view, at, little) => view.getFloat32(at, little)]],
  [12, [8, (view, at, little) => view.getFloat64(at, little)]],
  [16, [8, (view, at, little) => Number(view.getBigUint64(at, little))]],
  [17, [8, (view, at, little) => Number(view.getBigInt64(at, little))]],
]);

/** @returns no tags for bytes that are no TIFF file; those before the damage for a damaged one */
export function readTiffTags(bytes: Uint8Array): TiffTags {
  const tags = new Map<number, readonly number[]>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const order = view.getUint16(0);
    const little = order === 0x4949;
    const version = view.getUint16(2, little);
    if ((!little && order !== 0x4d4d) || (version !== 42 && version !== 43)) return tags;
    const isBig = version === 43;
    const offsetAt = (at: number): number =>
      isBig ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);
    const [entrySize, countSize, inline] = isBig ? [20, 8, 8] : [12, 2, 4];
    const start = offsetAt(isBig ? 8 : 4);
    const entries = isBig ? offsetAt(start) : view.getUint16(start, little);
    for (let i = 0; i < entries; i++) {
      const entry = start + countSize + i * entrySize;
      const [size, read] = numberTypes.get(view.getUint16(entry + 2, little)) ?? [];
      const count = offsetAt(entry + 4);
      if (size === undefined || read === undefined || count > MOST_VALUES) continue;
      const value = entry + 4 + (isBig ? 8 : 4);
      const from = size * count <= inline ? value : offsetAt(value);
      tags.set(
        view.getUint16(entry, little),
        Array.from({ length: count }, (_, each) => read(view, from + each * size, little)),
      );
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // beyond the end
  }
  return tags;
}

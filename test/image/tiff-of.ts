/** Writes TIFF files that image libraries do not write: any sample type, any tags, no scaling. */

const formats = {
  uint8: { bytes: 1, format: 1, array: Uint8Array },
  int8: { bytes: 1, format: 2, array: Int8Array },
  uint16: { bytes: 2, format: 1, array: Uint16Array },
  int16: { bytes: 2, format: 2, array: Int16Array },
  uint32: { bytes: 4, format: 1, array: Uint32Array },
  int32: { bytes: 4, format: 2, array: Int32Array },
  float32: { bytes: 4, format: 3, array: Float32Array },
  float64: { bytes: 8, format: 3, array: Float64Array },
} as const;

export type TiffSample = keyof typeof formats;

const SHORT = 3;
const LONG = 4;

/** One strip, little-endian; samples pixel by pixel. */
export function tiffOf(options: {
  readonly width: number;
  readonly height: number;
  readonly type: TiffSample;
  readonly samples: ArrayLike<number>;
  readonly channels?: number;
  /** 0 = white is zero, 1 = black is zero, 2 = RGB, 5 = inks. */
  readonly photometric?: number;
  readonly tags?: Readonly<Record<number, readonly number[]>>;
}): Buffer {
  const {
    width,
    height,
    type,
    samples,
    channels = 1,
    photometric = channels === 1 ? 1 : 2,
    tags = {},
  } = options;
  const { bytes, format, array } = formats[type];
  const data = Buffer.from(array.from(samples).buffer);
  const each = <T>(value: T): T[] => Array.from({ length: channels }, () => value);
  const all = new Map<number, readonly [type: number, values: readonly number[]]>([
    [256, [LONG, [width]]],
    [257, [LONG, [height]]],
    [258, [SHORT, each(8 * bytes)]],
    [259, [SHORT, [1]]],
    [262, [SHORT, [photometric]]],
    [273, [LONG, [0]]],
    [277, [SHORT, [channels]]],
    [278, [LONG, [height]]],
    [279, [LONG, [data.length]]],
    [339, [SHORT, each(format)]],
    ...Object.entries(tags).map(([tag, values]) => [Number(tag), [SHORT, values]] as const),
  ]);
  const sorted = [...all].sort(([a], [b]) => a - b);
  const directory = 8;
  let free = directory + 2 + 12 * sorted.length + 4;
  const outside: Buffer[] = [];
  const placed = sorted.map(([tag, [kind, values]]) => {
    const size = kind === SHORT ? 2 : 4;
    const value = Buffer.alloc(Math.max(4, size * values.length));
    values.forEach(
      (number, i) =>
        void (size === 2 ? value.writeUInt16LE(number, 2 * i) : value.writeUInt32LE(number, 4 * i)),
    );
    if (value.length === 4) return { tag, kind, count: values.length, value };
    const pointer = Buffer.alloc(4);
    pointer.writeUInt32LE(free);
    outside.push(value);
    free += value.length;
    return { tag, kind, count: values.length, value: pointer };
  });
  const head = Buffer.alloc(directory + 2 + 12 * sorted.length + 4);
  head.write('II*\0', 0, 'latin1');
  head.writeUInt32LE(directory, 4);
  head.writeUInt16LE(sorted.length, directory);
  for (const [i, { tag, kind, count, value }] of placed.entries()) {
    const at = directory + 2 + 12 * i;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(kind, at + 2);
    head.writeUInt32LE(count, at + 4);
    if (tag === 273) head.writeUInt32LE(free, at + 8);
    else head.set(value, at + 8);
  }
  return Buffer.concat([head, ...outside, data]);
}

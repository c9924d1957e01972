/**
 * Writes a state dict as `torch.save` does: a zip archive of stored entries with a pickle of protocol 2 that names nothing but
 * OrderedDict and tensors, so that it loads with `weights_only=True`. The tensors' own memory is written, no second copy
 * of a large network is made.
 */
import { crc32 } from './crc32.ts';
import { type Dtype, itemSize, type StoredTensor } from './safetensors.ts';

const storageNames: Readonly<Record<Dtype, string>> = {
  F32: 'FloatStorage',
  F64: 'DoubleStorage',
  F16: 'HalfStorage',
  BF16: 'BFloat16Storage',
  I64: 'LongStorage',
  I32: 'IntStorage',
  I16: 'ShortStorage',
  I8: 'CharStorage',
  U8: 'ByteStorage',
  BOOL: 'BoolStorage',
};

/** torch aligns the data of entries to this many bytes, so that files can be mapped into memory. */
const ALIGNMENT = 64;
/** The folder inside the archive. */
const FOLDER = 'archive';

/**
 * @param tensors in the order they shall have in the dictionary
 * @param attributes texts that the dictionary has as attributes; who loads it as a state dict does not notice them
 * @returns segments to be written one after another
 * @throws RangeError for 4 GiB and more, which needs an extension of the format
 */
export function serializeTorch(
  tensors: ReadonlyMap<string, StoredTensor>,
  attributes: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const archive = new Archive();
  archive.add(`${FOLDER}/data.pkl`, pickleOf(tensors, attributes));
  archive.add(`${FOLDER}/byteorder`, text('little'));
  for (const [i, { data }] of [...tensors.values()].entries()) {
    archive.add(`${FOLDER}/data/${i}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  archive.add(`${FOLDER}/version`, text('3\n'));
  return archive.finish();
}

/** OrderedDict([(name, _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())), ...]) */
function pickleOf(
  tensors: ReadonlyMap<string, StoredTensor>,
  attributes: Readonly<Record<string, string>>,
): Uint8Array {
  const out = new PickleWriter();
  out.code(0x80, 2);
  out.global('collections', 'OrderedDict');
  out.code(0x29, 0x52, 0x28); // () REDUCE MARK
  for (const [i, [name, { dtype, shape, data }]] of [...tensors].entries()) {
    out.text(name);
    out.global('torch._utils', '_rebuild_tensor_v2');
    out.code(0x28, 0x28); // MARK MARK
    out.text('storage');
    out.global('torch', storageNames[dtype]);
    out.text(String(i));
    out.text('cpu');
    out.integer(data.byteLength / itemSize(dtype));
    out.code(0x74, 0x51); // TUPLE BINPERSID
    out.integer(0);
    out.integers(shape);
    out.integers(stridesOf(shape));
    out.code(0x89); // False: requires no gradient
    out.global('collections', 'OrderedDict');
    out.code(0x29, 0x52, 0x74, 0x52); // () REDUCE, TUPLE REDUCE
  }
  out.code(0x75); // SETITEMS
  if (Object.keys(attributes).length > 0) {
    out.code(0x7d, 0x28); // EMPTY_DICT MARK
    for (const [name, value] of Object.entries(attributes)) {
      out.text(name);
      out.text(value);
    }
    out.code(0x75, 0x62); // SETITEMS BUILD
  }
  out.code(0x2e); // STOP
  return out.bytes();
}

function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

class PickleWriter {
  readonly #bytes: number[] = [];

  code(...codes: readonly number[]): void {
    this.#bytes.push(...codes);
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.code(0x58);
    this.#word(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
  }

  global(module: string, name: string): void {
    this.code(0x63);
    for (const byte of new TextEncoder().encode(`${module}\n${name}\n`)) this.#bytes.push(byte);
  }

  integer(value: number): void {
    if (value < 2 ** 31) {
      this.code(0x4a);
      this.#word(value);
      return;
    }
    this.code(0x8a, 8); // LONG1
    this.#word(value % 2 ** 32);
    this.#word(Math.floor(value / 2 ** 32));
  }

  /** A tuple. */
  integers(values: readonly number[]): void {
    this.code(0x28);
    for (const value of values) this.integer(value);
    this.code(0x74);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #word(value: number): void {
    this.code(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff);
  }
}

/** A zip archive of stored entries. */
class Archive {
  readonly #segments: Uint8Array[] = [];
  readonly #directory: Uint8Array[] = [];
  #position = 0;

  add(path: string, data: Uint8Array): void {
    const name = new TextEncoder().encode(path);
    const start = this.#position;
    const unpadded = start + 30 + name.length + 4;
    const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
    const checksum = crc32(data);
    const local = new Uint8Array(30 + name.length + 4 + padding);
    const view = new DataView(local.buffer);
    view.setUint32(0, 0x04034b50, true);
    this.#describe(view, 4, data.length, checksum, name.length);
    view.setUint16(28, 4 + padding, true);
    local.set(name, 30);
    view.setUint16(30 + name.length, 0x4246, true); // an extra field of zeros, as torch pads
    view.setUint16(32 + name.length, padding, true);
    this.#write(local);
    this.#write(data);

    const central = new Uint8Array(46 + name.length);
    const entry = new DataView(central.buffer);
    entry.setUint32(0, 0x02014b50, true);
    this.#describe(entry, 6, data.length, checksum, name.length);
    entry.setUint32(42, start, true);
    central.set(name, 46);
    this.#directory.push(central);
  }

  finish(): Uint8Array[] {
    const start = this.#position;
    const count = this.#directory.length;
    for (const entry of this.#directory) this.#write(entry);
    if (this.#position >= 2 ** 32 || count >= 2 ** 16)
      throw new RangeError('A .pth file of 4 GiB or of 65,536 tensors cannot be written: use safetensors.');
    const end = new Uint8Array(22);
    const view = new DataView(end.buffer);
    view.setUint32(0, 0x06054b50, true);
    view.setUint16(8, count, true);
    view.setUint16(10, count, true);
    view.setUint32(12, this.#position - start, true);
    view.setUint32(16, start, true);
    this.#write(end);
    return this.#segments;
  }

  /** Version, flags, method, time, checksum and sizes: the same in both headers. */
  #describe(view: DataView, at: number, size: number, checksum: number, nameLength: number): void {
    if (at === 6) view.setUint16(4, 20, true);
    view.setUint16(at, 20, true);
    view.setUint16(at + 2, 1 << 11, true); // names are UTF-8
    view.setUint16(at + 8, (1 << 5) | 1, true); // the first of January 1980: the same tensors give the same bytes
    view.setUint32(at + 10, checksum, true);
    view.setUint32(at + 14, size % 2 ** 32, true);
    view.setUint32(at + 18, size % 2 ** 32, true);
    view.setUint16(at + 22, nameLength, true);
  }

  #write(bytes: Uint8Array): void {
    this.#segments.push(bytes);
    this.#position += bytes.length;
  }
}

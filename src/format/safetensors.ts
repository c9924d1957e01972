/**
 * The safetensors format (huggingface/safetensors, README section "Format"): 8 bytes little-endian header length N, N bytes
 * of JSON `{name: {dtype, shape, data_offsets: [begin, end]}, __metadata__: {key: text}}`, then the tensors' bytes.
 *
 * Reading is strict, because a checkpoint that loads wrongly is worse than one that does not load: the tensors must tile
 * the data exactly (no hole, no overlap, nothing after the last) and each must have the size that its shape says. Where
 * the file is less aligned than a typed array needs, that tensor alone is copied; otherwise tensors are views of `bytes`.
 * F16 and BF16 stay 16-bit words (`Uint16Array`); `f32` widens them. Multi-byte values are read in the machine's order,
 * which is little-endian on every platform that JavaScript runs on today.
 */
import type { ByteSource } from './byte-source.ts';
import { elementCount } from './element-count.ts';

/** The array that holds a tensor of each dtype. */
interface Storage {
  F64: Float64Array;
  F32: Float32Array;
  /** IEEE half precision, as bits. */
  F16: Uint16Array;
  /** The upper half of a float32, as bits. */
  BF16: Uint16Array;
  I64: BigInt64Array;
  I32: Int32Array;
  I16: Int16Array;
  I8: Int8Array;
  U8: Uint8Array;
  /** One byte each, 0 or 1. */
  BOOL: Uint8Array;
}

export type Dtype = keyof Storage;

/** A tensor of one dtype; `data` is row-major and holds exactly the product of `shape` elements. */
export interface TensorOf<D extends Dtype> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: Storage[D];
}

/** A tensor as it lies in the file; narrow it by `dtype`. */
export type StoredTensor = { [D in Dtype]: TensorOf<D> }[Dtype];

export interface Safetensors {
  /** In the order of their bytes in the file. */
  readonly tensors: Map<string, StoredTensor>;
  readonly metadata: Record<string, string>;
}

const itemSizes: Record<Dtype, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** The reference implementation's limit; a longer header is a damaged or hostile file. */
const headerLimit = 100_000_000;

interface Entry {
  readonly tensor: string;
  readonly dtype: Dtype;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

/** Whether a file begins as this format does: the length of a header that fits into the file, then an object of JSON. */
export function looksLikeSafetensors(source: ByteSource): boolean {
  if (source.size < 10) return false;
  const start = source.read(0, 9);
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  return start[8] === '{'.charCodeAt(0) && length >= 2n && length <= BigInt(source.size - 8);
}

/**
 * Reads a whole safetensors file.
 *
 * @param bytes the file; the tensors are views of it wherever its alignment allows, so do not overwrite it
 * @param name what to call the file in errors, such as its path
 * @throws Error, one sentence that names the file and the tensor, when anything about the file is not as the format demands
 */
export function parseSafetensors(bytes: Uint8Array, name: string): Safetensors {
  const dataStart = 8 + headerLength(bytes, bytes.length, name);
  const { __metadata__: metadata = {}, ...described } = parseHeader(bytes.subarray(8, dataStart), name);
  const entries = Object.entries(described).map(([key, value]) => parseEntry(key, value, name));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkTiling(entries, bytes.length - dataStart, name);
  const tensors = new Map<string, StoredTensor>();
  for (const entry of entries) {
    const slice = bytes.subarray(dataStart + entry.begin, dataStart + entry.end);
    tensors.set(entry.tensor, storedTensor(entry, slice, name));
  }
  return { tensors, metadata: parseMetadata(metadata, name) };
}

/**
 * Reads what a safetensors file says about itself, and no tensor.
 *
 * @throws Error, one sentence that names the file, if its header is damaged
 */
export function readMetadata(source: ByteSource): Record<string, string> {
  const length = headerLength(source.read(0, Math.min(8, source.size)), source.size, source.name);
  const { __metadata__: metadata = {} } = parseHeader(source.read(8, length), source.name);
  return parseMetadata(metadata, source.name);
}

function parseMetadata(value: unknown, name: string): Record<string, string> {
  if (!isObject(value)) throw new Error(`${name}: __metadata__ is not a map of texts, the file is damaged.`);
  const entries = Object.entries(value).map(([field, text]): [string, string] => {
    if (typeof text !== 'string')
      throw new Error(`${name}: the metadata entry ${quote(field)} is not a text, the file is damaged.`);
    return [field, text];
  });
  return Object.fromEntries(entries);
}

/** @param size of the whole file */
function headerLength(bytes: Uint8Array, size: number, name: string): number {
  if (bytes.length < 8) {
    throw new Error(
      `${name}: ${bytes.length} bytes are too few for a file of weights; was it copied completely?`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > headerLimit || length < 2) {
    throw new Error(
      `${name}: the header length ${length} is impossible, so this is neither a safetensors file nor one of torch.save: copy or download it again.`,
    );
  }
  if (8 + length > size) {
    throw new Error(
      `${name}: the header should be ${length} bytes long but the file ends after ${size - 8}; was it copied completely?`,
    );
  }
  return length;
}

function parseHeader(bytes: Uint8Array, name: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new Error(`${name}: the header is not JSON in UTF-8, so this is not a safetensors file.`, {
      cause,
    });
  }
  if (bytes[0] !== 0x7b || !isObject(header)) {
    throw new Error(`${name}: the header is not a JSON object, so this is not a safetensors file.`);
  }
  return header;
}

function parseEntry(tensor: string, value: unknown, name: string): Entry {
  const where = `${name}: tensor ${quote(tensor)}`;
  if (!isObject(value)) throw new Error(`${where} has no description, the file is damaged.`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') throw new Error(`${where} has no dtype, the file is damaged.`);
  if (!isDtype(dtype)) {
    const known = Object.keys(itemSizes).join(', ');
    throw new Error(`${where} has the dtype ${quote(dtype)}; convert it to one of ${known}.`);
  }
  if (!isCounts(shape)) throw new Error(`${where} has no valid shape, the file is damaged.`);
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw new Error(`${where} has no valid data_offsets, the file is damaged.`);
  }
  const [begin = 0, end = 0] = offsets;
  const size = elementCount(shape) * itemSizes[dtype];
  if (!Number.isSafeInteger(size)) throw new Error(`${where} has the impossible shape [${shape}].`);
  if (end - begin !== size) {
    throw new Error(
      `${where} of dtype ${dtype} and shape [${shape}] needs ${size} bytes, but the header gives it ${end - begin}.`,
    );
  }
  return { tensor, dtype, shape, begin, end };
}

function checkTiling(entries: readonly Entry[], dataLength: number, name: string): void {
  let covered = 0;
  for (const { tensor, begin, end } of entries) {
    if (end > dataLength) {
      throw new Error(
        `${name}: tensor ${quote(tensor)} ends at byte ${end} of the data, but there are only ${dataLength}; was the file copied completely?`,
      );
    }
    if (begin < covered)
      throw new Error(`${name}: tensor ${quote(tensor)} overlaps the one before it, the file is damaged.`);
    if (begin > covered) {
      throw new Error(
        `${name}: ${begin - covered} bytes before tensor ${quote(tensor)} belong to none, the file is damaged.`,
      );
    }
    covered = end;
  }
  if (covered !== dataLength) {
    throw new Error(
      `${name}: ${dataLength - covered} bytes after the last tensor belong to none, the file is damaged.`,
    );
  }
}

function storedTensor({ tensor, dtype, shape }: Entry, slice: Uint8Array, name: string): StoredTensor {
  const invalid = dtype === 'BOOL' ? slice.find((value) => value > 1) : undefined;
  if (invalid !== undefined) {
    throw new Error(
      `${name}: the BOOL tensor ${quote(tensor)} holds the byte ${invalid}, the file is damaged.`,
    );
  }
  return storedTensorOf(dtype, shape, slice);
}

/** Bytes of one element. */
export function itemSize(dtype: Dtype): number {
  return itemSizes[dtype];
}

/** A tensor from its bytes, row-major: a view of them where their alignment allows. */
export function storedTensorOf(dtype: Dtype, shape: readonly number[], slice: Uint8Array): StoredTensor {
  const size = itemSizes[dtype];
  const { buffer, byteOffset } = slice.byteOffset % size === 0 ? slice : new Uint8Array(slice);
  const count = slice.length / size;
  switch (dtype) {
    case 'F64':
      return { dtype, shape, data: new Float64Array(buffer, byteOffset, count) };
    case 'F32':
      return { dtype, shape, data: new Float32Array(buffer, byteOffset, count) };
    case 'F16':
    case 'BF16':
      return { dtype, shape, data: new Uint16Array(buffer, byteOffset, count) };
    case 'I64':
      return { dtype, shape, data: new BigInt64Array(buffer, byteOffset, count) };
    case 'I32':
      return { dtype, shape, data: new Int32Array(buffer, byteOffset, count) };
    case 'I16':
      return { dtype, shape, data: new Int16Array(buffer, byteOffset, count) };
    case 'I8':
      return { dtype, shape, data: new Int8Array(buffer, byteOffset, count) };
    case 'U8':
      return { dtype, shape, data: new Uint8Array(buffer, byteOffset, count) };
    case 'BOOL':
      return { dtype, shape, data: new Uint8Array(buffer, byteOffset, count) };
  }
}

/**
 * Writes tensors as a safetensors file, as segments to be written one after another: the header, then the tensors' own
 * memory, so that no second copy of a large checkpoint is made. Write them before the tensors change.
 *
 * Wider items come first and the header is padded with spaces to a multiple of 8, so that every tensor is aligned; among
 * equals, names decide. The same tensors therefore always give the same bytes.
 *
 * @throws Error when a tensor's array does not have the number of elements that its shape says
 */
export function serializeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const sorted = [...tensors].sort(
    ([nameA, a], [nameB, b]) => itemSizes[b.dtype] - itemSizes[a.dtype] || (nameA < nameB ? -1 : 1),
  );
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push(['__metadata__', metadata]);
  const segments: Uint8Array[] = [];
  let begin = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    if (name === '__metadata__') throw new Error('A tensor cannot be named __metadata__, rename it.');
    if (!isCounts(shape) || elementCount(shape) !== data.length) {
      throw new Error(
        `Tensor ${quote(name)} has ${data.length} elements, which do not fill its shape [${shape}].`,
      );
    }
    const end = begin + data.byteLength;
    entries.push([name, { dtype, shape, data_offsets: [begin, end] }]);
    segments.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    begin = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(json, 8);
  return [header, ...segments];
}

/**
 * A tensor's values as float32: its own array when it is F32, otherwise a converted copy (F64 and integers above 2^24 are
 * rounded to the nearest).
 */
export function f32(tensor: StoredTensor): Float32Array {
  switch (tensor.dtype) {
    case 'F32':
      return tensor.data;
    case 'F16':
      return widenHalf(tensor.data);
    case 'BF16':
      return widenBfloat(tensor.data);
    case 'I64':
      return Float32Array.from(tensor.data, Number);
    default:
      return new Float32Array(tensor.data);
  }
}

function widenBfloat(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

function widenHalf(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const exponent = (word >> 10) & 31;
    const fraction = word & 1023;
    let magnitude: number;
    if (exponent === 31) magnitude = fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
    else if (exponent === 0) magnitude = fraction * 2 ** -24;
    else magnitude = (1024 + fraction) * 2 ** (exponent - 25);
    values[i] = word & 0x8000 ? -magnitude : magnitude;
  }
  return values;
}

function isDtype(text: string): text is Dtype {
  return Object.hasOwn(itemSizes, text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** A name as it may stand in a message: quoted, control characters escaped, not longer than a line. */
function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 117)}...` : text);
}

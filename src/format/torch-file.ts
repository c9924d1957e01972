/**
 * Files of `torch.save`: the zip format (since 1.6) and the older one of pickles and storages in a row (`torch/serialization.py`).
 * Pickles are read by `pickle.ts`, which runs nothing; tensors stay in the file until they are asked for, so a large
 * checkpoint needs little more memory than what is wanted of it. Every tensor is checked to lie within its storage, and
 * every storage to have the size that the pickle promises.
 */
import { type ByteSource, checkRange } from './byte-source.ts';
import { elementCount } from './element-count.ts';
import { unpickle } from './pickle.ts';
import type { PickleReader } from './pickle-input.ts';
import { type PickleGlobal, PickleOther, type PickleValue } from './pickle-values.ts';
import {
  type Dtype,
  itemSize,
  looksLikeSafetensors,
  type StoredTensor,
  storedTensorOf,
} from './safetensors.ts';
import { isZip, readZip } from './zip.ts';

/** A file's content: plain values with tensors among them. */
export interface TorchFile {
  readonly root: PickleValue;
  /** Attributes of the root, where it is a dictionary that has some. */
  readonly attributes: ReadonlyMap<PickleValue, PickleValue>;
}

const storageTypes: Readonly<Record<string, Dtype>> = {
  FloatStorage: 'F32',
  DoubleStorage: 'F64',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

/** Where the bytes of one storage are. */
interface Storage {
  readonly key: string;
  readonly dtype: Dtype;
  /** Elements, as the pickle promises. */
  readonly length: number;
  /** Offset in the file, bytes; known once the whole pickle is read. */
  offset: number;
  swapped: boolean;
}

class StorageRef extends PickleOther {
  readonly storage: Storage;
  /** First element, of a view of a storage in the older format. */
  readonly first: number;

  constructor(storage: Storage, first = 0) {
    super();
    this.storage = storage;
    this.first = first;
  }
}

/** A tensor in the file. */
export class TorchTensor extends PickleOther {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly #source: ByteSource;
  readonly #storage: Storage;
  readonly #first: number;
  readonly #strides: readonly number[];

  constructor(
    source: ByteSource,
    storage: Storage,
    first: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    super();
    this.#source = source;
    this.#storage = storage;
    this.#first = first;
    this.#strides = strides;
    this.shape = shape;
    this.dtype = storage.dtype;
  }

  /** Elements. */
  get length(): number {
    return elementCount(this.shape);
  }

  /** Reads the tensor, row-major whatever its strides are in the file. */
  read(): StoredTensor {
    const { dtype, shape, length } = this;
    const size = itemSize(dtype);
    if (length === 0) return storedTensorOf(dtype, shape, new Uint8Array());
    const span = 1 + shape.reduce((sum, n, axis) => sum + (n - 1) * this.#strides[axis]!, 0);
    const stored = this.#source.read(this.#storage.offset + this.#first * size, span * size);
    const bytes = this.#source.copies === true ? stored : stored.slice();
    if (this.#storage.swapped) swapBytes(bytes, size);
    return storedTensorOf(dtype, shape, this.#isContiguous() ? bytes : this.#gather(bytes, size));
  }

  #isContiguous(): boolean {
    let stride = 1;
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      if (this.shape[axis] !== 1 && this.#strides[axis] !== stride) return false;
      stride *= this.shape[axis]!;
    }
    return true;
  }

  #gather(bytes: Uint8Array, size: number): Uint8Array {
    const out = new Uint8Array(this.length * size);
    const index = this.shape.map(() => 0);
    let from = 0;
    for (let to = 0; to < out.length; to += size) {
      out.set(bytes.subarray(from * size, (from + 1) * size), to);
      for (let axis = index.length - 1; axis >= 0; axis--) {
        index[axis]!++;
        from += this.#strides[axis]!;
        if (index[axis]! < this.shape[axis]!) break;
        from -= index[axis]! * this.#strides[axis]!;
        index[axis] = 0;
      }
    }
    return out;
  }
}

/**
 * True for a file that `torch.save` may have written. A file of safetensors whose header happens to have such a length begins with the
 * same byte, and is none.
 */
export function isTorchFile(source: ByteSource): boolean {
  if (looksLikeSafetensors(source)) return false;
  if (isZip(source)) return true;
  return source.size > 2 && source.read(0, 1)[0] === 0x80;
}

/**
 * Opens a file of `torch.save`.
 *
 * @throws Error, one sentence naming the file, if it is damaged, of another format, or would have Python do harm
 */
export function readTorchFile(source: ByteSource): TorchFile {
  return isZip(source) ? readZipFormat(source) : readLegacyFormat(source);
}

/** All tensors by the path of keys that leads to them, joined by `/` (`student/module.backbone.cls_token`). */
export function namedTensors(root: PickleValue): Map<string, TorchTensor> {
  const found = new Map<string, TorchTensor>();
  const seen = new Set<PickleValue>();
  // A stack of its own, since a hostile file may be nested deeper than calls can be.
  const open: { readonly path: string; readonly value: PickleValue }[] = [{ path: '', value: root }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, value } = next;
    if (value instanceof TorchTensor) {
      found.set(path, value);
      continue;
    }
    if (!(value instanceof Map || Array.isArray(value)) || seen.has(value)) continue;
    seen.add(value);
    const entries = value instanceof Map ? [...value] : [...value.entries()];
    for (const [key, child] of entries.reverse()) {
      if (typeof key !== 'string' && typeof key !== 'number') continue;
      open.push({ path: path === '' ? String(key) : `${path}/${key}`, value: child });
    }
  }
  return found;
}

function readZipFormat(source: ByteSource): TorchFile {
  const entries = readZip(source);
  const pickle = [...entries.keys()].find((path) => path === 'data.pkl' || path.endsWith('/data.pkl'));
  if (pickle === undefined) {
    const scripted = [...entries.keys()].some((path) => path.includes('constants.pkl'));
    throw new Error(
      `${source.name}: the archive has no data.pkl${scripted ? ' (it is a TorchScript program)' : ''}: give a file that torch.save wrote.`,
    );
  }
  const folder = pickle.slice(0, -'data.pkl'.length);
  const order = entries.get(`${folder}byteorder`);
  const swapped =
    order !== undefined &&
    new TextDecoder().decode(source.read(order.offset, Math.min(order.size, 16))) === 'big';
  const storages = new Map<string, Storage>();
  const { offset, size } = entries.get(pickle)!;
  const states = new Map<PickleValue, PickleValue>();
  const root = unpickle(rangeReader(source, offset, size), {
    name: source.name,
    onState: (object, state) => void states.set(object, state),
    build: (type, args) => build(source, type, args),
    persistent: (id) => {
      const storage = storageOf(source.name, id, storages);
      const entry = entries.get(`${folder}data/${storage.key}`);
      if (entry === undefined) throw damaged(source.name, `its storage ${storage.key} is missing`);
      const expected = storage.length * itemSize(storage.dtype);
      if (entry.size !== expected) {
        throw damaged(
          source.name,
          `its storage ${storage.key} has ${entry.size} bytes and ${expected} are promised`,
        );
      }
      storage.offset = entry.offset;
      storage.swapped = swapped;
      return new StorageRef(storage);
    },
  });
  const attributes = states.get(root);
  return { root, attributes: attributes instanceof Map ? attributes : new Map() };
}

/** Little-endian, five pickles (magic number, version, system, content, storage keys), then the storages. */
const MAGIC = 0x1950a86a20f9469cfc6cn;

function readLegacyFormat(source: ByteSource): TorchFile {
  const { name } = source;
  const reader = new SourceReader(source, 0, source.size);
  const plain = { name };
  const magic = unpickle(reader, plain);
  if (magic !== MAGIC) {
    throw new Error(`${name}: this is a pickle but no file of torch.save: give one that torch.save wrote.`);
  }
  const version = unpickle(reader, plain);
  if (version !== 1001) throw new Error(`${name}: version ${String(version)} of the format is unknown.`);
  const system = unpickle(reader, plain);
  const swapped = system instanceof Map && system.get('little_endian') === false;
  const storages = new Map<string, Storage>();
  const root = unpickle(reader, {
    name,
    build: (type, args) => build(source, type, args),
    persistent: (id) => {
      const storage = storageOf(name, id, storages);
      // A view of a storage: [key of the view, first element, elements]
      const view = Array.isArray(id) ? id[5] : null;
      const first = Array.isArray(view) ? view[1] : 0;
      return new StorageRef(storage, typeof first === 'number' ? first : 0);
    },
  });
  const keys = unpickle(reader, plain);
  if (!Array.isArray(keys)) throw damaged(name, 'the list of its storages is missing');
  let at = reader.position;
  for (const key of keys) {
    const storage = storages.get(String(key));
    checkRange(name, source.size, at, 8);
    const head = source.read(at, 8);
    const length = Number(new DataView(head.buffer, head.byteOffset, 8).getBigInt64(0, !swapped));
    if (storage === undefined) throw damaged(name, `its storage ${String(key)} belongs to no tensor`);
    if (length !== storage.length)
      throw damaged(
        name,
        `its storage ${String(key)} has ${length} elements and ${storage.length} are promised`,
      );
    const bytes = length * itemSize(storage.dtype);
    checkRange(name, source.size, at + 8, bytes);
    storage.offset = at + 8;
    storage.swapped = swapped;
    at += 8 + bytes;
  }
  for (const { key, offset } of storages.values())
    if (offset < 0) throw damaged(name, `its storage ${key} is missing`);
  return { root, attributes: new Map() };
}

/** `('storage', type, key, device, elements)` */
function storageOf(name: string, id: PickleValue, storages: Map<string, Storage>): Storage {
  if (!Array.isArray(id) || id[0] !== 'storage')
    throw damaged(name, 'it refers to something that is no storage');
  const [, type, key, , length] = id;
  const isClass = typeof type === 'object' && type !== null && 'path' in type;
  const dtype = isClass && type.module === 'torch' ? storageTypes[type.name] : undefined;
  if (dtype === undefined) {
    throw new Error(
      `${name}: tensors of ${isClass ? type.path : 'an unknown storage'} cannot be read: convert them to float32 first.`,
    );
  }
  if (typeof key !== 'string' && typeof key !== 'number') throw damaged(name, 'a storage has no key');
  if (typeof length !== 'number' || length < 0) throw damaged(name, `its storage ${key} has no size`);
  const known = storages.get(String(key));
  if (known !== undefined) {
    if (known.dtype !== dtype || known.length !== length)
      throw damaged(name, `its storage ${key} is described in two ways`);
    return known;
  }
  const storage = { key: String(key), dtype, length, offset: -1, swapped: false };
  storages.set(storage.key, storage);
  return storage;
}

/** Tensors and parameters; anything else stays an inert record. */
function build(
  source: ByteSource,
  type: PickleGlobal,
  args: readonly PickleValue[],
): PickleValue | undefined {
  if (type.path === 'torch._utils._rebuild_parameter') return args[0];
  if (type.path === 'torch._utils._rebuild_tensor_v2') return tensor(source, args);
  if (type.path === 'torch._utils._rebuild_tensor') return tensor(source, args);
  return undefined;
}

function tensor(source: ByteSource, [ref, offset, shape, strides]: readonly PickleValue[]): TorchTensor {
  const { name } = source;
  if (!(ref instanceof StorageRef)) throw damaged(name, 'a tensor has no storage');
  const sizes = wholeNumbers(name, shape, 'shape');
  const steps = wholeNumbers(name, strides, 'strides');
  if (typeof offset !== 'number' || offset < 0) throw damaged(name, 'a tensor begins before its storage');
  if (sizes.length !== steps.length) throw damaged(name, 'a tensor has more axes than strides');
  const first = ref.first + offset;
  const count = elementCount(sizes);
  const last = first + sizes.reduce((sum, n, axis) => sum + (n - 1) * steps[axis]!, 0);
  if (count > 0 && last >= ref.storage.length) {
    throw damaged(
      name,
      `a tensor of shape [${sizes.join(', ')}] reaches past its storage of ${ref.storage.length} elements`,
    );
  }
  // An expanded tensor may be larger than its storage; as a copy it must still be one that a file could hold.
  if (count * itemSize(ref.storage.dtype) > 64 * Math.max(source.size, 2 ** 20))
    throw damaged(name, `a tensor of shape [${sizes.join(', ')}] is larger than the whole file`);
  return new TorchTensor(source, ref.storage, first, sizes, steps);
}

function wholeNumbers(name: string, value: PickleValue | undefined, what: string): number[] {
  if (!Array.isArray(value)) throw damaged(name, `a tensor has no ${what}`);
  return value.map((each) => {
    if (typeof each === 'number' && Number.isInteger(each) && each >= 0) return each;
    throw damaged(name, `a tensor has ${String(each)} among its ${what}`);
  });
}

function swapBytes(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

function rangeReader(source: ByteSource, offset: number, size: number): PickleReader {
  return new SourceReader(source, offset, offset + size);
}

const CHUNK = 1 << 16;

/** Reads forward in chunks. */
class SourceReader implements PickleReader {
  readonly #source: ByteSource;
  readonly #end: number;
  #chunk: Uint8Array = new Uint8Array();
  #chunkAt: number;
  position: number;

  constructor(source: ByteSource, start: number, end: number) {
    this.#source = source;
    this.#end = end;
    this.#chunkAt = start;
    this.position = start;
  }

  take(length: number): Uint8Array {
    checkRange(this.#source.name, this.#end, this.position, length);
    const from = this.position - this.#chunkAt;
    if (from + length > this.#chunk.length) {
      this.#chunk = this.#source.read(
        this.position,
        Math.max(length, Math.min(CHUNK, this.#end - this.position)),
      );
      this.#chunkAt = this.position;
      this.position += length;
      return this.#chunk.subarray(0, length);
    }
    this.position += length;
    return this.#chunk.subarray(from, from + length);
  }
}

function damaged(name: string, what: string): Error {
  return new Error(`${name}: the file is damaged (${what}); was it copied completely?`);
}

/**
 * NumPy's .npy format, version 1.0 (numpy.lib.format), for float32 and uint8 arrays in C order: how features and masks
 * leave for other tools. Big-endian, Fortran-ordered and other element types are refused by name.
 */
import { elementCount } from './element-count.ts';
import { latin1Text } from './latin1.ts';

export type NpyArray =
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'uint8'; readonly shape: readonly number[]; readonly data: Uint8Array };

/** `\x93NUMPY`, version 1.0. */
const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0];
const headerPattern =
  /^\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \((|\d+,|\d+(?:, \d+)+)\), \} *\n$/;

/**
 * Writes an array as segments to be written one after another: the header, then the array's own memory.
 *
 * @throws Error when the array does not have the number of elements that its shape says
 */
export function serializeNpy(array: NpyArray): Uint8Array[] {
  const { dtype, shape, data } = array;
  if (elementCount(shape) !== data.length) {
    throw new Error(`An array of ${data.length} elements does not fill the shape [${shape}].`);
  }
  return [npyHeader(dtype, shape), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}

/** What stands before the elements, in C order: for arrays that are written piece by piece. */
export function npyHeader(dtype: NpyArray['dtype'], shape: readonly number[]): Uint8Array {
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const descr = dtype === 'float32' ? '<f4' : '|u1';
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${extents}), }`;
  // The header ends in a line feed at a multiple of 64 bytes, so that the data can be mapped into memory.
  const header = new Uint8Array(Math.ceil((10 + text.length + 1) / 64) * 64).fill(0x20);
  header.set(magic);
  new DataView(header.buffer).setUint16(8, header.length - 10, true);
  header.set(new TextEncoder().encode(text), 10);
  header[header.length - 1] = 0x0a;
  return header;
}

/**
 * Reads a .npy file; the array is a view of `bytes` wherever its alignment allows.
 *
 * @param name what to call the file in errors, such as its path
 * @throws Error, one sentence that names the file, when it is not a version 1.0 file of float32 or uint8 in C order, or
 *   when its length is not what its header says
 */
export function parseNpy(bytes: Uint8Array, name: string): NpyArray {
  const { dtype, shape, dataStart } = parseNpyHeader(bytes, name);
  const count = elementCount(shape);
  const itemSize = dtype === 'float32' ? 4 : 1;
  if (bytes.length - dataStart !== count * itemSize) {
    throw new Error(
      `${name}: the shape [${shape}] needs ${count * itemSize} bytes but ${bytes.length - dataStart} follow the header; was it copied completely?`,
    );
  }
  const slice = bytes.subarray(dataStart);
  if (dtype === 'uint8') return { dtype, shape, data: slice };
  const { buffer, byteOffset } = slice.byteOffset % 4 === 0 ? slice : new Uint8Array(slice);
  return { dtype, shape, data: new Float32Array(buffer, byteOffset, count) };
}

export interface NpyHeader {
  readonly dtype: NpyArray['dtype'];
  readonly shape: readonly number[];
  /** The byte at which the elements start. */
  readonly dataStart: number;
}

/**
 * Reads what stands before the elements.
 *
 * @param bytes the beginning of the file; a header is at most 65545 bytes long
 * @throws Error as `parseNpy`
 */
export function parseNpyHeader(bytes: Uint8Array, name: string): NpyHeader {
  if (bytes.length < 10 || magic.some((byte, i) => i < 6 && bytes[i] !== byte)) {
    throw new Error(`${name}: this is not a .npy file.`);
  }
  if (bytes[6] !== 1 || bytes[7] !== 0) {
    throw new Error(`${name}: .npy version ${bytes[6]}.${bytes[7]} is not read, save it as version 1.0.`);
  }
  const dataStart = 10 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  const header = latin1Text(bytes.subarray(10, dataStart));
  const match = headerPattern.exec(header);
  if (match === null) throw new Error(`${name}: the .npy header is cut off or damaged.`);
  const [, descr = '', order, extents = ''] = match;
  if (order === 'True')
    throw new Error(`${name}: the array is in Fortran order, save numpy.ascontiguousarray of it.`);
  const shape = extents.split(',').flatMap((extent) => (extent === '' ? [] : [Number(extent)]));
  if (descr !== '<f4' && descr !== '|u1') {
    throw new Error(`${name}: the elements are ${JSON.stringify(descr)}, save them as float32 or uint8.`);
  }
  return { dtype: descr === '<f4' ? 'float32' : 'uint8', shape, dataStart };
}

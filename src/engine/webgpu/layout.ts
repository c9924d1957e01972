/** How values lie on a WebGPU device: in words of four bytes, whole numbers as 32 bits, booleans as 0 and 1; bytes four in a word. */
import { type DType, sizeOf, type TensorType } from '../../graph/index.ts';
import { EngineError } from '../engine.ts';
import type { Values } from '../values.ts';

export function deviceBytes({ dtype, shape }: TensorType): number {
  return sizeOf(shape) * (dtype === 'u8' ? 1 : 4);
}

/** @throws EngineError for a whole number of more than 32 bits, and for float16 */
export function toDevice(values: Values, dtype: DType): ArrayBufferView<ArrayBuffer> {
  if (values instanceof BigInt64Array)
    return Int32Array.from(values, (value) => {
      if (BigInt.asIntN(32, value) !== value)
        throw new EngineError(
          `${value} does not fit the whole numbers of a WebGPU device, which have 32 bits.`,
        );
      return Number(value);
    });
  if (dtype === 'f16') throw new EngineError('WebGPU devices get no float16 values from here yet.');
  if (dtype === 'bool') return Uint32Array.from(values, (value) => (value === 0 ? 0 : 1));
  const { buffer, byteOffset, byteLength } = values;
  // Whole words of memory that is not shared with other threads need no copy.
  if (buffer instanceof ArrayBuffer && byteLength % 4 === 0)
    return new Uint8Array(buffer, byteOffset, byteLength);
  const words = new Uint8Array(Math.ceil(byteLength / 4) * 4);
  words.set(new Uint8Array(buffer, byteOffset, byteLength));
  return words;
}

/** Fills an array of the host from a device's bytes. */
export function fromDevice(bytes: Uint8Array<ArrayBuffer>, into: Values, dtype: DType): void {
  if (into instanceof BigInt64Array)
    for (const [i, value] of new Int32Array(bytes.buffer).entries()) into[i] = BigInt(value);
  else if (dtype === 'u8') into.set(bytes);
  else into.set(dtype === 'bool' ? new Uint32Array(bytes.buffer) : new Float32Array(bytes.buffer));
}

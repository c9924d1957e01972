/** Arrays of the host: what values of each type are there. */
import { type DType, sizeOf, type TensorType } from '../graph/index.ts';

/** f32, i64, bool (0 or 1) or u8, and f16 (its bits), in this order. */
export type Values = Float32Array | BigInt64Array | Uint8Array | Uint16Array;

const arrays = {
  f32: Float32Array,
  i64: BigInt64Array,
  bool: Uint8Array,
  f16: Uint16Array,
  u8: Uint8Array,
} as const satisfies Record<DType, unknown>;

/** An array of zeros for values of a type. */
export function zeroValues({ dtype, shape }: TensorType): Values {
  return new arrays[dtype](sizeOf(shape));
}

/** Whether an array can hold values of a type. */
export function fits(values: Values, { dtype, shape }: TensorType): boolean {
  return values instanceof arrays[dtype] && values.length === sizeOf(shape);
}

/** "f32 [2, 3]" */
export function typeText({ dtype, shape }: TensorType): string {
  return `${dtype} [${shape.join(', ')}]`;
}

/** "a Float32Array of 6" */
export function arrayText(values: Values): string {
  return `a ${values.constructor.name} of ${values.length}`;
}

/** Copies between arrays of one type. */
export function copyValues(from: Values, to: Values): void {
  if (from instanceof BigInt64Array) {
    if (to instanceof BigInt64Array) to.set(from);
  } else if (!(to instanceof BigInt64Array)) to.set(from);
}

/** @throws TypeError for values of another type than f32 */
export function asFloats(values: Values): Float32Array {
  if (values instanceof Float32Array) return values;
  throw new TypeError(`${arrayText(values)} is not float32.`);
}

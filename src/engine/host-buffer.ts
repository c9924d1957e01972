/** Buffers of engines that compute in the host's memory: arrays. */
import type { DType, Shape, TensorType } from '../graph/index.ts';
import { type DeviceBuffer, EngineError } from './engine.ts';
import { arrayText, copyValues, fits, typeText, type Values, zeroValues } from './values.ts';

export class HostBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly shape: Shape;
  /** The memory itself. */
  readonly values: Values;

  /** @throws EngineError if the array does not hold values of this type */
  constructor({ dtype, shape }: TensorType, values: Values = zeroValues({ dtype, shape })) {
    if (!fits(values, { dtype, shape }))
      throw new EngineError(`${arrayText(values)} does not hold ${typeText({ dtype, shape })}.`);
    this.dtype = dtype;
    this.shape = shape;
    this.values = values;
  }

  write(values: Values): void {
    if (!fits(values, this)) throw new EngineError(`${arrayText(values)} does not hold ${typeText(this)}.`);
    if (values !== this.values) copyValues(values, this.values);
  }

  async read(): Promise<Values> {
    return this.values;
  }

  /** Nothing: the array goes with its last reader. */
  dispose(): void {}
}

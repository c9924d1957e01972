/** What engines have in common that run ONNX in the host's memory. */
import type { OnnxProgram, TensorType } from '../graph/index.ts';
import { checkNames } from './arrays.ts';
import { type DeviceBuffer, type Engine, EngineError, type EngineOptions, type Program } from './engine.ts';
import { HostBuffer } from './host-buffer.ts';
import { typeText, type Values } from './values.ts';

export interface OnnxEngine extends Engine {
  /** Prepares what is compiled already. @throws EngineError when the device cannot run it */
  loadOnnx(compiled: OnnxProgram, options?: EngineOptions): Promise<Program>;
}

/** Buffers that are arrays. */
export const onHost: Pick<Engine, 'sharesMemory' | 'allocate' | 'upload'> = {
  sharesMemory: true,
  allocate: (type) => new HostBuffer(type),
  upload: (values, type) => new HostBuffer(type, values),
};

/** @throws EngineError unless every name of the border has a buffer of its type and shape, made for the host */
export function boundArrays(
  kind: 'input' | 'output',
  wanted: ReadonlyMap<string, TensorType>,
  given: Readonly<Record<string, DeviceBuffer>>,
): Record<string, Values> {
  checkNames(kind, wanted, given);
  const arrays: Record<string, Values> = {};
  for (const [name, buffer] of Object.entries(given)) {
    const type = wanted.get(name);
    if (type === undefined || typeText(type) !== typeText(buffer))
      throw new EngineError(
        `The program's ${kind} "${name}" is ${type && typeText(type)}; a buffer of ${typeText(buffer)} was given.`,
      );
    if (!(buffer instanceof HostBuffer))
      throw new EngineError(`The buffer of the program's ${kind} "${name}" belongs to another engine.`);
    arrays[name] = buffer.values;
  }
  return arrays;
}

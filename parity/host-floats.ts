/** What is in the buffers of an engine that shares the host's memory, to look at and to change. */
import { type DeviceBuffer, EngineError } from '../src/engine/engine.ts';
import { HostBuffer } from '../src/engine/host-buffer.ts';
import { asFloats } from '../src/engine/values.ts';

/** The memory of a float32 buffer. @throws EngineError for one of an engine that has its own */
export function hostFloats(buffer: DeviceBuffer): Float32Array {
  if (buffer instanceof HostBuffer) return asFloats(buffer.values);
  throw new EngineError('The buffer is not in the memory of the host.');
}

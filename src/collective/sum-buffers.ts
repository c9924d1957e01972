import type { DeviceBuffer } from '../engine/engine.ts';
import { asFloats } from '../engine/values.ts';
import type { Collective } from './collective.ts';
import { joined, parted } from './flat.ts';

/** Adds up buffers over all ranks, in place and in one call. */
export async function sumBuffers(collective: Collective, buffers: readonly DeviceBuffer[]): Promise<void> {
  const own: Float32Array[] = [];
  for (const buffer of buffers) own.push(asFloats(await buffer.read()));
  const all = joined(own);
  await collective.sum(all);
  const sums = parted(
    all,
    own.map(({ length }) => length),
  );
  for (const [i, buffer] of buffers.entries()) buffer.write(sums[i] ?? all);
}

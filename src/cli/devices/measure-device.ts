/** How fast a device is: products of matrices, and a step of the training that its images would get. */

import type { Source } from '../../data/source.ts';
import type { Engine } from '../../engine/engine.ts';
import { input, matmul, slice } from '../../graph/index.ts';
import { nodeMachine } from '../../run/machine-node.ts';
import { prepare } from '../../run/prepare.ts';

/** Long enough that starting and ending count for little. */
const ENOUGH_MILLISECONDS = 300;

/**
 * Multiplies square matrices, each product by the next, as long as it takes to tell.
 *
 * @param size of a side: large enough to keep the device busy
 * @returns billions of additions and multiplications in a second
 */
export async function productRate(engine: Engine, size: number): Promise<number> {
  const type = { dtype: 'f32', shape: [size, size] } as const;
  const [x, y] = [input('x', type.shape), input('y', type.shape)];
  const product = await engine.load({ product: matmul(x, y) });
  const corner = await engine.load({ corner: slice(slice(x, 0, 0, 1), 1, 0, 1) });
  const values = Float32Array.from({ length: size * size }, (_, i) => Math.sin(i));
  const [even, odd] = [engine.upload(values, type), engine.allocate(type)];
  const factor = engine.upload(rotation(size), type);
  const read = engine.allocate({ dtype: 'f32', shape: [1, 1] });
  try {
    const milliseconds = async (count: number): Promise<number> => {
      const started = performance.now();
      for (let i = 0; i < count; i++) {
        const [from, to] = i % 2 === 0 ? [even, odd] : [odd, even];
        await product.run({ x: from, y: factor }, { product: to });
      }
      // A device is done when the host has a value of what it made.
      await corner.run({ x: count % 2 === 0 ? even : odd }, { corner: read });
      await read.read();
      return performance.now() - started;
    };
    await milliseconds(2);
    const once = await milliseconds(2);
    const count = Math.min(1000, Math.max(2, 2 * Math.round(ENOUGH_MILLISECONDS / once)));
    return (count * 2 * size ** 3) / (await milliseconds(count)) / 1e6;
  } finally {
    for (const each of [product, corner, even, odd, factor, read]) await each.dispose();
  }
}

/** The matrix of the Hartley transform, which keeps the lengths of rows however often they are multiplied by it. */
function rotation(size: number): Float32Array {
  const wave = Float64Array.from({ length: size }, (_, i) => {
    const angle = (2 * Math.PI * i) / size;
    return (Math.cos(angle) + Math.sin(angle)) / Math.sqrt(size);
  });
  return Float32Array.from({ length: size * size }, (_, i) => {
    const [row, column] = [Math.floor(i / size), i % size];
    return wave[(row * column) % size] ?? 0;
  });
}

/** Milliseconds of a step of the automatic recipe, estimated from one micro-batch. */
export async function stepMilliseconds(engine: Engine, source: Source): Promise<number | undefined> {
  const prepared = await prepare({ source, options: {}, ...nodeMachine, engine, dryRun: true });
  await prepared.trainer.dispose();
  return prepared.stepMilliseconds;
}

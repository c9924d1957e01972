/** Stacks of masks in a fixture, [..., H, W] bytes. */
import type { Mask } from '../src/image/mask.ts';
import type { Fixture } from './fixture.ts';

export function masksOf(fixture: Fixture, name: string): Mask[] {
  const shape = fixture.shape(name);
  const [height = 0, width = 0] = shape.slice(-2);
  const values = Uint8Array.from(fixture.numbers(name));
  const count = shape.slice(0, -2).reduce((product, n) => product * n, 1);
  return Array.from({ length: count }, (_, i) => ({
    height,
    width,
    data: values.subarray(i * height * width, (i + 1) * height * width),
  }));
}

/** The pixels of masks, one after another. */
export function pixelsOf(masks: readonly Mask[]): number[] {
  return masks.flatMap(({ data }) => Array.from(data));
}

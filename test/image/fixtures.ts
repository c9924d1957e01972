/** Reads the golden image fixtures, and compares images sample by sample. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseSafetensors, type Safetensors } from '../../src/format/safetensors.ts';
import type { Box, Image } from '../../src/image/image.ts';

/** A fixture's tensors and its configuration, checked against a schema. */
export function readFixture<T>(name: string, schema: z.ZodType<T>): { tensors: Safetensors; config: T } {
  const path = new URL(`../golden/${name}.safetensors`, import.meta.url);
  const tensors = parseSafetensors(new Uint8Array(readFileSync(path)), name);
  return { tensors, config: schema.parse(JSON.parse(tensors.metadata.config ?? '')) };
}

/** A stored `[H, W, 3]` image. */
export function imageOf({ tensors }: Safetensors, name: string): Image {
  const tensor = tensors.get(name);
  if (tensor?.dtype !== 'U8') throw new Error(`The fixture has no 8-bit image ${name}.`);
  const [height = 0, width = 0] = tensor.shape;
  return { width, height, channels: 3, data: tensor.data };
}

/** A stored tensor's numbers. */
export function numbersOf({ tensors }: Safetensors, name: string): number[] {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`The fixture has no tensor ${name}.`);
  return Array.from(tensor.data, Number);
}

/** `[top, left, height, width]` as stored in the fixtures. */
export const boxSchema = z
  .tuple([z.number(), z.number(), z.number(), z.number()])
  .transform(([top, left, height, width]): Box => ({ top, left, height, width }));

/** The number of samples that differ, or how the shapes do. */
export function difference(got: Image, wanted: Image): number | string {
  const shape = (image: Image): string => `${image.height} x ${image.width} x ${image.channels}`;
  if (shape(got) !== shape(wanted)) return `${shape(got)} instead of ${shape(wanted)}`;
  if (got.data.length !== wanted.data.length) return `${got.data.length} samples`;
  let count = 0;
  for (let i = 0; i < wanted.data.length; i++) if (got.data[i] !== wanted.data[i]) count++;
  return count;
}

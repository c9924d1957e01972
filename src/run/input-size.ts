/** The side at which images are shown to a network, in pixels. */
import type { BackboneConfig } from '../model/backbone.ts';
import { nearestWhole, wholePatch } from '../model/places.ts';

/** Side of images where nothing says another: DINOv2's positions are for 518 pixels, and its evaluations use 224. */
export function usualSize(imageSize: number): number {
  return imageSize === 518 ? 224 : imageSize;
}

/** @param origin what says the size @throws Error if part of an image of this size would not be seen */
export function checkSize(backbone: BackboneConfig, size: number, origin: string): void {
  const patchSize = wholePatch(backbone);
  if (size % patchSize === 0) return;
  throw new Error(
    `${origin} wants images of ${size} x ${size} pixels, which are not made of whole patches of ${patchSize}: give --eval_size ${nearestWhole(size, patchSize)}.`,
  );
}

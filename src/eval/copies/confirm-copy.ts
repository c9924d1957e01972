/**
 * The second look at two images that may be copies of each other: their pixels, laid over each other, as they are and mirrored.
 * It knows nothing of the network.
 */
import { flip } from '../../image/flip.ts';
import type { Image } from '../../image/image.ts';
import { align, type Placement, UNMOVED } from './align-planes.ts';
import { type Plane, planesOf } from './image-planes.ts';
import { agreement } from './plane-agreement.ts';

export interface PixelComparison {
  /** 0 to 1, see `agreement`. */
  readonly agreement: number;
  /** Whether the second image is mirrored. */
  readonly mirrored: boolean;
}

/** Strangers agree less than this at a quarter of the side already. */
const COARSE = 0.6;

/** @param first, second of `miniature` */
export function comparePixels(first: Image, second: Image): PixelComparison {
  const planes = planesOf(first);
  const mirror = flip(second);
  const [plain, turned] = [follow(planes, first, second), follow(planes, first, mirror)];
  // What looks the same in a mirror is not called mirrored.
  return turned > plain + 0.01
    ? { agreement: turned, mirrored: true }
    : { agreement: plain, mirrored: false };
}

/** The agreement after alignment, size by size; 0 where the coarse look says that these are strangers. */
function follow(planes: readonly Plane[], first: Image, second: Image): number {
  let placement: Placement = UNMOVED;
  for (const [level, plane] of planesOf(second).entries()) {
    const found = align(planes[level]!, plane, placement);
    placement = found ?? placement;
    if (level === 0 && agreement(planes[level]!, plane, placement, 1) < COARSE) return 0;
    if (found === undefined) break;
  }
  const aligned = agreement(first, second, placement);
  return placement === UNMOVED ? aligned : Math.max(aligned, agreement(first, second, UNMOVED));
}

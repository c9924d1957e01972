/** Images with the objects that are on them, for evaluations that compare masks. */
import type { Image } from '../image/image.ts';
import type { Mask } from '../image/mask.ts';

export interface MaskedImage {
  readonly name: string;
  readonly image: Image;
  /** Labels, of the image's shape; see `objectsOf`. */
  readonly mask: Mask;
}

/** Images with masks, by number. */
export interface MaskedImages {
  readonly length: number;
  /** @returns undefined for an image that is to be left out */
  read(index: number): Promise<MaskedImage | undefined>;
}

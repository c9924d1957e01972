/** A video as its frames, some of them with masks, for evaluations that follow objects. */
import type { Image } from '../image/image.ts';
import type { Mask } from '../image/mask.ts';

/** One video with the mask of its first frame at least. */
export interface VideoSequence {
  readonly name: string;
  /** How many frames. */
  readonly length: number;
  frameName(frame: number): string;
  /** What errors call the frame's mask; undefined where it has none. */
  maskFile(frame: number): string | undefined;
  /** @returns the frame, RGB, and what errors call it */
  read(frame: number): Promise<{ readonly file: string; readonly image: Image }>;
  /** @returns undefined where the frame has no mask */
  readMask(frame: number): Promise<Mask | undefined>;
}

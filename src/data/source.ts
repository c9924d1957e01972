/** What a data set is to everything that takes one. Whoever opens it says how its images are read; in Node, `open-source-node.ts`. */
import type { Image } from '../image/image.ts';
import type { Levels } from '../image/levels.ts';
import type { LeftOut } from './left-out.ts';
import type { SourceSpec } from './source-spec.ts';

/** What is known of a data set before an image is read: images by number, in an order that depends on their names only. */
export interface ImageList {
  /** The path as it was given. */
  readonly name: string;
  /** How many images. */
  readonly length: number;
  /** 3 = decoded to RGB, 1 = to gray. */
  readonly channels: 1 | 3;
  /** Class names, in the order that numbers them, or [] when the source has no classes. */
  readonly classes: readonly string[];
  /** The number of the image's class; undefined where it has none. */
  label(index: number): number | undefined;
  /** The image's path inside the source. */
  key(index: number): string;
  /** How many parts of the image's path lead to the last symbolic link in it; 0 if there is none. */
  linkDepth?(index: number): number;
  /** Images beside these whose formats are not read, by extension. */
  readonly unread?: ReadonlyMap<string, number>;
  /** One sentence on the classes, where folders were not taken as such or not all images have one. */
  readonly classNote?: string | undefined;
  /** Entries that cannot be read, such as links that lead nowhere. */
  readonly leftOut?: readonly LeftOut[];
  /** Files beside these that belong to another part of the data set. */
  readonly otherParts?: readonly string[];
}

/** A data set whose images can be read. */
export interface Source extends ImageList {
  /**
   * Opens the images for reading in this thread.
   *
   * @param loadSize image files with a larger short side are shrunk to it, in pixels; 0, the default, never
   */
  open(loadSize?: number): ImageReader;
  /** How worker threads open them for themselves; left out where they cannot. */
  readonly spec?: SourceSpec;
}

/** A list with the place where its images lie, which any thread can open. */
export interface StoredList extends ImageList {
  readonly spec: SourceSpec;
}

/** Reads images of a data set by number. */
export interface ImageReader {
  /**
   * Image number `index`, decoded to the source's channels.
   *
   * @throws (rejects) if the file cannot be read or decoded
   */
  read(index: number): Promise<Image>;
  /** Closes the files. */
  close(): void;
}

/** Whether images have classes: `folders` takes folders that look like albums by date as classes too, which `auto` does not. */
export const labelChoices = ['auto', 'folders', 'none'] as const;
export type LabelChoice = (typeof labelChoices)[number];

export interface SourceOptions {
  /** 3 decodes to RGB, 1 to gray; left out: what the format holds (gray for IDX, RGB for all else). */
  readonly channels?: 1 | 3;
  /** Black and white of samples that are not bytes (16 bits, floating point); what each file says unless given. */
  readonly levels?: Levels | undefined;
  /** Default `auto`. */
  readonly labels?: LabelChoice | undefined;
}

/** Pictures as pages hold them. */

/** An encoded image. Small ones do: the page holds them all. */
export interface Picture {
  readonly mime: 'image/png' | 'image/jpeg' | 'image/webp';
  readonly bytes: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Images of a data set as pages show them, by their numbers. */
export interface PicturedImages {
  /** What an image is called. */
  key(index: number): string;
  pictureOf(index: number): Promise<Picture>;
}

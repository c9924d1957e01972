/** A picture as pages hold it. */

/** An encoded image. Small ones do: the page holds them all. */
export interface Picture {
  readonly mime: 'image/png' | 'image/jpeg' | 'image/webp';
  readonly bytes: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** An 8-bit image in memory, rows from the top, channels interleaved (`[H, W, C]`). */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** 3 = RGB, 1 = gray. */
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** A rectangle in pixels; `top` and `left` from the upper left corner. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

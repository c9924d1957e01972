/**
 * What the section of an evaluation is made of, as plain data: an evaluation says what it found in these blocks, and the page
 * draws them (`page/draw-blocks.ts`). Few kinds, so that sections look alike and a new evaluation needs no new markup.
 */
import type { LineChart } from './charts/chart.ts';
import type { Picture } from './picture.ts';

export interface EvaluationSection {
  readonly title: string;
  /** What it shows and what to look for. */
  readonly intro: string;
  readonly blocks: readonly Block[];
  readonly measured?: Measured;
}

/** On what scores were measured, and how: they can be compared where both are the same. */
export interface Measured {
  /** The images by their roles, `test: /data/test`. */
  readonly data: Readonly<Record<string, string>>;
  /** Sizes, counts and settings. */
  readonly protocol: Readonly<Record<string, string>>;
}

export type Block =
  | TextBlock
  | ScoreBlock
  | TableBlock
  | ({ readonly kind: 'chart' } & LineChart)
  | TileBlock
  | MatrixBlock
  | ScatterBlock;

export interface TextBlock {
  readonly kind: 'text';
  readonly text: string;
}

/** One number for each of a few things that are compared, as bars; the first is the one that matters. */
export interface ScoreBlock {
  readonly kind: 'scores';
  readonly title?: string;
  readonly rows: readonly {
    readonly name: string;
    readonly value: number;
    /** Ends of the 95 % interval. */
    readonly low?: number;
    readonly high?: number;
  }[];
  /** The value of a full bar; 1 unless given. */
  readonly top?: number;
  /** Follows each value, such as ` %`. */
  readonly unit?: string;
  /** Default 1 with a unit, 3 without. */
  readonly digits?: number;
}

export interface TableBlock {
  readonly kind: 'table';
  readonly title?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Images side by side, in groups. */
export interface TileBlock {
  readonly kind: 'tiles';
  readonly title?: string;
  readonly caption?: string;
  /** Groups of two or three beside each other instead of below each other. */
  readonly compact?: boolean;
  /** Tiles as wide as a hand's breadth and as high as their pictures ask, instead of small squares. */
  readonly large?: boolean;
  /** The tiles of a group stay in one line, those of all groups below each other. */
  readonly aligned?: boolean;
  readonly groups: readonly {
    readonly title?: string;
    readonly tiles: readonly Tile[];
  }[];
}

export interface Tile {
  readonly picture: Picture;
  /** Read by screen readers, and shown on hover. */
  readonly name: string;
  readonly caption?: string;
  /** Name of a file, under the caption. */
  readonly file?: string;
  /** Frames the tile: what was looked for, or not. */
  readonly mark?: 'same' | 'other';
  /** Small pictures are enlarged with sharp edges. */
  readonly pixelated?: boolean;
}

/** How often each class was taken for each. */
export interface MatrixBlock {
  readonly kind: 'matrix';
  readonly title?: string;
  readonly caption?: string;
  readonly labels: readonly string[];
  /** [true, predicted] */
  readonly counts: ArrayLike<number>;
}

export interface ScatterBlock {
  readonly kind: 'scatter';
  readonly title?: string;
  readonly caption?: string;
  /** Names of the groups; a color each. */
  readonly groups: readonly string[];
  readonly points: readonly {
    readonly x: number;
    readonly y: number;
    /** Index of the group, -1 for none. */
    readonly group: number;
    readonly name?: string;
  }[];
}

/** Whether there is an interval: ends that are not finite say that too few samples were measured for one. */
export function isKnown(end: number | undefined): end is number {
  return end !== undefined && Number.isFinite(end);
}

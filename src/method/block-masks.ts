/**
 * Which patches of the global views are hidden (BEiT's block-wise masks; official `MaskingGenerator` and
 * `collate_data_and_cast`): rectangles of any aspect until about enough patches are covered. Some views have no mask; over the others
 * the shares are spread evenly from the smallest to the largest, so that their sum has a fixed bound.
 */
import { linspaceFloat32 } from '../model/linspace.ts';
import { roundHalfEven } from '../numbers/round-half-even.ts';
import type { Random } from '../random/random.ts';

export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** What is drawn of random numbers. */
export type Draws = Pick<Random, 'uniform' | 'integer'>;

/** Patches of the smallest rectangle that is tried for. */
const SMALLEST = 4;
/** Height to width. */
const ASPECT = Math.log(0.3);
/** Rectangles that are tried for one. */
const TRIES = 10;

/**
 * One mask of at most `wanted` patches, often some less.
 *
 * @returns 1 for a hidden patch, row by row
 */
export function blockMask(draws: Draws, { rows, columns }: Grid, wanted: number): Uint8Array {
  const mask = new Uint8Array(rows * columns);
  const largest = Math.floor(rows / 2) * columns;
  let count = 0;
  while (count < wanted) {
    const added = addBlock(draws, mask, { rows, columns }, Math.min(wanted - count, largest));
    if (added === 0) break;
    count += added;
  }
  return mask;
}

/** Adds one rectangle with at most so many new patches. @returns how many it has; 0 where none was found */
function addBlock(draws: Draws, mask: Uint8Array, { rows, columns }: Grid, most: number): number {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const area = between(draws, SMALLEST, most);
    const aspect = Math.exp(between(draws, ASPECT, -ASPECT));
    const [height, width] = [
      roundHalfEven(Math.sqrt(area * aspect)),
      roundHalfEven(Math.sqrt(area / aspect)),
    ];
    if (width >= columns || height >= rows) continue;
    const top = draws.integer(rows - height + 1);
    const left = draws.integer(columns - width + 1);
    const fresh: number[] = [];
    for (let y = top; y < top + height; y++)
      for (let x = left; x < left + width; x++) if (mask[y * columns + x] === 0) fresh.push(y * columns + x);
    if (fresh.length === 0 || fresh.length > most) continue;
    for (const at of fresh) mask[at] = 1;
    return fresh.length;
  }
  return 0;
}

function between(draws: Draws, low: number, high: number): number {
  return low + (high - low) * draws.uniform();
}

export interface MaskShares {
  /** Share of the views that get a mask; 0.5 is official. */
  readonly probability: number;
  /** Share of the patches of a view, smallest and largest; 0.1 to 0.5 is official. */
  readonly ratio: readonly [number, number];
}

/** Edges of the shares of those views that get a mask, in float32. */
function shareEdges(views: number, { probability, ratio }: MaskShares): number[] {
  const masked = Math.trunc(views * probability);
  return linspaceFloat32(ratio[0], ratio[1], masked + 1);
}

/** The whole part of a share of the patches, in float32. */
function partOf(patches: number, share: number): number {
  return Math.trunc(Math.fround(patches * share));
}

/** Patches asked for in each view, one that gets no mask last; what is drawn decides within its share of the range. */
export function maskRequests(
  draws: Pick<Draws, 'uniform'>,
  views: number,
  patches: number,
  shares: MaskShares,
): number[] {
  const edges = shareEdges(views, shares);
  return Array.from({ length: views }, (_, i) => {
    const [low, high] = [edges[i], edges[i + 1]];
    if (low === undefined || high === undefined) return 0;
    const width = Math.fround(high - low);
    return partOf(patches, Math.fround(low + Math.fround(width * Math.fround(draws.uniform()))));
  });
}

/** The largest number of hidden patches that all views can have together (official `upperbound`). */
export function mostHidden(views: number, patches: number, shares: MaskShares): number {
  return shareEdges(views, shares)
    .slice(1)
    .reduce((total, edge) => total + partOf(patches, edge), 0);
}

/**
 * The masks of all views, in random order.
 *
 * @returns 1 for a hidden patch: [views, patches]
 */
export function drawMasks(random: Random, views: number, grid: Grid, shares: MaskShares): Uint8Array {
  const patches = grid.rows * grid.columns;
  const masks = maskRequests(random, views, patches, shares).map((wanted) => blockMask(random, grid, wanted));
  return inOrder(masks, random.permutation(views));
}

/** Masks one after another, the one of number `order[i]` in place i. */
export function inOrder(masks: readonly Uint8Array[], order: ArrayLike<number>): Uint8Array {
  const size = masks[0]?.length ?? 0;
  const all = new Uint8Array(masks.length * size);
  for (let i = 0; i < order.length; i++) all.set(masks[order[i]!]!, i * size);
  return all;
}

/** Numbers of the hidden patches in a list of fixed length, filled up with the number past the last patch. */
export function hiddenList(masks: Uint8Array, length: number): BigInt64Array {
  const list = new BigInt64Array(length).fill(BigInt(masks.length));
  let at = 0;
  for (const [i, hidden] of masks.entries()) if (hidden === 1) list[at++] = BigInt(i);
  return list;
}

/**
 * Groups of copies around the image that is kept. Each copy was confirmed against that very image: that a resembles b and b
 * resembles c puts no a and c into one group, so that no chain of small differences leads from one picture to another.
 */
import type { PixelComparison } from './confirm-copy.ts';

/** How an image was told to be a copy: the same pixels, or an agreement after alignment. */
export interface Copy extends PixelComparison {
  readonly row: number;
  readonly exact: boolean;
}

export interface CopyGroup {
  readonly kept: number;
  /** The surest first. */
  readonly copies: readonly Copy[];
}

export interface CopyGroupOptions {
  /** Numbers of the images in the order in which they would be kept. */
  readonly order: readonly number[];
  /** Pairs that were confirmed. */
  readonly pairs: Iterable<readonly [number, number]>;
  /** Compares two images that pairs connect; undefined if the second is no copy of the first. */
  readonly compare: (kept: number, other: number) => Omit<Copy, 'row'> | undefined;
}

/** @returns groups of two or more, the largest first */
export function copyGroups({ order, pairs, compare }: CopyGroupOptions): CopyGroup[] {
  const connected = connect(pairs);
  const place = new Map(order.map((row, i) => [row, i]));
  const taken = new Set<number>();
  const groups: CopyGroup[] = [];
  for (const kept of order) {
    if (taken.has(kept)) continue;
    taken.add(kept);
    const near = [...(connected.get(kept) ?? [])].filter((row) => !taken.has(row));
    const copies = near
      .sort((a, b) => place.get(a)! - place.get(b)!)
      .flatMap((row): Copy[] => {
        const found = compare(kept, row);
        return found === undefined ? [] : [{ row, ...found }];
      })
      .sort((a, b) => Number(b.exact) - Number(a.exact) || b.agreement - a.agreement || a.row - b.row);
    if (copies.length === 0) continue;
    for (const { row } of copies) taken.add(row);
    groups.push({ kept, copies });
  }
  return groups.sort((a, b) => b.copies.length - a.copies.length || a.kept - b.kept);
}

/** For each row of a pair the rows that pairs lead to, itself among them. */
export function connect(
  pairs: Iterable<readonly [number, number]>,
): ReadonlyMap<number, ReadonlySet<number>> {
  const sets = new Map<number, Set<number>>();
  const setOf = (row: number): Set<number> => {
    const known = sets.get(row) ?? new Set([row]);
    sets.set(row, known);
    return known;
  };
  for (const [a, b] of pairs) {
    const [x, y] = [setOf(a), setOf(b)];
    if (x === y) continue;
    const [large, small] = x.size < y.size ? [y, x] : [x, y];
    for (const row of small) {
      large.add(row);
      sets.set(row, large);
    }
  }
  return sets;
}

/**
 * What retrieval scores where nothing is known: the expected values over all rankings, each as likely as the others. Exact,
 * from the number of images that are right and of all that are ranked.
 */
import { countEach } from '../../rows/count-each.ts';

/** The chance that one of so many positives is among the first k: 1 - C(ranked - positives, k) / C(ranked, k). */
export function chanceRecall(positives: number, ranked: number, k: number): number {
  let missed = 1;
  for (let place = 0; place < Math.min(k, ranked); place++)
    missed *= Math.max(0, ranked - positives - place) / (ranked - place);
  return 1 - missed;
}

/**
 * The expected average precision by trapezoids (`averagePrecision`). A place is right with the chance p / n, and of the places
 * before a right one a share of q = (p - 1) / (n - 1) is right on average, so that the sum over all places is
 * (p + n q + (1 - q) H(n)) / 2n with the harmonic number H.
 */
export function chanceAveragePrecision(positives: number, ranked: number): number {
  const before = ranked > 1 ? (positives - 1) / (ranked - 1) : 0;
  let harmonic = 0;
  for (let place = 1; place <= ranked; place++) harmonic += 1 / place;
  return (positives + ranked * before + (1 - before) * harmonic) / (2 * ranked);
}

export interface RetrievalChance {
  readonly map: number;
  /** By k. */
  readonly recallAt: Readonly<Record<string, number>>;
}

/**
 * The means over the queries that have something to find.
 *
 * @param database labels of the images that are ranked
 * @param queries labels of the queries
 * @param options `leaveOneOut`: the queries are the database, and each is left out of its own ranking
 */
export function retrievalChance(
  database: ArrayLike<number>,
  queries: ArrayLike<number>,
  { ks, leaveOneOut }: { readonly ks: readonly number[]; readonly leaveOneOut: boolean },
): RetrievalChance {
  const own = leaveOneOut ? 1 : 0;
  const ranked = database.length - own;
  const members = countEach(Array.from(database));
  const positives = Array.from(queries, (label) => (members.get(label) ?? 0) - own).filter(
    (each) => each > 0,
  );
  // Queries with as many positives have the same chances.
  const kinds = [...countEach(positives)];
  const mean = (of: (positives: number) => number): number =>
    kinds.reduce((sum, [each, count]) => sum + count * of(each), 0) / positives.length;
  return {
    map: mean((each) => chanceAveragePrecision(each, ranked)),
    recallAt: Object.fromEntries(ks.map((k) => [k, mean((each) => chanceRecall(each, ranked, k))])),
  };
}

/** The N-S score by chance of groups of four images: the query itself, and of the next three places those that are right. */
export function chanceNsScore(images: number): number {
  return 1 + (3 * 3) / (images - 1);
}

/** Whether every label has exactly four images, as objects have in UKBench: the N-S score means something there only. */
export function areGroupsOfFour(labels: ArrayLike<number>): boolean {
  return [...countEach(Array.from(labels)).values()].every((count) => count === 4);
}

/**
 * Image retrieval on revisited Oxford and Paris (official `eval_image_retrieval.py` and `utils.compute_map`; Radenovic et al.
 * 2018): the whole database is ranked for each query by cosine, and positives are scored as if junk images were not there.
 *
 * Rankings are [query, place], a query a row; the official arrays are [place, query].
 */
import type { Engine, EngineOptions } from '../../engine/engine.ts';
import { averagePrecision, meanDefined } from '../../rows/average-precision.ts';
import { cosineRows } from '../../rows/cosine-rows.ts';
import type { FeatureRows } from '../../rows/feature-rows.ts';

/** Ground truth of one query: database indices. */
export interface LeveledTruth {
  readonly easy: readonly number[];
  readonly hard: readonly number[];
  readonly junk: readonly number[];
}

/** What counts as found, and what is passed over. */
export interface QueryTruth {
  readonly positives: readonly number[];
  readonly junk?: readonly number[];
}

/** In the order in which they are shown. */
export const retrievalLevels = ['easy', 'medium', 'hard'] as const;
export type RetrievalLevel = (typeof retrievalLevels)[number];

/**
 * The truth at one level of difficulty: easy looks for the easy images only, medium for easy and hard ones, hard for the hard
 * ones only; what is not looked for is junk. The official script has medium and hard.
 */
export function truthAtLevel({ easy, hard, junk }: LeveledTruth, level: RetrievalLevel): QueryTruth {
  switch (level) {
    case 'easy':
      return { positives: easy, junk: [...junk, ...hard] };
    case 'medium':
      return { positives: [...easy, ...hard], junk };
    case 'hard':
      return { positives: hard, junk: [...junk, ...easy] };
  }
}

export interface DatabaseRanking {
  readonly queries: number;
  readonly database: number;
  /** Cosine of every query and database row. [queries, database] */
  readonly similarities: Float32Array;
  /** Database rows, most similar first, of equal ones the lower row. [queries, database] */
  readonly ranks: Int32Array;
}

/**
 * Ranks the whole database for every query. Rows are L2-normalized here.
 *
 * @throws RangeError on values that are not finite or rows of different widths
 */
export async function rankDatabase(
  engine: Engine,
  database: FeatureRows,
  queries: FeatureRows,
  engineOptions: EngineOptions = {},
): Promise<DatabaseRanking> {
  const columns = database.values.length / database.dim;
  const rows = queries.values.length / queries.dim;
  const similarities = new Float32Array(rows * columns);
  const ranks = new Int32Array(rows * columns);
  const rank = (row: Float32Array, query: number): void => {
    similarities.set(row, query * columns);
    const order = Int32Array.from(row.keys()).sort((a, b) => row[b]! - row[a]! || a - b);
    ranks.set(order, query * columns);
  };
  await cosineRows(engine, { database, queries }, rank, engineOptions);
  return { queries: rows, database: columns, similarities, ranks };
}

export interface RetrievalScores {
  /** Mean of the average precisions of queries with positives, 0 to 1; NaN where no query has any. */
  readonly map: number;
  /** [queries]; NaN for a query without positives */
  readonly averagePrecision: Float64Array;
  /** [kappas] */
  readonly meanPrecisionAt: Float64Array;
  /** [queries, kappas] */
  readonly precisionAt: Float64Array;
}

/**
 * Scores rankings against the truth (`utils.compute_map`). Places of positives are lowered by the junk before them. Positives
 * that are missing from a ranking lower the average precision. The precision at kappa stops at the last positive found:
 * of K = min(kappa, its 1-based place) images the share of positives. Where the official code stops with an error because
 * none of the positives is in the ranking, both are 0.
 *
 * @param ranks database rows, best first, [queries, places]; one query for each of `truth`
 * @throws RangeError when the ranks are no whole rows for the queries
 */
export function retrievalScores(
  ranks: Int32Array,
  truth: readonly QueryTruth[],
  kappas: readonly number[] = [],
): RetrievalScores {
  const places = ranks.length / truth.length;
  if (!Number.isInteger(places)) {
    throw new RangeError(
      `${ranks.length} ranks are no table of ${truth.length} queries: give one ranking for each query with ground truth.`,
    );
  }
  const precisions = new Float64Array(truth.length);
  const precisionAt = new Float64Array(truth.length * kappas.length);
  for (const [query, { positives, junk = [] }] of truth.entries()) {
    const at = query * kappas.length;
    const found = placesWithoutJunk(ranks.subarray(query * places, (query + 1) * places), positives, junk);
    precisions[query] = averagePrecision(found, positives.length);
    for (const [i, kappa] of kappas.entries())
      precisionAt[at + i] = positives.length === 0 ? Number.NaN : precisionWithin(found, kappa);
  }
  const columns = kappas.map((_, i) => precisionAt.filter((__, j) => j % kappas.length === i));
  return {
    map: meanDefined(precisions),
    averagePrecision: precisions,
    meanPrecisionAt: Float64Array.from(columns, meanDefined),
    precisionAt,
  };
}

/** 0-based places of the positives, ascending, each lowered by the number of junk images before it. */
function placesWithoutJunk(
  ranking: Int32Array,
  positives: readonly number[],
  junk: readonly number[],
): number[] {
  const [wanted, ignored] = [new Set(positives), new Set(junk)];
  const found: number[] = [];
  let passed = 0;
  for (const [place, row] of ranking.entries()) {
    if (wanted.has(row)) found.push(place - passed);
    if (ignored.has(row)) passed++;
  }
  return found;
}

function precisionWithin(found: readonly number[], kappa: number): number {
  const last = found.at(-1);
  if (last === undefined) return 0;
  const width = Math.min(kappa, last + 1);
  return found.filter((place) => place < width).length / width;
}

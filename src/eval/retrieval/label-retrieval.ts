/**
 * Retrieval in an ordinary folder, where images of one label are each other's positives: mean average precision (by
 * trapezoids, as in the official evaluations), recall at k of metric learning, and the N-S score of UKBench (Nister and
 * Stewenius 2006). None of them sorts the database: the places of the positives are counted.
 */
import type { Engine, EngineOptions } from '../../engine/engine.ts';
import { averagePrecision, meanDefined } from '../../rows/average-precision.ts';
import { cosineRows } from '../../rows/cosine-rows.ts';
import type { LabeledFeatures } from '../../rows/labeled-features.ts';
import { rankAmongAll } from '../../rows/rank-among-all.ts';

/** The k of recall at k where nobody says. */
export const RECALL_KS: readonly number[] = [1, 5, 10];
/** Images of an object in UKBench, and the places that its score looks at. */
const NS_PLACES = 4;

export interface LabelRetrievalOptions {
  /** The k of recall at k. Default 1, 5, 10. */
  readonly ks?: readonly number[];
  readonly engineOptions?: EngineOptions;
}

export interface LabelRetrieval {
  /** Mean over the queries that have positives, 0 to 1; NaN where none has. */
  readonly map: number;
  /** Of those queries, the share with a positive among the k nearest; all of a smaller database is k. */
  readonly recallAt: readonly { readonly k: number; readonly recall: number }[];
  /** [queries]; NaN for a query without positives */
  readonly averagePrecision: Float64Array;
  /** 0-based place of the first positive; infinite for a query without positives. [queries] */
  readonly firstPlace: Float64Array;
  /** How many queries have positives. */
  readonly queriesWithPositives: number;
}

/**
 * Looks for the images of a query's label in another set.
 *
 * @throws RangeError when labels and rows differ in number, a value is not finite, or the widths differ
 */
export async function labelRetrieval(
  engine: Engine,
  database: LabeledFeatures,
  queries: LabeledFeatures,
  options: LabelRetrievalOptions = {},
): Promise<LabelRetrieval> {
  requireLabels(database, 'database');
  requireLabels(queries, 'query');
  const members = rowsByLabel(database.labels);
  const tally = new Tally(queries.labels.length);
  const sets = { database: database.features, queries: queries.features };
  const count = (similarities: Float32Array, query: number): void =>
    tally.add(query, rankAmongAll(similarities, members.get(queries.labels[query]!) ?? []).places);
  await cosineRows(engine, sets, count, options.engineOptions);
  return tally.scores(options.ks);
}

/** Scores in one set: every row looks for the others of its label, itself left out. */
export interface FolderRetrieval extends LabelRetrieval {
  /** Mean number of images of the query's label among its 4 nearest, itself included: 1 to 4 where labels have 4 images. */
  readonly nsScore: number;
  /** Images of the query's label among its 4 nearest. [queries] */
  readonly nearCounts: Float64Array;
}

/**
 * Every image of a folder as a query for the others of its label.
 *
 *     const { map, nsScore } = await folderRetrieval(ortNode, { features, labels });
 *
 * @throws RangeError when labels and rows differ in number, or a value is not finite
 */
export async function folderRetrieval(
  engine: Engine,
  images: LabeledFeatures,
  options: LabelRetrievalOptions = {},
): Promise<FolderRetrieval> {
  requireLabels(images, 'image');
  const { features, labels } = images;
  const members = rowsByLabel(labels);
  const tally = new Tally(labels.length);
  const nearCounts = new Float64Array(labels.length);
  const sets = { database: features, queries: features };
  const count = (similarities: Float32Array, query: number): void => {
    const { rows: ranked, places } = rankAmongAll(similarities, members.get(labels[query]!) ?? []);
    for (const place of places.subarray(0, NS_PLACES)) if (place < NS_PLACES) nearCounts[query]!++;
    // Without the query itself, what came behind it moves up.
    const self = ranked.indexOf(query);
    for (let i = self + 1; i < places.length; i++) places[i - 1] = places[i]! - 1;
    tally.add(query, places.subarray(0, -1));
  };
  await cosineRows(engine, sets, count, options.engineOptions);
  return { ...tally.scores(options.ks), nsScore: meanDefined(nearCounts), nearCounts };
}

/** What is kept of every query. */
class Tally {
  /** [queries]; NaN without positives */
  readonly #precisions: Float64Array;
  /** 0-based place of the first positive. [queries] */
  readonly #first: Float64Array;

  constructor(queries: number) {
    this.#precisions = new Float64Array(queries);
    this.#first = new Float64Array(queries);
  }

  add(query: number, places: Int32Array): void {
    this.#precisions[query] = averagePrecision(places, places.length);
    this.#first[query] = places[0] ?? Number.POSITIVE_INFINITY;
  }

  scores(ks = RECALL_KS): LabelRetrieval {
    const queriesWithPositives = this.#first.filter(Number.isFinite).length;
    return {
      map: meanDefined(this.#precisions),
      recallAt: ks.map((k) => ({
        k,
        recall: this.#first.filter((place) => place < k).length / queriesWithPositives,
      })),
      averagePrecision: this.#precisions,
      firstPlace: this.#first,
      queriesWithPositives,
    };
  }
}

function rowsByLabel(labels: ArrayLike<number>): Map<number, number[]> {
  const members = new Map<number, number[]>();
  for (let row = 0; row < labels.length; row++) {
    const rows = members.get(labels[row]!);
    if (rows === undefined) members.set(labels[row]!, [row]);
    else rows.push(row);
  }
  return members;
}

function requireLabels({ features: { values, dim }, labels }: LabeledFeatures, what: string): void {
  if (labels.length !== values.length / dim) {
    throw new RangeError(
      `${labels.length} ${what} labels do not fit ${values.length / dim} rows: give one label for each row.`,
    );
  }
}

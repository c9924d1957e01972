/**
 * Weighted k-nearest-neighbor classification of frozen features, DINO's first evaluation (official `eval_knn.py`): each
 * of the k training images most similar by cosine votes `exp(similarity / T)` for its class; classes are ranked by votes,
 * equal ones by the lower class index. Voting is plain arithmetic; neighbors are found by `rows/nearest-neighbors.ts`, once for
 * all k and T.
 */
import type { Engine } from '../../engine/engine.ts';
import { l2NormalizedRows } from '../../rows/feature-rows.ts';
import type { LabeledFeatures } from '../../rows/labeled-features.ts';
import { type Neighbors, nearestNeighbors } from '../../rows/nearest-neighbors.ts';

export interface VoteOptions {
  /** How many of the neighbors vote. */
  readonly k: number;
  readonly temperature: number;
  readonly classes: number;
}

/**
 * Votes of the nearest neighbors for their classes.
 *
 * @param labels class of every bank row, 0 .. classes - 1
 * @returns [queries, classes]
 */
export function knnVotes(
  { queries, k: found, rows, similarities }: Neighbors,
  labels: ArrayLike<number>,
  { k, temperature, classes }: VoteOptions,
): Float32Array {
  if (k > found)
    throw new RangeError(`${found} neighbors were searched and ${k} shall vote: search for more.`);
  const votes = new Float32Array(queries * classes);
  for (let query = 0; query < queries; query++) {
    for (let i = query * found; i < query * found + k; i++) {
      const label = labels[rows[i]!]!;
      if (!(label >= 0 && label < classes)) {
        throw new RangeError(
          `Row ${rows[i]} of the bank has the class ${label}, there are ${classes} classes.`,
        );
      }
      votes[query * classes + label]! += Math.exp(similarities[i]! / temperature);
    }
  }
  return votes;
}

/**
 * Classes of every query by falling votes, equal ones by class index.
 *
 * @returns [queries, classes]; the first of each row is the prediction
 */
export function rankClasses(votes: Float32Array, classes: number): Int32Array {
  const ranking = new Int32Array(votes.length);
  const order = Array.from({ length: classes }, (_, i) => i);
  for (let start = 0; start < votes.length; start += classes) {
    order.sort((a, b) => votes[start + b]! - votes[start + a]! || a - b);
    ranking.set(order, start);
  }
  return ranking;
}

/**
 * Share of queries whose class is among the `width` best ranked, in percent.
 *
 * @param ranking from `rankClasses`
 */
function topAccuracy(ranking: Int32Array, classes: number, labels: ArrayLike<number>, width: number): number {
  let hits = 0;
  for (let query = 0; query < labels.length; query++) {
    const start = query * classes;
    if (ranking.subarray(start, start + Math.min(width, classes)).includes(labels[query]!)) hits++;
  }
  return (100 * hits) / labels.length;
}

export interface KnnResult {
  readonly k: number;
  /** Percent. */
  readonly top1: number;
  /** Percent: among the min(5, k) best, as the official script counts. */
  readonly top5: number;
  /** Class of every query. */
  readonly predictions: Int32Array;
}

/**
 * The whole evaluation, for several k from one search.
 *
 *     const [result] = await knn(ortNode, train, test, { ks: [20], temperature: 0.07, classes: 10 });
 *
 * With `leaveOneOut` the queries are the bank (pass the same features twice).
 */
export async function knn(
  engine: Engine,
  bank: LabeledFeatures,
  queries: LabeledFeatures,
  {
    ks,
    temperature,
    classes,
    leaveOneOut = false,
  }: {
    readonly ks: readonly number[];
    readonly temperature: number;
    readonly classes: number;
    readonly leaveOneOut?: boolean;
  },
): Promise<KnnResult[]> {
  const neighbors = await nearestNeighbors(
    engine,
    l2NormalizedRows(bank.features),
    l2NormalizedRows(queries.features),
    { k: Math.max(...ks), leaveOneOut },
  );
  return ks.map((k) => {
    const ranking = rankClasses(knnVotes(neighbors, bank.labels, { k, temperature, classes }), classes);
    return {
      k,
      top1: topAccuracy(ranking, classes, queries.labels, 1),
      top5: topAccuracy(ranking, classes, queries.labels, Math.min(5, k)),
      predictions: Int32Array.from(queries.labels, (_, query) => ranking[query * classes]!),
    };
  });
}

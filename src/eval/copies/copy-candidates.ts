/**
 * Pairs of images that may be copies of each other: of each image the most similar ones by the network's features, and by
 * thumbnails, as they are and mirrored. A network that tells nothing apart proposes strangers, and thumbnails find the copies;
 * a trained one proposes what was cut and colored more than thumbnails can follow. Whoever proposes, pixels decide.
 */
import type { Engine } from '../../engine/engine.ts';
import { flip } from '../../image/flip.ts';
import type { Image } from '../../image/image.ts';
import { type FeatureRows, joinRows, l2NormalizedRows } from '../../rows/feature-rows.ts';
import { nearestNeighbors } from '../../rows/nearest-neighbors.ts';
import { thumbnailRow } from './image-planes.ts';

/** Neighbors of each image, of each kind. */
const NEIGHBORS = 8;

/** Two rows, the smaller first. */
export type RowPair = readonly [number, number];

/**
 * @param features of the images
 * @param looks of the same images
 */
export async function copyCandidates(
  engine: Engine,
  features: FeatureRows,
  looks: readonly Image[],
): Promise<RowPair[]> {
  const count = looks.length;
  if (count < 2) return [];
  const k = Math.min(NEIGHBORS, count - 1);
  const proposed = new Set<number>();
  const propose = async (bank: FeatureRows, queries: FeatureRows, leaveOneOut: boolean): Promise<void> => {
    const found = await nearestNeighbors(engine, bank, queries, { k, leaveOneOut });
    for (let query = 0; query < count; query++) {
      for (let i = 0; i < k; i++) {
        const other = found.rows[query * k + i]!;
        if (other !== query) proposed.add(Math.min(query, other) * count + Math.max(query, other));
      }
    }
  };
  const own = l2NormalizedRows(features);
  await propose(own, own, true);
  const plain = thumbnails(looks);
  await propose(plain, plain, true);
  await propose(plain, thumbnails(looks.map(flip)), false);
  return [...proposed].sort((a, b) => a - b).map((pair) => [Math.floor(pair / count), pair % count]);
}

function thumbnails(looks: readonly Image[]): FeatureRows {
  return l2NormalizedRows(joinRows(looks.map(thumbnailRow)));
}

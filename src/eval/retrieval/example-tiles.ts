/** What both kinds of retrieval say and show: how features were taken, and queries with their nearest images. */
import { counted, fixed } from '../../numbers/counted.ts';
import type { TileBlock } from '../../report/blocks.ts';
import type { PicturedImages } from '../../report/picture.ts';
import type { FeatureFacts } from '../statement.ts';
import type { RetrievalExample, RetrievalReport } from './retrieval-report.ts';

export interface RetrievalFacts extends FeatureFacts {
  readonly multiScale: boolean;
}

/**
 * Sizes, scales and whitening, for the line of the protocol.
 *
 * @param side which side the size is of, where it is not that of a square
 */
export function describeFeatures(
  { feature, size, multiScale }: RetrievalFacts,
  whitening: RetrievalReport['whitening'],
  side = '',
): string {
  const learned =
    whitening === undefined
      ? ''
      : `, networks' features whitened to ${counted(whitening.dim, 'component')} of ${counted(whitening.images, 'image')}`;
  return `${feature} at ${size} pixels${side}${multiScale ? ', mean of scales 1, 1/sqrt(2), 1/2' : ''}${learned}`;
}

/** Queries with what was found for them. */
export async function exampleTiles(
  examples: readonly RetrievalExample[],
  { queries, database }: { readonly queries: PicturedImages; readonly database: PicturedImages },
): Promise<TileBlock> {
  const groups: TileBlock['groups'][number][] = [];
  for (const { query, averagePrecision, found } of examples) {
    const tiles: TileBlock['groups'][number]['tiles'][number][] = [
      { picture: await queries.pictureOf(query), name: queries.key(query), caption: 'query' },
    ];
    for (const { image, similarity, right } of found) {
      tiles.push({
        picture: await database.pictureOf(image),
        name: `${database.key(image)}, similarity ${fixed(similarity, 3)}`,
        caption: fixed(similarity, 2),
        mark: right ? 'same' : 'other',
      });
    }
    groups.push({
      title: `${queries.key(query)}: average precision ${fixed(averagePrecision, 2)}`,
      tiles,
    });
  }
  return {
    kind: 'tiles',
    title: 'Queries and their nearest images',
    caption:
      'Each row starts with a query; the most similar images follow, with a solid green frame where they are right and a dashed red one where they are not.',
    groups,
  };
}

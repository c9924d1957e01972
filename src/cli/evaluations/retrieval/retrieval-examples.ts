/** What both kinds of retrieval say and show: how features were taken, and queries with their nearest images. */
import type { Source } from '../../../data/source.ts';
import type { RetrievalExample, RetrievalReport } from '../../../eval/retrieval/retrieval-report.ts';
import type { BackboneConfig } from '../../../model/backbone.ts';
import { featureTitle } from '../../../model/backbone.ts';
import type { Block } from '../../../report/blocks.ts';
import { thumbnails } from '../../../report/pictures/thumbnails.ts';

/** Sizes, scales and whitening, for the line of the protocol. */
export function describeFeatures(
  backbone: BackboneConfig,
  size: number,
  multiScale: boolean,
  whitening: RetrievalReport['whitening'],
  side = '',
): string {
  const learned =
    whitening === undefined
      ? ''
      : `, networks' features whitened to ${whitening.dim} components of ${whitening.images} images`;
  return `${featureTitle(backbone)} at ${size} pixels${side}${multiScale ? ', mean of scales 1, 1/sqrt(2), 1/2' : ''}${learned}`;
}

/** Queries with what was found for them. */
export async function exampleBlock(
  examples: readonly RetrievalExample[],
  queries: Source,
  database: Source,
): Promise<Block> {
  const groups = [];
  for (const { query, averagePrecision, found } of examples) {
    const [asked] = await thumbnails(queries, [query]);
    const answers = await thumbnails(
      database,
      found.map(({ image }) => image),
    );
    groups.push({
      title: `${queries.key(query)}: average precision ${averagePrecision.toFixed(2)}`,
      tiles: [
        { picture: asked!, name: queries.key(query), caption: 'query' },
        ...found.map(({ image, similarity, right }, i) => ({
          picture: answers[i]!,
          name: `${database.key(image)}, similarity ${similarity.toFixed(3)}`,
          caption: similarity.toFixed(2),
          mark: right ? ('same' as const) : ('other' as const),
        })),
      ],
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

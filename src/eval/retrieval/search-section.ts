/** What a search says of what it found. */
import { counted, fixed } from '../../numbers/counted.ts';
import type { TileBlock } from '../../report/blocks.ts';
import { capitalized, type FeatureFacts, type Statement } from '../statement.ts';

/** What was found for one image. */
export interface Answer {
  /** The image that was asked for. */
  readonly query: string;
  readonly found: readonly { readonly path: string; readonly similarity: number }[];
  /** The page to go on in, where the images are still there. */
  readonly file: string | undefined;
  readonly block: TileBlock;
}

export interface SearchFacts extends FeatureFacts {
  /** How many images each answer has, of how many, and of what. */
  readonly count: number;
  readonly images: number;
  readonly what: string;
  /** What a protocol says of the views: `viewTitles`. */
  readonly views: string;
}

/** How it was searched for so many images. */
export function searchProtocol(queries: number, facts: SearchFacts): string {
  const { feature, size, count, images, what, views } = facts;
  return `${queries > 1 ? `for each of ${queries} images ` : ''}the ${count === 1 ? '' : `${count} `}most similar of ${counted(images, 'image')} of ${what} by cosine, exact: ${feature} at ${size} pixels${views}`;
}

export function searchStatement(answers: readonly Answer[], facts: SearchFacts): Statement {
  const several = answers.length > 1;
  const protocol = searchProtocol(answers.length, facts);
  const page = several
    ? ' The pages eval/search/search-1.html and so on'
    : ' The page eval/search/search.html';
  return {
    protocol,
    table: [
      ['image', 'similarity'],
      ...answers.flatMap(({ query, found, file }) => [
        ...(several ? [[`like ${query}:`]] : []),
        ...found.map(({ path, similarity }) => [path, fixed(similarity, 4)]),
        ...(file === undefined ? [] : [[`The page to go on in: ${file}`]]),
      ]),
    ],
    section: {
      title: 'Search',
      intro: `${capitalized(protocol)}. Does it find what you would call similar, or only the same colors?${answers[0]?.file === undefined ? '' : `${page} beside this report ${several ? 'go' : 'goes'} on from each of them.`}`,
      blocks: answers.map(({ block }) => block),
    },
  };
}

/** What a search shows: tiles for the report, and a page in which each image leads to its own neighbors. */
import { basename } from 'node:path';
import type { Source } from '../../../data/source.ts';
import type { Engine } from '../../../engine/engine.ts';
import type { Image } from '../../../image/image.ts';
import { fixed } from '../../../numbers/counted.ts';
import type { Tile } from '../../../report/blocks.ts';
import { renderSearchPage } from '../../../report/map/search-page.ts';
import { makeAtlas, smallImages } from '../../../report/pictures/atlas-node.ts';
import { thumbnails } from '../../../report/pictures/thumbnails.ts';
import { joinRows, l2NormalizedRows } from '../../../rows/feature-rows.ts';
import { nearestNeighbors } from '../../../rows/nearest-neighbors.ts';
import type { FoundRow } from '../../../rows/search.ts';

/** Where the images of found rows can be read. */
export interface PicturedRows {
  readonly source: Source;
  /** Number of each row's image, -1 for one that is gone. */
  readonly indices: readonly number[];
}

/** Side of a picture in the page, pixels: 500 of them are about 2 MB. */
const SIDE = 112;

/** Pictures with similarities and names; what is gone is left out. */
export async function foundTiles(
  found: readonly FoundRow[],
  { source, indices }: PicturedRows,
  name: (row: number) => string,
): Promise<Tile[]> {
  const there = found.flatMap((each, i) => {
    const index = indices[i] ?? -1;
    return index < 0 ? [] : [{ ...each, index }];
  });
  const pictures = await thumbnails(
    source,
    there.map(({ index }) => index),
  );
  return there.map(({ row, similarity }, i) => ({
    picture: pictures[i]!,
    name: `${name(row)}, similarity ${fixed(similarity, 4)}`,
    caption: fixed(similarity, 3),
    file: name(row),
  }));
}

export interface SearchResult {
  /** The image that was asked for. */
  readonly path: string;
  readonly image: Image;
  /** Its feature, [D]. */
  readonly query: Float32Array;
  /** What is shown, the nearest first. */
  readonly near: readonly FoundRow[];
  readonly pictured: PicturedRows;
  readonly name: (row: number) => string;
  /** Neighbors of each image. */
  readonly k: number;
  readonly intro: string;
}

/** @returns the page as text */
export async function searchPage(
  engine: Engine,
  { path, image, query, near, pictured, name, k, intro }: SearchResult,
): Promise<string> {
  const rows = l2NormalizedRows(joinRows([query, ...near.map(({ feature }) => feature)]));
  const found = await nearestNeighbors(engine, rows, rows, {
    k: Math.min(k, near.length),
    leaveOneOut: true,
  });
  async function* images(): AsyncGenerator<Image | undefined> {
    yield image;
    yield* smallImages(pictured.source, pictured.indices.slice(0, near.length), SIDE);
  }
  return renderSearchPage({
    title: `Images like ${basename(path)}`,
    intro,
    names: [path, ...near.map(({ row }) => name(row))],
    k: found.k,
    neighbors: found.rows,
    similarities: found.similarities,
    atlas: await makeAtlas(images(), near.length + 1, SIDE),
  });
}

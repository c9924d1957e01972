/** `dino search`: the images of a bank that are most similar to one. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { statisticsFor } from '../../data/assemble.ts';
import {
  type BankInfo,
  type FeatureBank,
  isFeatureBank,
  networkFingerprint,
  openFeatureBank,
} from '../../data/feature-bank.ts';
import { openSource, type Source } from '../../data/source.ts';
import { embedImages } from '../../eval/embed-images.ts';
import { type SearchBlock, searchBlocks } from '../../eval/search.ts';
import type { Subject } from '../../eval/subject.ts';
import { meanFeatures, type ViewCount, viewCounts, viewsOf, viewTitles } from '../../eval/views.ts';
import { decode } from '../../image/decode-node.ts';
import type { Image } from '../../image/image.ts';
import { normalizationTable, normalize } from '../../image/normalize.ts';
import type { Tile } from '../../report/blocks.ts';
import { UsageError } from '../flags.ts';
import { openImages } from '../open-images.ts';
import { capitalised, defineEvaluation, type EvaluationContext, viewsField } from './evaluation.ts';
import { thumbnail, thumbnails } from './thumbnails.ts';

const usage = '<run> <image> --bank <path>';

/** What is searched, and how its rows are called. */
interface Searched {
  readonly blocks: Iterable<SearchBlock> | AsyncIterable<SearchBlock>;
  path(row: number): string;
  /** Images of the rows, where they can still be read. */
  images(
    rows: readonly number[],
  ): { readonly source: Source; readonly indices: readonly number[] } | undefined;
  size(): number;
  readonly what: string;
  readonly views: ViewCount;
}

export const search = defineEvaluation({
  name: 'search',
  summary: 'the images most similar to one, among a folder or what embed wrote',
  usage,
  words: 1,
  fields: {
    bank: z.string().describe('images to look among, or a folder that dino embed wrote'),
    k: z.number().int().min(1).describe('how many images; 20 unless given'),
    views: viewsField,
  },
  async run({ bank, k = 20, views: given }, context) {
    const { subject, backbone, engine, paths } = context;
    const [path] = paths;
    if (path === undefined) throw new UsageError(`Which image? dino search ${usage}`);
    if (bank === undefined)
      throw new UsageError('--bank is missing: images, or a folder that dino embed wrote.');
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) throw new Error(`There is nothing at ${path}: give the path of an image.`);
    if (status.isDirectory())
      throw new Error(`${path} is a folder: give one image, and the folder as --bank.`);
    const { levels } = subject.imageOptions;
    const image = await decode(readFileSync(path), path, subject.channels, { levels });
    const searched = isFeatureBank(bank)
      ? embedded(openFeatureBank(bank), bank, given, context)
      : live(bank, given ?? 1, context);
    const { views } = searched;
    const query = await meanFeatures(
      (pixels) => backbone.features(subject.trained, pixels),
      backbone.dim,
      viewsOf(image, subject.size, views).map(pixelsOf),
    );
    const found = await searchBlocks(engine, query, searched.blocks, k);
    const protocol = `the ${found.length} most similar of ${searched.size()} images of ${searched.what} by cosine, exact: class token or pooled feature at ${subject.size} pixels${viewTitles[views]}`;
    const shown = searched.images(found.map(({ row }) => row));
    const pictures = shown === undefined ? [] : await thumbnails(shown.source, shown.indices);
    return {
      protocol,
      table: [
        ['image', 'similarity'],
        ...found.map(({ row, similarity }) => [searched.path(row), similarity.toFixed(4)]),
      ],
      scores: {
        query: path,
        found: found.map(({ row, similarity }) => ({ path: searched.path(row), similarity })),
      },
      details: { protocol: { size: subject.size, views, bank, images: searched.size() } },
      section: {
        title: 'Search',
        intro: `${capitalised(protocol)}. Does it find what you would call similar, or only the same colours?`,
        blocks: [
          {
            kind: 'tiles',
            title: basename(path),
            ...(shown === undefined
              ? { caption: `The images of ${searched.what} are no longer there to be shown.` }
              : {}),
            groups: [
              {
                tiles: [
                  { picture: await thumbnail(image), name: path, caption: 'query' },
                  ...pictures.map(
                    (each, i): Tile => ({
                      picture: each,
                      name: `${searched.path(found[i]?.row ?? 0)}, similarity ${found[i]?.similarity.toFixed(4)}`,
                      caption: found[i]?.similarity.toFixed(3) ?? '',
                    }),
                  ),
                ],
              },
            ],
          },
        ],
      },
    };
  },
});

function pixelsOf(image: Image): Float32Array {
  const pixels = new Float32Array(image.data.length);
  normalize(image, normalizationTable(statisticsFor(image.channels)), pixels);
  return pixels;
}

/** A bank that was embedded before. */
function embedded(
  bank: FeatureBank,
  folder: string,
  given: ViewCount | undefined,
  { subject }: EvaluationContext,
): Searched {
  const { info } = bank;
  requireSameNetwork(info, folder, subject);
  const views = viewCounts.find((count) => count === info.views) ?? 1;
  if (given !== undefined && given !== views)
    throw new Error(
      `${folder} was embedded with --views ${views}, and --views ${given} asks for others: leave it out, or embed the images again.`,
    );
  return {
    views,
    what: info.source,
    blocks: bank.blocks(),
    path: (row) => bank.paths[row] ?? '',
    size: () => info.images,
    images(rows) {
      if (!existsSync(info.source)) return undefined;
      const source = openSource(info.source, subject.imageOptions);
      const wanted = new Map(rows.map((row) => [bank.paths[row], -1]));
      for (let i = 0; i < source.length; i++) if (wanted.has(source.key(i))) wanted.set(source.key(i), i);
      const indices = rows.map((row) => wanted.get(bank.paths[row]) ?? -1);
      return indices.includes(-1) ? undefined : { source, indices };
    },
  };
}

function requireSameNetwork(
  info: BankInfo,
  folder: string,
  { trained, size, name, channels }: Subject,
): void {
  if (info.network === networkFingerprint(trained) && info.size === size && info.channels === channels)
    return;
  throw new Error(
    `${folder} holds features of another model than the one of ${name} (or of its other --checkpoint): embed the images with this one first.`,
  );
}

/** Images whose features are computed while they are searched. */
function live(
  path: string,
  views: ViewCount,
  { subject, backbone, onProgress, warn }: EvaluationContext,
): Searched {
  const source = openImages(path, subject.imageOptions, warn);
  const numbers: number[] = [];
  const onSkip = (_: string, reason: string): void => warn(`skipped: ${reason}`);
  async function* blocks(): AsyncGenerator<SearchBlock> {
    for await (const { indices, rows } of embedImages(source, backbone, subject.trained, {
      onSkip,
      views,
    })) {
      const start = numbers.length;
      numbers.push(...indices);
      onProgress(`features of ${source.name}`, numbers.length, source.length);
      yield { start, rows };
    }
  }
  return {
    what: path,
    views,
    blocks: blocks(),
    path: (row) => source.key(numbers[row] ?? 0),
    size: () => numbers.length,
    images: (rows) => ({ source, indices: rows.map((row) => numbers[row] ?? 0) }),
  };
}

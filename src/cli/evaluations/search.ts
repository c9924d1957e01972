/** `dino search`: the images of a bank that are most similar to one or to each of several, as lists and as pages to go on in. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import {
  type BankInfo,
  type FeatureBank,
  isFeatureBank,
  networkFingerprint,
  openFeatureBank,
} from '../../data/feature-bank.ts';
import {
  describeStatistics,
  describeView,
  isSamePreprocessing,
  usualPreprocessing,
} from '../../data/preprocessing.ts';
import { readImageFile } from '../../data/read-image-file.ts';
import { openSource, statusOf } from '../../data/source.ts';
import { embedImages } from '../../eval/embed-images.ts';
import type { FrozenBackbone } from '../../eval/frozen-backbone.ts';
import { joinRows } from '../../eval/join-rows.ts';
import { type FoundRow, type SearchBlock, searchBlocks } from '../../eval/search.ts';
import type { SkippedImage } from '../../eval/skipped-images.ts';
import type { Subject } from '../../eval/subject.ts';
import { meanFeatures, type ViewCount, viewCounts, viewsOf, viewTitles } from '../../eval/views.ts';
import { decode } from '../../image/decode-node.ts';
import type { Image } from '../../image/image.ts';
import { normalizationTable, normalize } from '../../image/normalize.ts';
import type { TileBlock } from '../../report/blocks.ts';
import { UsageError } from '../flags.ts';
import { openImages } from '../open-images.ts';
import { capitalized, defineEvaluation, type EvaluationContext, viewsField } from './evaluation.ts';
import { foundTiles, type PicturedRows, searchPage } from './search-result.ts';
import { thumbnail } from './thumbnails.ts';

const usage = '<run> <image> ... --bank <path>';

/** What is searched, and how its rows are called. */
interface Searched {
  readonly blocks: Iterable<SearchBlock> | AsyncIterable<SearchBlock>;
  path(row: number): string;
  /** Images of the rows; undefined where all are gone. */
  images(rows: readonly number[]): PicturedRows | undefined;
  size(): number;
  readonly what: string;
  /** Images that could not be read while they were searched. */
  readonly skipped: readonly SkippedImage[];
  readonly views: ViewCount;
}

export const search = defineEvaluation({
  name: 'search',
  summary: 'the images most similar to one or to each of several, among a folder or what embed wrote',
  usage,
  words: Number.POSITIVE_INFINITY,
  fields: {
    bank: z.string().describe('images to look among, or a folder that dino embed wrote'),
    k: z.number().int().min(1).describe('how many images; 20 unless given'),
    pageImages: z
      .number()
      .int()
      .min(0)
      .describe('most images in the page to click through; 500 unless given, 0 for no page'),
    views: viewsField,
  },
  async run({ bank, k = 20, pageImages = 500, views: given }, context) {
    const { subject, engine, paths } = context;
    if (paths.length === 0) throw new UsageError(`Which image? dino search ${usage}`);
    if (bank === undefined)
      throw new UsageError('--bank is missing: images, or a folder that dino embed wrote.');
    const images: Image[] = [];
    for (const path of paths) images.push(await openQuery(path, subject));
    const searched = isFeatureBank(bank)
      ? embedded(openFeatureBank(bank), bank, given, context)
      : live(bank, given ?? 1, context);
    const { views } = searched;
    const queries: Query[] = [];
    for (const [i, image] of images.entries())
      queries.push({ path: paths[i] ?? '', image, feature: await featureOf(image, views, context) });
    const near = await searchBlocks(
      engine,
      joinRows(queries.map(({ feature }) => feature)),
      searched.blocks,
      Math.max(k, pageImages),
    );
    const several = queries.length > 1;
    const count = Math.min(k, near[0]?.length ?? 0);
    const protocol = `${several ? `for each of ${queries.length} images ` : ''}the ${count} most similar of ${searched.size()} images of ${searched.what} by cosine, exact: class token or pooled feature at ${subject.size} pixels${viewTitles[views]}`;
    const answers: Answer[] = [];
    for (const [i, query] of queries.entries()) {
      const file = several ? `search-${i + 1}.html` : 'search.html';
      answers.push(await answer(query, near[i] ?? [], searched, { k, pageImages, file, protocol }, context));
    }
    const [first] = answers;
    const page = several
      ? ' The pages eval/search/search-1.html and so on'
      : ' The page eval/search/search.html';
    return {
      protocol,
      table: [
        ['image', 'similarity'],
        ...answers.flatMap(({ query, found, file }) => [
          ...(several ? [[`like ${query}:`]] : []),
          ...found.map(({ path, similarity }) => [path, similarity.toFixed(4)]),
          ...(file === undefined ? [] : [[file]]),
        ]),
      ],
      scores: several ? { queries: answers.map(scoresOf) } : first === undefined ? {} : scoresOf(first),
      skipped: searched.skipped,
      details: { protocol: { size: subject.size, views, bank, images: searched.size() } },
      section: {
        title: 'Search',
        intro: `${capitalized(protocol)}. Does it find what you would call similar, or only the same colors?${first?.file === undefined ? '' : `${page} beside this report ${several ? 'go' : 'goes'} on from each of them.`}`,
        blocks: answers.map(({ block }) => block),
      },
    };
  },
});

interface Query {
  readonly path: string;
  readonly image: Image;
  /** [D] */
  readonly feature: Float32Array;
}

/** What was found for one image. */
interface Answer {
  readonly query: string;
  readonly found: readonly { readonly path: string; readonly similarity: number }[];
  /** The page to go on in, where the images are still there. */
  readonly file: string | undefined;
  readonly block: TileBlock;
}

function scoresOf({ query, found, file }: Answer): Record<string, unknown> {
  return { query, found, ...(file === undefined ? {} : { page: file }) };
}

/** @throws Error if there is no image at the path */
async function openQuery(path: string, { channels, imageOptions }: Subject): Promise<Image> {
  if (statusOf(path, 'the path of an image').isDirectory())
    throw new Error(`${path} is a folder: give images, and the folder as --bank.`);
  return decode(readImageFile(path, path), path, channels, { levels: imageOptions.levels });
}

/** @returns [D] */
function featureOf(
  image: Image,
  views: ViewCount,
  { subject, backbone }: EvaluationContext,
): Promise<Float32Array> {
  return meanFeatures(
    (pixels) => backbone.features(subject.trained, pixels),
    backbone.dim,
    viewsOf(image, backbone.preprocessing, views).map((view) => pixelsOf(view, backbone)),
  );
}

interface AnswerOptions {
  readonly k: number;
  readonly pageImages: number;
  /** Name of the page. */
  readonly file: string;
  readonly protocol: string;
}

async function answer(
  { path, image, feature }: Query,
  near: readonly FoundRow[],
  searched: Searched,
  { k, pageImages, file, protocol }: AnswerOptions,
  { engine, onProgress, warn, write }: EvaluationContext,
): Promise<Answer> {
  const name = (row: number): string => searched.path(row);
  const found = near.slice(0, k);
  const pictured = searched.images(near.map(({ row }) => row));
  const shown = near.slice(0, pageImages);
  let written: string | undefined;
  if (pictured !== undefined && shown.length > 0) {
    onProgress('pictures of the page', 0, shown.length);
    const all = shown.length === searched.size();
    const page = await searchPage(engine, {
      ...{ path, image, pictured, name, k },
      query: feature,
      near: shown,
      intro: `${capitalized(protocol)}. ${all ? 'All of these images are here' : `The ${shown.length} nearest are here, and neighbors are looked for among these`}: click one to go on from it.`,
    });
    written = write(file, new TextEncoder().encode(page));
    warn(`The page to go on in: ${written}`);
  }
  const query = { picture: await thumbnail(image), name: path, caption: 'query', file: basename(path) };
  return {
    query: path,
    found: found.map(({ row, similarity }) => ({ path: name(row), similarity })),
    file: written,
    block: {
      kind: 'tiles',
      title: basename(path),
      ...(pictured === undefined
        ? { caption: `The images of ${searched.what} are no longer there to be shown.` }
        : {}),
      groups: [
        { tiles: [query, ...(pictured === undefined ? [] : await foundTiles(found, pictured, name))] },
      ],
    },
  };
}

function pixelsOf(image: Image, { preprocessing }: FrozenBackbone): Float32Array {
  const pixels = new Float32Array(image.data.length);
  normalize(image, normalizationTable(preprocessing.statistics), pixels);
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
    skipped: [],
    blocks: bank.blocks(),
    path: (row) => bank.paths[row] ?? '',
    size: () => info.images,
    images(rows) {
      if (!existsSync(info.source)) return undefined;
      const source = openSource(info.source, subject.imageOptions);
      const wanted = new Map(rows.map((row) => [bank.paths[row], -1]));
      for (let i = 0; i < source.length; i++) if (wanted.has(source.key(i))) wanted.set(source.key(i), i);
      const indices = rows.map((row) => wanted.get(bank.paths[row]) ?? -1);
      return indices.every((index) => index < 0) ? undefined : { source, indices };
    },
  };
}

function requireSameNetwork(
  info: BankInfo,
  folder: string,
  { trained, size, name, channels, preprocessing }: Subject,
): void {
  const isSame =
    info.network === networkFingerprint(trained) && info.size === size && info.channels === channels;
  const { preprocessing: shown = usualPreprocessing(size, channels) } = info;
  if (isSame && isSamePreprocessing(shown, preprocessing)) return;
  if (isSame)
    throw new Error(
      `${folder} holds features of images that were shown in another way (${describeView(shown)}, ${describeStatistics(shown)}): give the same flags, or embed the images again.`,
    );
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
  const skipped: SkippedImage[] = [];
  const onSkip = (key: string, reason: string): void => void skipped.push({ key, reason });
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
    skipped,
    views,
    blocks: blocks(),
    path: (row) => source.key(numbers[row] ?? 0),
    size: () => numbers.length,
    images: (rows) => ({ source, indices: rows.map((row) => numbers[row] ?? 0) }),
  };
}

/** `dino search`: the images of a bank that are most similar to one or to each of several, as lists and as pages to go on in. */
import { basename } from 'node:path';
import { z } from 'zod';
import { statusOf } from '../../../data/open-source-node.ts';
import { readImageFile } from '../../../data/read-image-file-node.ts';
import { type Answer, searchProtocol, searchStatement } from '../../../eval/retrieval/search-section.ts';
import { capitalized } from '../../../eval/statement.ts';
import { isFeatureBank, openFeatureBank } from '../../../features/feature-bank-node.ts';
import type { FrozenBackbone } from '../../../features/frozen-backbone.ts';
import { meanFeatures, type ViewCount, viewsOf, viewTitles } from '../../../features/views.ts';
import { decode } from '../../../image/decode-node.ts';
import type { Image } from '../../../image/image.ts';
import { normalizationTable, normalize } from '../../../image/normalize.ts';
import { featureTitle } from '../../../model/backbone.ts';
import { thumbnail } from '../../../report/pictures/thumbnails.ts';
import { joinRows } from '../../../rows/feature-rows.ts';
import { type FoundRow, searchBlocks } from '../../../rows/search.ts';
import type { Subject } from '../../../run/subject.ts';
import { UsageError } from '../../terminal/flags.ts';
import { defineEvaluation, type EvaluationContext, viewsField } from '../evaluation.ts';
import { foundTiles, searchPage } from './search-result.ts';
import { embedded, live, type Searched } from './searched.ts';

const usage = '<run> <image> ... --bank <path>';

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
    const facts = {
      ...{ feature: featureTitle(subject.backbone), size: subject.size, count },
      ...{ images: searched.size(), what: searched.what, views: viewTitles[views] },
    };
    const protocol = searchProtocol(queries.length, facts);
    const answers: Answer[] = [];
    for (const [i, query] of queries.entries()) {
      const file = several ? `search-${i + 1}.html` : 'search.html';
      answers.push(await answer(query, near[i] ?? [], searched, { k, pageImages, file, protocol }, context));
    }
    const [first] = answers;
    return {
      ...searchStatement(answers, facts),
      scores: several ? { queries: answers.map(scoresOf) } : first === undefined ? {} : scoresOf(first),
      skipped: searched.skipped,
      details: { protocol: { size: subject.size, views, bank, images: searched.size() } },
    };
  },
});

interface Query {
  readonly path: string;
  readonly image: Image;
  /** [D] */
  readonly feature: Float32Array;
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
  { engine, onProgress, write }: EvaluationContext,
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

/** `dino eval copies`: do altered copies find their originals? On Copydays, or on copies of anyone's images made here. */
import { z } from 'zod';
import { openReader } from '../../data/reader.ts';
import type { Source } from '../../data/source.ts';
import { contenderTitles } from '../../eval/contenders.ts';
import { type Attack, attacked, copyAttacks } from '../../eval/copy-attacks.ts';
import { type CopyContender, type CopyReport, copyReport, copySize } from '../../eval/copy-report.ts';
import { jpegCopy } from '../../image/jpeg-node.ts';
import type { Block, Tile } from '../../report/blocks.ts';
import type { Picture } from '../../report/model.ts';
import { UsageError } from '../flags.ts';
import { openImages } from '../open-images.ts';
import { capitalized, defineEvaluation, withInterval } from './evaluation.ts';
import { thumbnail, thumbnails } from './thumbnails.ts';

const names = ['trained', 'untrained', 'pixels'] as const satisfies readonly CopyContender[];
const COUNT = 100;

export const copies = defineEvaluation({
  name: 'copies',
  summary: 'do copies that were cut, compressed, blurred, turned or written on find their originals?',
  usage: '<run> --images <source> | --originals <folder> --queries <folder of blocks>',
  fields: {
    images: z.string().describe('images to make altered copies of; all of them are looked among'),
    count: z.number().int().min(1).describe('how many of --images are altered; 100 unless given'),
    seed: z.number().int().min(0).describe('of the alterations; 0 unless given'),
    originals: z.string().describe('original images (Copydays: original)'),
    queries: z.string().describe('altered images in folders such as strong, jpegqual/3, crops/10'),
    distractors: z.string().describe('other images to look among'),
    whiten: z
      .string()
      .describe('images to learn PCA whitening from, others than those above; none unless given'),
    imsize: z
      .number()
      .int()
      .min(8)
      .describe("side of the squares; 320/224 of the network's size unless given, as in the official script"),
  },
  async run(options, { subject, backbone, engine, onProgress, warn }) {
    const { images, queries, count = COUNT, seed = 0 } = options;
    if (
      (images === undefined) === (options.originals === undefined) ||
      (queries === undefined) !== (images !== undefined)
    ) {
      throw new UsageError(
        'Copy detection needs --images (copies are made of them), or --originals and --queries (such as Copydays).',
      );
    }
    const open = (path: string): Source => openImages(path, subject.imageOptions, warn);
    const given = (path: string | undefined): Source | undefined =>
      path === undefined ? undefined : open(path);
    const originals = open(images ?? options.originals ?? '');
    const attacks = copyAttacks(jpegCopy);
    const altered =
      queries === undefined ? { attacks, images: evenly(originals.length, count), seed } : open(queries);
    const { config } = backbone;
    const patch = config.kind === 'vit' ? config.patchSize : 1;
    const { imsize = copySize(subject.size, patch) } = options;
    const size = Math.max(1, Math.floor(imsize / patch)) * patch;
    if (size !== imsize) warn(`${imsize} pixels are no whole patches of ${patch}: ${size} are taken.`);
    const report = await copyReport({
      originals,
      queries: altered,
      distractors: given(options.distractors),
      whiten: given(options.whiten),
      size,
      backbone,
      trained: subject.trained,
      untrained: subject.untrained,
      engine,
      onProgress,
    });
    const { blocks, whitening, skipped } = report;
    const asked = blocks.reduce((sum, block) => sum + block.queries, 0);
    const what = config.kind === 'vit' ? 'class token and GeM of the patch tokens' : 'pooled feature only';
    const learned =
      whitening === undefined
        ? 'not whitened'
        : `whitened to ${whitening.dim} components of ${whitening.images} images`;
    const made = queries === undefined ? `, ${attacks.length} alterations with seed ${seed}` : '';
    const protocol = `copy detection of ${asked} queries${made} among ${report.originals + report.distractors} images: ${what} of squares of ${size} pixels, ${learned}, cosine, mAP of the first 20`;
    return {
      protocol,
      shown: 'own',
      table: [
        ['mAP % (95 %)', ...names.map((name) => contenderTitles[name])],
        ['all', ...names.map((name) => percent(report[name].map, report[name].interval))],
        ...blocks.map((block) => [
          block.name,
          ...names.map((name) =>
            percent(report[name].blocks[block.name], report[name].blockIntervals[block.name]),
          ),
        ]),
      ],
      scores: Object.fromEntries(
        names.map((name) => [name, { map: report[name].map, blocks: report[name].blocks }]),
      ),
      skipped,
      details: {
        intervals: Object.fromEntries(
          names.map((name) => [name, { map: report[name].interval, blocks: report[name].blockIntervals }]),
        ),
        protocol: {
          size,
          descriptor: what,
          blocks,
          originals: report.originals,
          distractors: report.distractors,
          ...(queries === undefined ? { seed } : {}),
          ...(whitening && { whitening }),
        },
      },
      section: {
        title: 'Copy detection',
        intro: `${capitalized(protocol)}. A network that knows an image again in spite of what was done to it finds the original first.`,
        blocks: [
          {
            kind: 'scores',
            title: 'Mean average precision of all queries',
            rows: names.map((name) => ({
              name: contenderTitles[name],
              value: report[name].map,
              ...report[name].interval,
            })),
          },
          {
            kind: 'table',
            title: 'By what was done to the images, mAP in percent',
            head: ['block', 'queries', ...names.map((name) => contenderTitles[name])],
            rows: blocks.map((block) => [
              block.name,
              String(block.queries),
              ...names.map((name) => (100 * (report[name].blocks[block.name] ?? Number.NaN)).toFixed(1)),
            ]),
          },
          await copyTiles(report, originals, altered),
        ],
      },
    };
  },
});

function percent(value: number | undefined, interval: { low: number; high: number } | undefined): string {
  if (value === undefined || Number.isNaN(value)) return 'none';
  const { low, high } = interval ?? { low: Number.NaN, high: Number.NaN };
  return withInterval(100 * value, { low: 100 * low, high: 100 * high });
}

/** Numbers spread over all images. */
function evenly(total: number, count: number): number[] {
  const wanted = Math.min(total, count);
  return Array.from({ length: wanted }, (_, i) => Math.floor((i * total) / wanted));
}

async function copyTiles(
  { examples }: CopyReport,
  originals: Source,
  altered: Source | { readonly attacks: readonly Attack[]; readonly seed: number },
): Promise<Block> {
  const groups = [];
  for (const { original, copies: found } of examples) {
    const pictures =
      'attacks' in altered
        ? await attackedPictures(originals, original, altered)
        : await thumbnails(
            altered,
            found.map(({ query }) => query),
          );
    const [first] = await thumbnails(originals, [original]);
    groups.push({
      title: originals.key(original),
      tiles: [
        { picture: first!, name: originals.key(original), caption: 'original' },
        ...found.map(
          ({ block, place }, i): Tile => ({
            picture: pictures[i]!,
            name: `${block}: the original is ${place === undefined ? 'not among the first 20' : `at place ${place}`}`,
            caption: place === 1 ? block : `${block}: ${place ?? 'none'}`,
            mark: place === 1 ? 'same' : 'other',
          }),
        ),
      ],
    });
  }
  return {
    kind: 'tiles',
    title: 'Originals and their copies',
    caption:
      'A solid green frame: the trained network finds the original first. A dashed red one: it does not; the number is the place at which it comes.',
    groups,
  };
}

async function attackedPictures(
  originals: Source,
  index: number,
  { attacks, seed }: { readonly attacks: readonly Attack[]; readonly seed: number },
): Promise<Picture[]> {
  const reader = openReader(originals.spec);
  try {
    const image = await reader.read(index);
    const pictures: Picture[] = [];
    for (const attack of attacks) pictures.push(await thumbnail(await attacked(image, index, attack, seed)));
    return pictures;
  } finally {
    reader.close();
  }
}

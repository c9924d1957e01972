/** `dino eval copies`: do altered copies find their originals? On Copydays, or on copies of anyone's images made here. */
import { z } from 'zod';
import { evenly } from '../../data/evenly.ts';
import type { Source } from '../../data/source.ts';
import { PLACES } from '../../eval/copies/copies.ts';
import { type Attack, attacked, copyAttacks } from '../../eval/copies/copy-attacks.ts';
import { copyReport, copySize } from '../../eval/copies/copy-report.ts';
import { type CopyPictures, copyNames, copyStatement } from '../../eval/copies/section.ts';
import type { Image } from '../../image/image.ts';
import { jpegCopy } from '../../image/jpeg-node.ts';
import { featureTitle } from '../../model/backbone.ts';
import { wholePatch } from '../../model/places.ts';
import type { Picture } from '../../report/picture.ts';
import { thumbnail, withThumbnails } from '../../report/pictures/thumbnails.ts';
import { openImages } from '../open-images.ts';
import { UsageError } from '../terminal/flags.ts';
import { defineEvaluation } from './evaluation.ts';

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
    const open = (path: string): Source => openImages(path, subject.imageOptions, warn, false);
    const given = (path: string | undefined): Source | undefined =>
      path === undefined ? undefined : open(path);
    const originals = open(images ?? options.originals ?? '');
    const attacks = copyAttacks(jpegCopy);
    const altered =
      queries === undefined ? { attacks, images: evenly(originals.length, count), seed } : open(queries);
    const { config } = backbone;
    const patch = wholePatch(config);
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
    const among = report.originals + report.distractors;
    if (among <= PLACES)
      warn(
        `Copies were looked for among ${among} images only: all of them are among the first ${PLACES}, so that a random order scores much too. Give more --images, or --distractors.`,
      );
    const { blocks, whitening, skipped } = report;
    const descriptor =
      config.kind === 'vit' ? 'class token and GeM of the patch tokens' : `the ${featureTitle(config)}`;
    const made = queries === undefined ? { attacks: attacks.length, seed } : undefined;
    const statement = await withPictures(originals, altered, (pictures) =>
      copyStatement(report, { descriptor, size, made }, pictures),
    );
    return {
      ...statement,
      shown: 'own',
      scores: Object.fromEntries(
        copyNames.map((name) => [name, { map: report[name].map, blocks: report[name].blocks }]),
      ),
      skipped,
      details: {
        gains: report.gains,
        intervals: Object.fromEntries(
          copyNames.map((name) => [
            name,
            { map: report[name].interval, blocks: report[name].blockIntervals },
          ]),
        ),
        protocol: {
          size,
          descriptor,
          blocks,
          originals: report.originals,
          distractors: report.distractors,
          ...(queries === undefined ? { seed } : {}),
          ...(whitening && { whitening }),
        },
      },
    };
  },
});

/** Pictures of originals and of altered images, which are read or made again. */
function withPictures<Result>(
  source: Source,
  altered: Source | { readonly attacks: readonly Attack[]; readonly seed: number },
  use: (pictures: CopyPictures) => Promise<Result>,
): Promise<Result> {
  return withThumbnails(source, (originals) => {
    if (!('attacks' in altered))
      return withThumbnails(altered, (queries) => use({ originals, query: queries.pictureOf }));
    const { attacks, seed } = altered;
    const reader = source.open();
    let read: { readonly index: number; readonly image: Promise<Image> } | undefined;
    const query = async (number: number): Promise<Picture> => {
      const index = Math.floor(number / attacks.length);
      if (read?.index !== index) read = { index, image: reader.read(index) };
      const attack = attacks[number % attacks.length]!;
      return thumbnail(await attacked(await read.image, index, attack, seed));
    };
    return use({ originals, query }).finally(() => reader.close());
  });
}

/** `dino eval masks`: how well the attention of a ViT covers objects whose masks are given (section 4.2.2 of the paper). */
import { z } from 'zod';
import { openMaskedImages } from '../../data/masked-images.ts';
import { attend } from '../../eval/attend.ts';
import {
  type MaskContender,
  maskContenderTitles,
  maskReport,
  objectsInView,
} from '../../eval/mask-report.ts';
import { type Mask, maskUnion } from '../../image/mask.ts';
import type { Tile } from '../../report/blocks.ts';
import { headLabel, headNumber } from '../../report/head-label.ts';
import { maskOverlay } from '../../report/tiles.ts';
import { UsageError } from '../flags.ts';
import { defineEvaluation, withInterval } from './evaluation.ts';
import { smallPicture } from './thumbnails.ts';

const contenders = Object.keys(maskContenderTitles) as MaskContender[];
const SHOWN = 6;

export const masks = defineEvaluation({
  name: 'masks',
  summary: 'how well attention covers objects: Jaccard of the best head (counted from 1), CorLoc',
  usage: '<run> --images <folder> --masks <folder>',
  fields: {
    images: z.string().describe('a folder of images'),
    masks: z
      .string()
      .describe('a folder of their masks, with the same paths; 0 is background, each other value an object'),
    threshold: z.number().gt(0).max(1).describe('share of the attention a mask holds; 0.6 unless given'),
    imageSize: z
      .array(z.number().int().min(1))
      .min(1)
      .max(2)
      .describe("short side, or height and width; the network's own size as short side unless given"),
  },
  async run({ images, masks: masksFolder, threshold = 0.6, imageSize }, context) {
    const { subject, backbone, onProgress, warn } = context;
    if (images === undefined || masksFolder === undefined)
      throw new UsageError('Masks need --images (a folder) and --masks (a folder with the same paths).');
    backbone.requireAttention('attention masks');
    const size = imageSize ?? [subject.size];
    const source = openMaskedImages(images, masksFolder, subject.imageOptions);
    const { trained, untrained } = subject;
    const report = await maskReport({
      images: source,
      backbone,
      trained,
      untrained,
      size,
      share: threshold,
      onProgress,
    });
    if (source.unmasked.length > 0)
      warn(`${source.unmasked.length} images have no mask and were left out, such as ${source.unmasked[0]}.`);
    if (report.empty.length > 0)
      warn(
        `${report.empty.length} masks hold no object at this size and were left out, such as that of ${report.empty[0]}.`,
      );
    if (report.lost > 0)
      warn(
        `${report.lost} objects have no pixel at this size and were not compared: choose a larger --image_size.`,
      );
    const protocol = `Attention of the last layer at ${size.length === 1 ? `a short side of ${size[0]}` : size.join(' x ')} pixels, masks of ${(100 * threshold).toFixed(0)} % of the mass; ${report.objects} objects in ${report.images.length} images, best head for each object; CorLoc of the mean head's box at IoU 0.5`;
    const ranked = report.images.toSorted(
      (a, b) => mean(b.scores.trained.best) - mean(a.scores.trained.best),
    );
    const show = async (index: number): Promise<Tile[]> => {
      const given = await source.read(index);
      const row = report.images.find((each) => each.index === index);
      if (given === undefined || row === undefined) return [];
      const { scores } = row;
      const tiles: Tile[] = [];
      for (const name of ['trained', 'untrained'] as const) {
        const { view, masks: found } = await attend(backbone, subject[name], given.image, {
          size,
          share: threshold,
        });
        const { rows, columns } = view.grid;
        if (name === 'trained') {
          const { objects } = objectsInView(given.mask, view);
          const all: Mask = maskUnion(objects);
          tiles.push(
            { picture: await smallPicture(view.image), name: given.name, caption: given.name },
            {
              picture: await smallPicture(maskOverlay(view.image, all.data, all.height, all.width)),
              name: `objects of ${given.name}`,
              caption: 'object mask',
            },
          );
        }
        const head = scores[name].bestHeads[0] ?? 0;
        const patches = rows * columns;
        const mask = found.subarray(head * patches, (head + 1) * patches);
        tiles.push({
          picture: await smallPicture(maskOverlay(view.image, mask, rows, columns)),
          name: `${maskContenderTitles[name]}, ${headLabel(head)}, on ${given.name}`,
          caption: `${name}, ${headLabel(head)}: ${mean(scores[name].best).toFixed(2)}`,
        });
      }
      return tiles;
    };
    const half = Math.min(SHOWN, Math.ceil(ranked.length / 2));
    const [best, worst] = [ranked.slice(0, half), ranked.slice(half).slice(-SHOWN)];
    const groups = [];
    for (const [title, rows] of [
      ['Best', best],
      ['Worst', worst],
    ] as const) {
      for (const [i, { index }] of rows.entries())
        groups.push({ ...(i === 0 ? { title } : {}), tiles: await show(index) });
    }
    const { scores, intervals } = report;
    return {
      protocol,
      shown: 'own',
      table: [
        ['Jaccard, CorLoc (95 %)', 'best head', 'mean head', 'CorLoc'],
        ...contenders.map((each) => [
          maskContenderTitles[each],
          withInterval(scores[each].bestHead, intervals[each].bestHead, 3),
          withInterval(scores[each].meanHead, intervals[each].meanHead, 3),
          withInterval(scores[each].corLoc, intervals[each].corLoc, 3),
        ]),
      ],
      scores: { ...scores },
      skipped: [...source.unreadable, ...report.unfit],
      details: {
        intervals,
        protocol: { size, threshold, images: report.images.length, objects: report.objects },
        leftOut: {
          unmasked: source.unmasked,
          empty: report.empty,
          lostObjects: report.lost,
        },
        images: report.images.map(({ name, scores: each }) => ({
          name,
          trained: each.trained.best,
          heads: each.trained.bestHeads.map(headNumber),
          untrained: each.untrained.best,
        })),
      },
      section: {
        title: 'Objects in the attention',
        intro: `${protocol}. No mask was used in training. The best head is chosen with the mask at hand, for the untrained network too, so compare with that and with the centered box: many photographs have their object in the middle.`,
        blocks: [
          {
            kind: 'scores',
            title: 'Jaccard index, best head',
            rows: contenders.map((name) => ({
              name: maskContenderTitles[name],
              value: scores[name].bestHead,
              ...intervals[name].bestHead,
            })),
          },
          {
            kind: 'scores',
            title: 'CorLoc of the mean head',
            rows: contenders.map((name) => ({
              name: maskContenderTitles[name],
              value: scores[name].corLoc,
              ...intervals[name].corLoc,
            })),
          },
          {
            kind: 'tiles',
            title: 'Best and worst',
            caption:
              'What the network sees, the object, and the mask of the best head, trained and untrained.',
            large: true,
            groups,
          },
        ],
      },
    };
  },
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

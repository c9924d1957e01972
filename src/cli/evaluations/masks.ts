/** `dino eval masks`: how well the attention of a ViT covers objects whose masks are given (section 4.2.2 of the paper). */
import { z } from 'zod';
import { openMaskedImages } from '../../data/masked-images-node.ts';
import { MASK_SHARE } from '../../eval/attention/attention-masks.ts';
import { maskReport } from '../../eval/attention/mask-report.ts';
import { maskStatement } from '../../eval/attention/mask-section.ts';
import { maskTiles } from '../../eval/attention/mask-tiles.ts';
import { attentionTitle } from '../../model/backbone.ts';
import { counted } from '../../numbers/counted.ts';
import { headNumber } from '../../report/pictures/head-label.ts';
import { UsageError } from '../terminal/flags.ts';
import { attentionFields } from './attention-fields.ts';
import { defineEvaluation } from './evaluation.ts';

export const masks = defineEvaluation({
  name: 'masks',
  summary: 'how well attention covers objects: Jaccard of the best head (counted from 1), CorLoc',
  usage: '<run> --images <folder> --masks <folder>',
  fields: {
    images: z.string().describe('a folder of images'),
    masks: z
      .string()
      .describe('a folder of their masks, with the same paths; 0 is background, each other value an object'),
    ...attentionFields,
  },
  async run({ images, masks: masksFolder, threshold = MASK_SHARE, imageSize }, context) {
    const { subject, backbone, onProgress, warn } = context;
    if (images === undefined || masksFolder === undefined)
      throw new UsageError('Masks need --images (a folder) and --masks (a folder with the same paths).');
    backbone.requireAttention('attention masks');
    const size = imageSize ?? [subject.size];
    const source = openMaskedImages(images, masksFolder, subject.imageOptions);
    const measured = {
      ...{ images: source, backbone, size, share: threshold, onProgress },
      trained: subject.trained,
      untrained: subject.untrained,
    };
    const report = await maskReport(measured);
    if (source.unmasked.length > 0)
      warn(
        `${counted(source.unmasked.length, 'image has no mask and was', 'images have no mask and were')} left out, such as ${source.unmasked[0]}.`,
      );
    if (report.empty.length > 0)
      warn(
        `${counted(report.empty.length, 'mask holds no object at this size and was', 'masks hold no object at this size and were')} left out, such as that of ${report.empty[0]}.`,
      );
    if (report.lost > 0)
      warn(
        `${counted(report.lost, 'object has no pixel at this size and was', 'objects have no pixel at this size and were')} not compared: choose a larger --image_size.`,
      );
    const { scores, intervals, gains } = report;
    const attention = attentionTitle(subject.backbone);
    return {
      ...maskStatement(report, { attention, size, threshold }, await maskTiles(report, measured)),
      shown: 'own',
      scores: { ...scores },
      skipped: [...source.unreadable, ...report.unfit],
      details: {
        intervals,
        gains,
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
    };
  },
});

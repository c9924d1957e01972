/** `dino eval finetune`: transfer, the whole network learning to classify from trained and from untrained weights. */
import { z } from 'zod';
import { contenderTitles } from '../../eval/contenders.ts';
import { FINE_TUNE_CROPS, fineTuneRates } from '../../eval/fine-tune-options.ts';
import { fineTuneReport } from '../../eval/fine-tune-report.ts';
import { type StoredTensor, serializeSafetensors } from '../../format/safetensors.ts';
import { encodeOwnFacts, OWN_FACTS } from '../../weights/own-facts.ts';
import { trainedOn } from '../classifier-file.ts';
import { UsageError } from '../flags.ts';
import { openImages } from '../open-images.ts';
import { accuracyBlocks, confusionBlocks, labelsFile } from './classification-blocks.ts';
import { defineEvaluation, withInterval } from './evaluation.ts';

const starts = ['trained', 'untrained'] as const;

export const finetune = defineEvaluation({
  name: 'finetune',
  summary: 'transfer: fine-tunes the whole network on classes, from trained and from untrained weights',
  usage: '<run> --train <source> [--test <source>]',
  fields: {
    train: z.string().describe('images with class folders: what the network learns from'),
    test: z
      .string()
      .describe(
        'images with the same class folders; without it a fifth of each class of --train is held back',
      ),
    epochs: z.number().int().min(1).describe('passes over the training images; 20 unless given'),
    batchSizePerGpu: z.number().int().min(1).describe('images in a step; 64 unless given'),
    lr: z
      .number()
      .gt(0)
      .describe('learning rate of the head, for a batch of 256; 0.004 unless given, 0.03 for a convnet'),
    warmupEpochs: z.number().min(0).describe('epochs of rising learning rate; a tenth of all unless given'),
    layerDecay: z
      .number()
      .gt(0)
      .max(1)
      .describe('the learning rate of each layer, as a share of that of the layer above; 0.75 unless given'),
    dropPathRate: z.number().min(0).lt(1).describe('stochastic depth of a ViT; 0.1 unless given'),
    labelSmoothing: z
      .number()
      .min(0)
      .lt(1)
      .describe('share of a label that all classes get; 0.1 unless given'),
    weightDecay: z.number().min(0).describe('of AdamW; 0.05 unless given'),
    cropsScale: z
      .tuple([z.number().gt(0).max(1), z.number().gt(0).max(1)])
      .describe('smallest and largest share of an image that is shown; 0.35 1 unless given'),
    seed: z.number().int().min(0).describe('of the head, order, crops and held-back images; 0 unless given'),
  },
  async run(options, { subject, backbone, engine, threads, onProgress, warn, write }) {
    const {
      train,
      test,
      epochs = 20,
      batchSizePerGpu = 64,
      lr = fineTuneRates[subject.backbone.kind],
      seed = 0,
    } = options;
    const {
      warmupEpochs = epochs / 10,
      layerDecay = 0.75,
      labelSmoothing = 0.1,
      weightDecay = 0.05,
    } = options;
    const { cropsScale = FINE_TUNE_CROPS } = options;
    const dropPathRate = subject.backbone.kind === 'vit' ? (options.dropPathRate ?? 0.1) : 0;
    if (train === undefined)
      throw new UsageError('Fine-tuning needs --train, and --test where there are other images to test on.');
    if (cropsScale[0] > cropsScale[1])
      throw new UsageError(
        `--crops_scale ${cropsScale.join(' ')} is upside down: give the smaller share first.`,
      );
    const open = (path: string) => openImages(path, subject.imageOptions, warn);
    const settings = {
      epochs,
      lr,
      warmupEpochs,
      layerDecay,
      dropPathRate,
      labelSmoothing,
      weightDecay,
      cropsScale,
    };
    const report = await fineTuneReport({
      ...settings,
      train: open(train),
      ...(test === undefined ? {} : { test: open(test) }),
      backbone,
      trained: subject.trained,
      untrained: subject.untrained,
      engine,
      engineOptions: { threads },
      batchSize: batchSizePerGpu,
      seed,
      onProgress,
    });
    const { classes, results, confusion, batchSize, trainImages, testImages, heldBack } = report;
    const tensors = new Map<string, StoredTensor>();
    for (const [name, { shape, values }] of results.trained.weights)
      tensors.set(name, { dtype: 'F32', shape, data: values });
    const metadata = {
      backbone: JSON.stringify(subject.backbone),
      size: String(subject.size),
      ...(subject.backbone.kind === 'vit' ? { heads: String(subject.backbone.heads) } : {}),
      [OWN_FACTS]: encodeOwnFacts(subject.backbone, subject.preprocessing),
      ...trainedOn(train),
    };
    const file = write('model.safetensors', Buffer.concat(serializeSafetensors(tensors, metadata)));
    write('labels.json', labelsFile(classes));
    warn(`The fine-tuned network: ${file}`);
    const divided = heldBack ? `${testImages} images held back from ${train}` : `${testImages} test images`;
    const protocol = `Fine-tuning on ${classes.length} classes with ${trainImages} images, ${divided}: ${subject.size} pixels, random crops of ${cropsScale.join(' to ')} and mirroring, AdamW, learning rate ${lr} x ${batchSize}/256 with warm-up over ${Number(warmupEpochs.toFixed(2))} of ${epochs} epochs and a cosine, layer decay ${layerDecay}, weight decay ${weightDecay}, label smoothing ${labelSmoothing}, drop path ${dropPathRate}; tested after the last epoch`;
    const titles = { trained: contenderTitles.trained, untrained: contenderTitles.untrained };
    const hasFive = results.trained.scores.top5 !== undefined;
    return {
      protocol,
      table: [
        ['fine-tuned, % (95 %)', 'top-1', ...(hasFive ? ['top-5'] : [])],
        ...starts.map((name) => {
          const { top1, top5 = Number.NaN, intervals } = results[name].scores;
          return [
            titles[name],
            withInterval(top1, intervals.top1),
            ...(intervals.top5 === undefined ? [] : [withInterval(top5, intervals.top5)]),
          ];
        }),
      ],
      scores: Object.fromEntries(
        starts.map((name) => {
          const { top1, top5 } = results[name].scores;
          return [name, top5 === undefined ? { top1 } : { top1, top5 }];
        }),
      ),
      skipped: results.trained.skipped,
      details: {
        intervals: Object.fromEntries(starts.map((name) => [name, results[name].scores.intervals])),
        epochs: Object.fromEntries(starts.map((name) => [name, results[name].epochs])),
        protocol: { ...settings, size: subject.size, batchSize, seed, trainImages, testImages, heldBack },
      },
      section: {
        title: 'Fine-tuning',
        intro: `${protocol}. Both start from the same head and see the same crops in the same order; the distance between them is what training without labels was worth.`,
        blocks: [
          ...accuracyBlocks(starts.map((name) => ({ name: titles[name], scores: results[name].scores }))),
          {
            kind: 'chart',
            title: 'Top-1 by epoch',
            caption: 'On the test images. A good start shows at the left: it needs fewer epochs.',
            xName: 'epoch',
            unit: ' %',
            series: starts.map((name) => {
              const measured = results[name].epochs.filter(({ top1 }) => top1 !== undefined);
              return {
                name: titles[name],
                x: measured.map(({ epoch }) => epoch),
                y: measured.map(({ top1 }) => top1 ?? Number.NaN),
              };
            }),
          },
          {
            kind: 'chart',
            title: 'Training loss',
            caption: 'Cross entropy with smoothed labels, mean over an epoch.',
            xName: 'epoch',
            series: starts.map((name) => ({
              name: titles[name],
              x: results[name].epochs.map(({ epoch }) => epoch),
              y: results[name].epochs.map(({ trainLoss }) => trainLoss),
            })),
          },
          ...confusionBlocks(classes, confusion),
        ],
      },
    };
  },
});

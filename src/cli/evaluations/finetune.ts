/** `dino eval finetune`: transfer, the whole network learning to classify from trained and from untrained weights. */
import { z } from 'zod';
import { learners } from '../../data/labels.ts';
import { largestScore } from '../../eval/classify/largest-class.ts';
import { fineTuneDefaults, fineTuneRates, usualWarmup } from '../../eval/finetune/fine-tune-options.ts';
import { fineTuneReport } from '../../eval/finetune/fine-tune-report.ts';
import { fineTuneStatement, starts } from '../../eval/finetune/section.ts';
import { type StoredTensor, serializeSafetensors } from '../../format/safetensors.ts';
import { dropPathInputs } from '../../model/backbone.ts';
import { encodeOwnFacts, OWN_FACTS } from '../../weights/own-facts.ts';
import { calibratedBy, labelsFile, trainedOn } from '../export/classifier-file.ts';
import { openSets } from '../open-sets.ts';
import { UsageError } from '../terminal/flags.ts';
import { defineEvaluation } from './evaluation.ts';

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
      .describe(
        'learning rate of the head, for a batch of 256; 0.004 unless given, 0.03 for a convolutional network',
      ),
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
  async run(options, context) {
    const { subject, backbone, engine, threads, onProgress, warn, write } = context;
    const {
      train,
      test,
      epochs = 20,
      batchSizePerGpu = fineTuneDefaults.batchSize,
      lr = fineTuneRates[subject.backbone.kind],
      seed = 0,
    } = options;
    const {
      warmupEpochs = usualWarmup(epochs),
      layerDecay = fineTuneDefaults.layerDecay,
      labelSmoothing = fineTuneDefaults.labelSmoothing,
      weightDecay = fineTuneDefaults.weightDecay,
      cropsScale = fineTuneDefaults.cropsScale,
    } = options;
    const { dropPathRate: asked = fineTuneDefaults.dropPathRate } = options;
    const dropPathRate = dropPathInputs(subject.backbone, asked) > 0 ? asked : 0;
    if (train === undefined)
      throw new UsageError('Fine-tuning needs --train, and --test where there are other images to test on.');
    if (cropsScale[0] > cropsScale[1])
      throw new UsageError(
        `--crops_scale ${cropsScale.join(' ')} is upside down: give the smaller share first.`,
      );
    const { notes, facts, ...sets } = await openSets(train, test, context, {
      learner: learners.finetune,
      alone: 'a part of the images is held back',
    });
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
      ...sets,
      backbone,
      trained: subject.trained,
      untrained: subject.untrained,
      engine,
      engineOptions: { threads },
      batchSize: batchSizePerGpu,
      seed,
      onProgress,
    });
    const { classes, results, gain, calibration, batchSize, trainImages, testImages, heldBack } = report;
    const tensors = new Map<string, StoredTensor>();
    for (const [name, { shape, values }] of results.trained.weights)
      tensors.set(name, { dtype: 'F32', shape, data: values });
    const metadata = {
      backbone: JSON.stringify(subject.backbone),
      size: String(subject.size),
      ...(subject.backbone.kind === 'vit' ? { heads: String(subject.backbone.heads) } : {}),
      [OWN_FACTS]: encodeOwnFacts({ ...subject, levels: subject.imageOptions.levels }),
      ...trainedOn(train),
      ...calibratedBy(calibration),
    };
    const file = write('model.safetensors', Buffer.concat(serializeSafetensors(tensors, metadata)));
    write('labels.json', labelsFile(classes));
    warn(`The fine-tuned network: ${file}`);
    return {
      ...fineTuneStatement(report, { ...settings, train, size: subject.size }),
      scores: {
        ...Object.fromEntries(
          starts.map((name) => {
            const { top1, top5 } = results[name].scores;
            return [name, top5 === undefined ? { top1 } : { top1, top5 }];
          }),
        ),
        ...largestScore(report.largest),
      },
      notes,
      skipped: results.trained.skipped,
      details: {
        gains: { untrained: gain },
        intervals: Object.fromEntries(starts.map((name) => [name, results[name].scores.intervals])),
        ...(calibration === undefined ? {} : { calibration }),
        epochs: Object.fromEntries(starts.map((name) => [name, results[name].epochs])),
        protocol: {
          ...settings,
          size: subject.size,
          batchSize,
          seed,
          trainImages,
          testImages,
          heldBack,
          ...facts,
        },
      },
    };
  },
});

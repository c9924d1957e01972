/** `dino eval linear`: the official linear evaluation (`eval_linear.py`), on any classes. */
import { z } from 'zod';
import { learners } from '../../data/labels.ts';
import { namedPairs } from '../../eval/classify/classification-blocks.ts';
import { largestScore } from '../../eval/classify/largest-class.ts';
import { BATCH_SIZE, EPOCHS } from '../../eval/classify/linear-evaluation.ts';
import { linearFeature } from '../../eval/classify/linear-features.ts';
import { linearHeadReport } from '../../eval/classify/linear-head-report.ts';
import { linearReport } from '../../eval/classify/linear-report.ts';
import { linearHeadStatement, linearStatement } from '../../eval/classify/linear-section.ts';
import { comparedNames } from '../../features/baselines.ts';
import { networkFingerprint } from '../../features/feature-bank-node.ts';
import { openFile } from '../../files/file-source-node.ts';
import { serializeSafetensors } from '../../format/safetensors.ts';
import type { BackboneConfig } from '../../model/backbone.ts';
import { findLinearHead } from '../../weights/linear-head.ts';
import { encodeOwnFacts, OWN_FACTS } from '../../weights/own-facts.ts';
import { openStateDict } from '../../weights/state-dict.ts';
import { calibratedBy, labelsFile, trainedOn } from '../export/classifier-file.ts';
import { openImages } from '../open-images.ts';
import { openSets } from '../open-sets.ts';
import { UsageError } from '../terminal/flags.ts';
import { defineEvaluation, type EvaluationContext, type EvaluationResult, knownOf } from './evaluation.ts';

const AUGMENTED_EPOCHS = 20;

export const linear = defineEvaluation({
  name: 'linear',
  summary: 'accuracy of a linear classifier on the frozen features',
  usage: '<run> --train <source> [--test <source>] | --head <file> --test <source>',
  fields: {
    train: z.string().describe('images with class folders: what the classifier learns from'),
    test: z
      .string()
      .describe(
        'images with the same class folders; without it a fifth of each class of --train is held back',
      ),
    head: z
      .string()
      .describe(
        'a linear classifier that was trained elsewhere (linear.weight, linear.bias): only tested on --test',
      ),
    nLastBlocks: z
      .number()
      .int()
      .min(1)
      .describe('class tokens of so many last blocks; 4 unless given (all, if there are fewer)'),
    avgpoolPatchtokens: z
      .boolean()
      .describe("true: the last block's class token and mean patch token, as for the official base networks"),
    lr: z
      .array(z.number().gt(0))
      .describe('learning rates to try, for a batch of 256; ten from 0.0001 to 3 unless given'),
    epochs: z
      .number()
      .int()
      .min(1)
      .describe('passes over the training images; 100 unless given, 20 with --augment'),
    batchSizePerGpu: z.number().int().min(1).describe('images in a step; 128 unless given'),
    augment: z
      .boolean()
      .describe('true: random crops and mirroring in every epoch, as the official script does; slow'),
    seed: z
      .number()
      .int()
      .min(0)
      .describe('of initial weights, order, crops and held-back images; 0 unless given'),
  },
  async run(options, context) {
    if (context.subject.backbone.kind === 'convnet' || context.subject.backbone.kind === 'resnet')
      for (const [flag, isGiven] of [
        ['--n_last_blocks', options.nLastBlocks !== undefined],
        ['--avgpool_patchtokens', options.avgpoolPatchtokens === true],
      ])
        if (isGiven)
          throw new UsageError(
            `${flag} is for Vision Transformers, and this network has one pooled feature: leave it out.`,
          );
    if (options.head !== undefined) return testHead({ ...options, head: options.head }, context);
    const { subject, backbone, engine, onProgress, warn, write } = context;
    const {
      train,
      test,
      avgpoolPatchtokens = false,
      augment = false,
      batchSizePerGpu = BATCH_SIZE,
      seed = 0,
    } = options;
    if (train === undefined)
      throw new UsageError(
        'The linear evaluation needs --train, and --test where there are other images to test on.',
      );
    const { nLastBlocks = avgpoolPatchtokens ? 1 : 4, epochs = augment ? AUGMENTED_EPOCHS : EPOCHS } =
      options;
    if (avgpoolPatchtokens && nLastBlocks !== 1)
      throw new UsageError(
        '--avgpool_patchtokens goes with the last block alone: give --n_last_blocks 1 or leave it out.',
      );
    const { notes, facts, ...sets } = await openSets(train, test, context, {
      learner: learners.linear,
      alone: 'a part of the images is held back',
    });
    const feature = linearFeature(subject.backbone, {
      lastBlocks: nLastBlocks,
      meanPatchToken: avgpoolPatchtokens,
    });
    const report = await linearReport({
      ...sets,
      backbone,
      trained: subject.trained,
      untrained: subject.untrained,
      engine,
      feature,
      epochs,
      batchSize: batchSizePerGpu,
      augment,
      seed,
      ...(options.lr === undefined ? {} : { rates: options.lr }),
      known: knownOf(context.baselines?.linear, options, subject),
      onProgress,
    });
    const { classes, scores, gains, results, trainImages, testImages, heldBack } = report;
    const { weight, bias } = results.trained.classifier;
    const tensors = serializeSafetensors(
      new Map([
        ['linear.weight', { dtype: 'F32', shape: [classes.length, feature.dim], data: weight }],
        ['linear.bias', { dtype: 'F32', shape: [classes.length], data: bias }],
      ]),
      {
        network: networkFingerprint(subject.trained),
        feature: feature.title,
        ...probeMetadata(subject.backbone, nLastBlocks, avgpoolPatchtokens),
        [OWN_FACTS]: encodeOwnFacts({ ...subject, levels: subject.imageOptions.levels }),
        ...trainedOn(train),
        ...calibratedBy(results.trained.calibration),
      },
    );
    const file = write('classifier.safetensors', Buffer.concat(tensors));
    write('labels.json', labelsFile(classes));
    warn(`The classifier: ${file}`);
    const { size } = subject;
    const batchSize = batchSizePerGpu;
    return {
      ...linearStatement(report, { feature: feature.title, size, train, augment, epochs, batchSize }),
      scores: {
        ...Object.fromEntries(
          comparedNames.map((name) => {
            const { top1, top5 } = scores[name];
            return [name, top5 === undefined ? { top1 } : { top1, top5 }];
          }),
        ),
        ...largestScore(report.largest),
      },
      notes,
      skipped: report.skipped,
      details: {
        intervals: Object.fromEntries(comparedNames.map((name) => [name, scores[name].intervals])),
        gains,
        rates: Object.fromEntries(comparedNames.map((name) => [name, results[name].rates])),
        ...(results.trained.calibration === undefined ? {} : { calibration: results.trained.calibration }),
        confused: namedPairs(classes, results.trained.mostConfused),
        protocol: {
          feature: feature.title,
          size,
          epochs,
          batchSize,
          augment,
          seed,
          trainImages,
          testImages,
          heldBack,
          ...facts,
          rate: Object.fromEntries(comparedNames.map((name) => [name, results[name].rate])),
        },
      },
    };
  },
});

/** What an exported classifier has to know of the feature; the image feature of other networks than a ViT needs no telling. */
function probeMetadata(
  backbone: BackboneConfig,
  lastBlocks: number,
  meanPatchToken: boolean,
): Record<string, string> {
  if (backbone.kind !== 'vit') return {};
  const used = { lastBlocks: Math.min(lastBlocks, backbone.depth), meanPatchToken };
  return { probe: JSON.stringify(used) };
}

/** The official released classifiers, and any in their form. */
async function testHead(
  options: {
    readonly head: string;
    readonly train?: string | undefined;
    readonly test?: string | undefined;
    readonly nLastBlocks?: number | undefined;
    readonly avgpoolPatchtokens?: boolean | undefined;
  },
  { subject, backbone, onProgress, warn }: EvaluationContext,
): Promise<EvaluationResult> {
  const { head: path, train, test, avgpoolPatchtokens = false } = options;
  if (test === undefined) throw new UsageError('A classifier that is trained already needs --test.');
  if (train !== undefined) throw new UsageError('--head is trained already: leave --train out.');
  const { nLastBlocks = avgpoolPatchtokens ? 1 : 4 } = options;
  const feature = linearFeature(subject.backbone, {
    lastBlocks: nLastBlocks,
    meanPatchToken: avgpoolPatchtokens,
  });
  const file = openFile(path);
  try {
    const head = findLinearHead(openStateDict(file));
    if (head === undefined)
      throw new Error(`${path} holds no linear classifier: it needs linear.weight and linear.bias.`);
    const source = openImages(test, subject.imageOptions, warn);
    const report = await linearHeadReport({
      ...{ test: source, backbone, trained: subject.trained, head, feature },
      onProgress,
    });
    const { top1, top5, intervals } = report.accuracies;
    const { size } = subject;
    return {
      ...linearHeadStatement(report, {
        feature: feature.title,
        size,
        head: path,
        classes: source.classes,
      }),
      scores: { trained: top5 === undefined ? { top1 } : { top1, top5 } },
      skipped: report.skipped,
      details: { intervals, protocol: { head: path, feature: feature.title, size } },
    };
  } finally {
    file.close();
  }
}

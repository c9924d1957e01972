/** A linear classifier that was trained elsewhere, on the features of a network: accuracy on labeled images, no training. */
import type { SkippedImage } from '../../data/skipped-images.ts';
import type { Source } from '../../data/source.ts';
import { labeledPart } from '../../data/subset.ts';
import type { NetworkFeature } from '../../features/descriptors.ts';
import { extractFeatures } from '../../features/extract.ts';
import type { FrozenBackbone } from '../../features/frozen-backbone.ts';
import type { Weights } from '../../features/network-weights.ts';
import type { OnProgress } from '../../features/on-progress.ts';
import { counted } from '../../numbers/counted.ts';
import type { LinearHead } from '../../weights/linear-head.ts';
import { type ClassificationScores, confusionMatrix, ScoreSheet } from './classification-scores.ts';
import { type Accuracies, accuracies } from './linear-report.ts';

export interface LinearHeadOptions {
  readonly test: Source;
  readonly backbone: FrozenBackbone;
  readonly trained: Weights;
  readonly head: LinearHead;
  readonly feature: NetworkFeature;
  readonly onProgress?: OnProgress;
}

export interface LinearHeadReport {
  readonly accuracies: Accuracies;
  readonly scores: ClassificationScores;
  /** [true class, predicted class] */
  readonly confusion: Int32Array;
  readonly skipped: readonly SkippedImage[];
}

/**
 * The classes of the test images are those of the head in the order of their names, as everywhere.
 *
 * @throws Error if their numbers differ, or the head reads a feature of another width
 */
export async function linearHeadReport(options: LinearHeadOptions): Promise<LinearHeadReport> {
  const { backbone, trained, head, feature, onProgress } = options;
  const test = labeledPart(options.test);
  const { classes, width } = head;
  if (test.classes.length !== classes)
    throw new Error(
      `The classifier tells ${counted(classes, 'class', 'classes')} and ${test.name} has ${counted(test.classes.length, 'class folder')}: give images of its classes.`,
    );
  if (feature.dim !== width)
    throw new Error(
      `The classifier reads ${counted(width, 'number')} and the ${feature.title} has ${feature.dim}: try another --n_last_blocks, or --avgpool_patchtokens true.`,
    );
  const extracted = await extractFeatures(test, {
    backbone,
    weights: new Map([['trained', trained]]),
    feature,
    onProgress: (done, total) => onProgress?.(`features of ${test.name}`, done, total),
  });
  const { values } = extracted.features.get('trained')!;
  const [weight, bias] = [head.weight(), head.bias()];
  const sheet = new ScoreSheet(classes, 128);
  const logits = new Float32Array(classes);
  for (const [i, label] of extracted.labels.entries()) {
    for (let c = 0; c < classes; c++) {
      let sum = bias[c]!;
      for (let d = 0; d < width; d++) sum += weight[c * width + d]! * values[i * width + d]!;
      logits[c] = sum;
    }
    sheet.add(logits, 0, label);
  }
  const scores = sheet.total();
  return {
    accuracies: accuracies(scores),
    scores,
    confusion: confusionMatrix(extracted.labels, scores.predictions, classes),
    skipped: extracted.skipped,
  };
}

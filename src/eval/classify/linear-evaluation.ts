/**
 * Linear evaluation with one learning rate, epoch by epoch, with the numbers of the official log.txt (`eval_linear.py`): SGD
 * whose rate falls along a cosine, the test set scored after each epoch. From features that were extracted once, so an
 * epoch costs milliseconds; the official script extracts them anew in each epoch, from randomly cropped images.
 */
import type { Engine, EngineOptions } from '../../engine/engine.ts';
import { Random } from '../../random/random.ts';
import { checkSets, type LabeledFeatures } from '../../rows/labeled-features.ts';
import type { ClassificationScores } from './classification-scores.ts';
import { LinearProbe, type LinearWeights } from './linear-probe.ts';

export interface LinearOptions {
  readonly classes: number;
  /** Default 100. */
  readonly epochs?: number;
  /** Default 128. */
  readonly batchSize?: number;
  /** Default 0.9. */
  readonly momentum?: number;
  /** Where training starts; the default is drawn from `seed`. */
  readonly initial?: LinearWeights;
  /** Names the initial weights and the order of the samples. Default 0. */
  readonly seed?: number;
  /** Training rows of an epoch in the order they are used; the default is a permutation drawn from `seed`. */
  readonly order?: (epoch: number) => Uint32Array;
  readonly engineOptions?: EngineOptions;
}

export const EPOCHS = 100;
export const BATCH_SIZE = 128;

/** Learning rate of an epoch: `rate * batch / 256`, falling along half a cosine; the last epoch's is above 0. */
export function linearRate(rate: number, batchSize: number, epoch: number, epochs: number): number {
  return (((rate * batchSize) / 256) * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
}

export interface TrainedEpoch {
  readonly epoch: number;
  /** Learning rate of each classifier in this epoch. */
  readonly rates: readonly number[];
  /** Mean over batches of the loss before each step, of each classifier. */
  readonly trainLosses: Float64Array;
  /** The classifiers as they are now; not to be used after the loop. */
  readonly probe: LinearProbe;
}

/**
 * Trains classifiers side by side, one for each learning rate (before it is multiplied by batch / 256).
 *
 * @param rows the training rows to use; the default is all
 */
export async function* trainLinear(
  engine: Engine,
  train: LabeledFeatures,
  learningRates: readonly number[],
  options: LinearOptions,
  rows: Uint32Array = Uint32Array.from({ length: train.labels.length }, (_, i) => i),
): AsyncGenerator<TrainedEpoch> {
  const { classes, epochs = EPOCHS, batchSize = BATCH_SIZE, momentum, initial, seed = 0, order } = options;
  const { engineOptions } = options;
  const probe = await LinearProbe.create(engine, {
    dim: train.features.dim,
    classes,
    batchSize: Math.min(batchSize, rows.length),
    probes: learningRates.length,
    seed,
    ...(momentum === undefined ? {} : { momentum }),
    ...(initial === undefined ? {} : { initial }),
    ...(engineOptions === undefined ? {} : { engineOptions }),
  });
  const drawn = (epoch: number): Uint32Array =>
    new Random(seed, 'linear order', epoch).permutation(rows.length).map((i) => rows[i]!);
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      const rates = learningRates.map((rate) => linearRate(rate, batchSize, epoch, epochs));
      const trainLosses = await probe.epoch(train, order?.(epoch) ?? drawn(epoch), rates);
      yield { epoch, rates, trainLosses, probe };
    }
  } finally {
    await probe.dispose();
  }
}

/** One entry of the official log. */
export interface LinearEpoch {
  readonly epoch: number;
  readonly rate: number;
  readonly trainLoss: number;
  readonly test: ClassificationScores;
}

/**
 * The official protocol with one learning rate (before it is multiplied by batch / 256).
 *
 *     for await (const { epoch, test } of linearEpochs(ortNode, train, validation, 0.001, { classes: 10 })) console.log(epoch, test.top1);
 *
 * @throws RangeError on features that are not finite, labels out of range, or sets of two widths
 */
export async function* linearEpochs(
  engine: Engine,
  train: LabeledFeatures,
  test: LabeledFeatures,
  learningRate: number,
  options: LinearOptions,
): AsyncGenerator<LinearEpoch> {
  checkSets(train, test, options.classes);
  for await (const { epoch, rates, trainLosses, probe } of trainLinear(
    engine,
    train,
    [learningRate],
    options,
  )) {
    const [scores] = await probe.scores(test, options.batchSize ?? BATCH_SIZE);
    yield { epoch, rate: rates[0]!, trainLoss: trainLosses[0]!, test: scores! };
  }
}

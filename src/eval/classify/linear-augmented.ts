/**
 * Linear evaluation on features of images that are cropped anew in every epoch, as the official `eval_linear.py` trains. Here
 * extraction is what costs, so several kinds of features are trained in the same epochs, each with all learning rates at once
 * and twice: on a part of the training set, to choose the rate on the rest, and on all of it, for the test.
 */
import type { Engine } from '../../engine/engine.ts';
import { Random } from '../../random/random.ts';
import type { FeatureRows } from '../../rows/feature-rows.ts';
import { checkSets, chosenRows, type LabeledFeatures, splitByClass } from '../../rows/labeled-features.ts';
import { recordOf } from '../../rows/record-of.ts';
import { calibrate } from './calibration.ts';
import { BATCH_SIZE, linearRate } from './linear-evaluation.ts';
import { LinearProbe } from './linear-probe.ts';
import {
  bestRate,
  type LinearResult,
  rateScores,
  SWEPT_RATES,
  type SweepOptions,
  tested,
} from './linear-sweep.ts';
import { probeLogits } from './probe-logits.ts';

/** Features of one kind, of images as evaluations see them. */
export interface PlainSets {
  readonly train: LabeledFeatures;
  readonly test: LabeledFeatures;
}

export interface AugmentedOptions extends Omit<SweepOptions, 'initial' | 'epochs'> {
  readonly epochs: number;
  /** Features of the training images cropped anew: of every kind, the rows in the order of `train`. */
  augmented(epoch: number): Promise<Readonly<Record<string, FeatureRows>>>;
}

/** Two groups of classifiers on one kind of features. */
interface Pair {
  readonly plain: PlainSets;
  /** On a part of the training set. */
  readonly partial: LinearProbe;
  readonly whole: LinearProbe;
  losses: Float64Array;
}

/**
 * @param kinds by name; all of the same images
 * @throws RangeError on features that are not finite, labels out of range, or classes of one sample each
 */
export async function augmentedLinearEvaluation<Kind extends string>(
  engine: Engine,
  kinds: Readonly<Record<Kind, PlainSets>>,
  options: AugmentedOptions,
): Promise<Record<Kind, LinearResult>> {
  const {
    classes,
    rates = SWEPT_RATES,
    epochs,
    batchSize = BATCH_SIZE,
    validationShare = 0.1,
    seed = 0,
  } = options;
  if (epochs < 1) throw new RangeError(`Nothing is learned in ${epochs} epochs: give one or more.`);
  const sets = Object.entries<PlainSets>(kinds);
  for (const [, { train, test }] of sets) checkSets(train, test, classes);
  const labels = sets[0]?.[1].train.labels ?? [];
  const { fit, held } = splitByClass(labels, validationShare, seed);
  const probe = (dim: number, rows: number): Promise<LinearProbe> =>
    LinearProbe.create(engine, {
      dim,
      classes,
      batchSize: Math.min(batchSize, rows),
      probes: rates.length,
      seed,
      ...(options.momentum === undefined ? {} : { momentum: options.momentum }),
      ...(options.engineOptions === undefined ? {} : { engineOptions: options.engineOptions }),
    });
  const pairs = new Map<string, Pair>();
  try {
    for (const [kind, plain] of sets) {
      const { dim } = plain.train.features;
      const [partial, whole] = [await probe(dim, fit.length), await probe(dim, labels.length)];
      pairs.set(kind, { plain, partial, whole, losses: new Float64Array(rates.length) });
    }
    for (let epoch = 0; epoch < epochs; epoch++) {
      const features = await options.augmented(epoch);
      const now = rates.map((rate) => linearRate(rate, batchSize, epoch, epochs));
      const order = new Random(seed, 'linear order', epoch);
      const part = order.permutation(fit.length).map((i) => fit[i]!);
      const all = order.permutation(labels.length);
      for (const [kind, pair] of pairs) {
        const data = { features: features[kind]!, labels };
        await pair.partial.epoch(data, part, now);
        pair.losses = await pair.whole.epoch(data, all, now);
      }
      options.onEpoch?.(epoch + 1, epochs, 'training');
    }
    const results: [string, LinearResult][] = [];
    for (const [kind, { plain, partial, whole, losses }] of pairs) {
      const rest = chosenRows(plain.train, held);
      const scores = rateScores(rates, await partial.scores(rest, batchSize));
      const { rate } = bestRate(scores);
      const best = rates.indexOf(rate);
      const onTest = (await whole.scores(plain.test, batchSize))[best]!;
      results.push([
        kind,
        {
          rates: scores,
          rate,
          trainLoss: losses[best]!,
          classifier: whole.weights(best),
          calibration: calibrate(
            await probeLogits(partial, rest, best),
            await probeLogits(whole, plain.test, best),
            classes,
          ),
          ...tested(plain.test, onTest, classes),
        },
      ]);
    }
    return recordOf(results);
  } finally {
    for (const { partial, whole } of pairs.values()) {
      await partial.dispose();
      await whole.dispose();
    }
  }
}

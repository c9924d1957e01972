/**
 * Fine-tuning: the whole network learns to classify, from given weights, with a linear head (the paper's transfer results,
 * which follow DeiT's recipe). AdamW, cosine with warm-up, label smoothing, drop path, layer-wise learning-rate decay, random
 * resized crops and mirroring; without the mixing and color augmentations of DeiT, which want hundreds of epochs.
 *
 * Batch norm normalizes by the batch and moves its running statistics, as in training; tests use those.
 */
import { pathIn } from '../../data/skipped-images.ts';
import { evalImages } from '../../features/eval-images.ts';
import type { Weights } from '../../features/network-weights.ts';
import { randomView } from '../../features/random-view.ts';
import { sizeOf } from '../../graph/index.ts';
import { classifier, classLogits } from '../../method/classifier.ts';
import type { BackboneConfig } from '../../model/backbone.ts';
import { layerDecay } from '../../model/layer-decay.ts';
import { cosineSchedule } from '../../optim/schedules.ts';
import { Random } from '../../random/random.ts';
import { mean } from '../../rows/mean.ts';
import { microBatchSizes } from '../../train/micro-batch.ts';
import { networkValues } from '../../train/state.ts';
import { Trainer } from '../../train/trainer.ts';
import { ScoreSheet } from '../classify/classification-scores.ts';
import {
  type FineTuned,
  type FineTunedEpoch,
  type FineTuneOptions,
  fineTuneDefaults,
  fineTuneRates,
  usualWarmup,
} from './fine-tune-options.ts';

const TEST_BATCH = 128;
/** Epochs after which the test images are asked, at most; evenly spread. */
const MEASURED = 10;
const FINAL_RATE = 1e-6;

type Tested = Pick<FineTuned, 'test' | 'testLabels' | 'testLogits'>;

/** A compiled training step; `run` may be called for several starting weights. */
export class FineTuner {
  readonly batchSize: number;
  readonly #options: FineTuneOptions;
  readonly #trainer: Trainer;
  /** Classes of the images of the step. */
  readonly #labels: Int32Array;

  /** @throws RangeError if there is nothing to learn from */
  static async create(options: FineTuneOptions): Promise<FineTuner> {
    const { train, classes, backbone, engine, engineOptions, seed = 0 } = options;
    const { batchSize, labelSmoothing, dropPathRate } = fineTuneDefaults;
    const batch = Math.min(options.batchSize ?? batchSize, train.indices.length);
    if (batch < 1 || options.epochs < 1)
      throw new RangeError('Fine-tuning needs at least one image and one epoch: give more.');
    const labels = new Int32Array(batch);
    const method = classifier({
      backbone: backbone.config,
      classes,
      size: backbone.size,
      labelSmoothing: options.labelSmoothing ?? labelSmoothing,
      dropPathRate: options.dropPathRate ?? dropPathRate,
      label: (i) => labels[i]!,
    });
    const trainer = await Trainer.create({
      method,
      engine,
      channels: backbone.config.channels,
      batchSize: batch,
      microBatch: microBatch(backbone.config, backbone.size, batch),
      optimizer: 'adamw',
      seed,
      ...(engineOptions === undefined ? {} : { engineOptions }),
    });
    return new FineTuner(options, trainer, labels);
  }

  private constructor(options: FineTuneOptions, trainer: Trainer, labels: Int32Array) {
    this.batchSize = labels.length;
    this.#options = options;
    this.#trainer = trainer;
    this.#labels = labels;
  }

  /**
   * Fine-tunes from the weights of a backbone; the head starts from what the seed names.
   *
   * @throws Error naming a weight that is missing or of another size, or when the loss is no longer finite
   */
  async run(weights: Weights, onProgress?: (done: number, total: number) => void): Promise<FineTuned> {
    const { train, backbone, epochs, warmupEpochs = usualWarmup(epochs), seed = 0 } = this.#options;
    const { lr = fineTuneRates[backbone.config.kind], cropsScale = fineTuneDefaults.cropsScale } =
      this.#options;
    this.#restart(weights);
    const stepsPerEpoch = train.indices.length / this.batchSize;
    const steps = Math.floor((epochs * train.indices.length) / this.batchSize);
    const base = (lr * this.batchSize) / 256;
    const rates = cosineSchedule({
      base,
      final: Math.min(FINAL_RATE, base),
      steps,
      warmupSteps: Math.round(warmupEpochs * stepsPerEpoch),
    });
    const lrFactor = layerDecay(backbone.config, this.#options.layerDecay ?? fineTuneDefaults.layerDecay);
    const { channels } = backbone.config;
    const imageSize = channels * backbone.size ** 2;
    const pixels = new Float32Array(this.batchSize * imageSize);
    const skipped = new Map<string, string>();
    const history: FineTunedEpoch[] = [];
    // Images that are left over at the end of an epoch begin the next one's first step.
    let [step, waiting] = [0, 0];
    let tested: Tested | undefined;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const losses: number[] = [];
      const order = new Random(seed, 'fine-tuning order', epoch).permutation(train.indices.length);
      const batches = evalImages(train.source, {
        size: backbone.size,
        batch: this.batchSize,
        preprocessing: backbone.preprocessing,
        indices: order.map((i) => train.indices[i]!),
        view: randomView({
          size: backbone.size,
          interpolation: 'bicubic',
          seed,
          epoch,
          scale: cropsScale,
        }),
        onSkip: (key, reason) => void skipped.set(pathIn(train.source, key), reason),
      });
      for await (const batch of batches) {
        for (const [i, index] of batch.indices.entries()) {
          pixels.set(batch.pixels.subarray(i * imageSize, (i + 1) * imageSize), waiting * imageSize);
          this.#labels[waiting++] = train.label(index);
          if (waiting < this.batchSize) continue;
          losses.push(await this.#step(pixels, step, rates[step]!, lrFactor));
          waiting = 0;
          step++;
          onProgress?.(step, steps);
        }
      }
      const last = epoch === epochs - 1;
      const isMeasured = last || (epoch + 1) % Math.ceil(epochs / MEASURED) === 0;
      const measured = isMeasured ? await this.#test(skipped) : undefined;
      tested = measured ?? tested;
      history.push({
        epoch: epoch + 1,
        trainLoss: mean(losses),
        ...(measured === undefined ? {} : { top1: measured.test.top1 }),
      });
    }
    onProgress?.(steps, steps); // fewer were done where images could not be read
    if (tested === undefined || step === 0) {
      const [[key, reason] = []] = skipped;
      throw new Error(
        `${train.source.name}: too few of its images can be read to train on; the first: ${key} ${reason}`,
      );
    }
    const list = [...skipped].map(([key, reason]) => ({ key, reason }));
    return { steps: step, epochs: history, ...tested, weights: await this.#weights(), skipped: list };
  }

  #restart(weights: Weights): void {
    this.#trainer.reset();
    const { update, statistics, buffers } = this.#trainer.state;
    const running = statistics.flatMap(({ info: { name } }) => {
      const buffer = buffers.get(`student/${name}`);
      return buffer === undefined ? [] : [[name, buffer] as const];
    });
    for (const [name, target] of [...update.student, ...running]) {
      if (!name.startsWith('backbone.')) continue;
      const values = weights.get(name.slice('backbone.'.length));
      if (values?.length !== sizeOf(target.shape))
        throw new Error(
          `The weights ${values === undefined ? 'lack' : 'have another size of'} "${name}": take those of the same network.`,
        );
      target.write(values);
    }
  }

  async #step(
    pixels: Float32Array,
    step: number,
    lr: number,
    lrFactor: (name: string) => number,
  ): Promise<number> {
    const size = pixels.length / this.batchSize;
    const { loss, gradientNorms } = await this.#trainer.step(
      (_, start, end, into) => into.set(pixels.subarray(start * size, end * size)),
      {
        step,
        lr,
        lrFactor,
        weightDecay: this.#options.weightDecay ?? fineTuneDefaults.weightDecay,
        clip: 0,
        teacherMomentum: 0,
        freezeLastLayer: false,
        scalars: {},
      },
    );
    if (Number.isFinite(loss) && [...gradientNorms.values()].every(Number.isFinite)) return loss;
    throw new Error(
      step === 0
        ? 'The loss is not a finite number at the first step: the weights it starts from are broken, take those of an earlier checkpoint.'
        : `The loss is not a finite number any more at step ${step + 1} of fine-tuning: give a smaller --lr.`,
    );
  }

  async #test(skipped: Map<string, string>): Promise<Tested> {
    const { test, classes, backbone } = this.#options;
    const weights = await networkValues(this.#trainer.state, 'student');
    const sheet = new ScoreSheet(classes, TEST_BATCH);
    const testLabels: number[] = [];
    const testLogits = new Float32Array(test.indices.length * classes);
    const batches = evalImages(test.source, {
      size: backbone.size,
      batch: TEST_BATCH,
      preprocessing: backbone.preprocessing,
      indices: test.indices,
      onSkip: (key, reason) => void skipped.set(pathIn(test.source, key), reason),
    });
    for await (const { pixels, indices } of batches) {
      const square = { pixels, height: backbone.size, width: backbone.size };
      const { logits } = await backbone.compute('class logits', weights, square, (scope, images) => ({
        logits: classLogits(scope, images, { backbone: backbone.config, classes }, 'eval'),
      }));
      testLogits.set(logits, testLabels.length * classes);
      for (const [i, index] of indices.entries()) {
        testLabels.push(test.label(index));
        sheet.add(logits, i * classes, test.label(index));
      }
    }
    const used = testLogits.subarray(0, testLabels.length * classes);
    return { test: sheet.total(), testLabels, testLogits: used };
  }

  async #weights(): Promise<FineTuned['weights']> {
    const { parameters, statistics } = this.#trainer.state;
    const values = await networkValues(this.#trainer.state, 'student');
    const infos = [...parameters, ...statistics.map(({ info }) => info)];
    return new Map(
      infos.map(({ name, shape }) => [
        name,
        { shape, values: values.get(name)?.slice() ?? new Float32Array() },
      ]),
    );
  }

  async dispose(): Promise<void> {
    await this.#trainer.dispose();
  }
}

/** Images of one run of the program. A rule alone, not a measurement: results are the same on every machine. */
function microBatch(backbone: BackboneConfig, size: number, batch: number): number {
  if (backbone.kind !== 'vit') return batch;
  const tokens = Math.floor(size / backbone.patchSize) ** 2 + 1;
  return microBatchSizes(batch, tokens, backbone.dim)[0] ?? batch;
}

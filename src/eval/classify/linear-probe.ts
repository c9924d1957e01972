/**
 * A linear classifier on frozen features, trained as the official `eval_linear.py` trains it: cross entropy, SGD with momentum
 * 0.9, no weight decay, weights from N(0, 0.01), biases 0. A training step (logits, gradients, update) is one compiled program.
 *
 * Several classifiers train side by side in it, from the same weights on the same batches, each with a learning rate of its
 * own: their weights are stacked, so a batch is multiplied with all of them at once. Sweeping ten rates that way costs far
 * less than ten trainings, as the features are read once and the products are larger.
 */
import { runOnArrays } from '../../engine/arrays.ts';
import type { Engine, EngineOptions, Program } from '../../engine/engine.ts';
import {
  add,
  gemm,
  gradients,
  input,
  logSoftmax,
  mul,
  neg,
  type Results,
  reshape,
  scale,
  sub,
  sum,
  type Tensor,
} from '../../graph/index.ts';
import { Random } from '../../random/random.ts';
import type { FeatureRows } from '../../rows/feature-rows.ts';
import type { LabeledFeatures } from '../../rows/labeled-features.ts';
import { type ClassificationScores, ScoreSheet } from './classification-scores.ts';

export interface LinearWeights {
  /** [classes, dim] */
  readonly weight: Float32Array;
  /** [classes] */
  readonly bias: Float32Array;
}

export interface LinearProbeOptions {
  readonly dim: number;
  readonly classes: number;
  /** The largest batch. */
  readonly batchSize: number;
  /** How many classifiers train side by side. Default 1. */
  readonly probes?: number;
  /** Default 0.9. */
  readonly momentum?: number;
  /** Where all of them start; the default is drawn from `seed`. */
  readonly initial?: LinearWeights;
  readonly seed?: number;
  readonly engineOptions?: EngineOptions;
}

/** Standard deviation of the initial weights. */
const INITIAL_DEVIATION = 0.01;
/** Logits that are computed at once: 16 MiB. */
const BLOCK_LOGITS = 2 ** 22;

/** Logits of some rows of features, of all classifiers. */
export interface LogitBlock {
  /** First row. */
  readonly start: number;
  readonly rows: number;
  /** [rows, probes, classes]; may be longer. Overwritten by the next block. */
  readonly values: Float32Array;
}

export class LinearProbe {
  readonly classes: number;
  readonly probes: number;
  readonly #dim: number;
  readonly #batchSize: number;
  readonly #step: Program;
  readonly #engine: Engine;
  readonly #engineOptions: EngineOptions | undefined;
  readonly #state: Record<'weight' | 'bias' | 'weight momentum' | 'bias momentum', Float32Array>;
  readonly #features: Float32Array;
  readonly #target: Float32Array;

  /** @throws RangeError when the initial weights do not fit */
  static async create(engine: Engine, options: LinearProbeOptions): Promise<LinearProbe> {
    return new LinearProbe(engine, options, await engine.load(stepGraph(options), options.engineOptions));
  }

  private constructor(engine: Engine, options: LinearProbeOptions, step: Program) {
    const { dim, classes, batchSize, probes = 1, engineOptions } = options;
    const { weight, bias } = options.initial ?? drawn(options);
    if (weight.length !== classes * dim || bias.length !== classes) {
      throw new RangeError(
        `Initial weights of ${weight.length} and ${bias.length} numbers do not fit ${classes} classes and features of ${dim}: give [classes, dim] and [classes].`,
      );
    }
    this.#engine = engine;
    this.#engineOptions = engineOptions;
    this.#step = step;
    this.classes = classes;
    this.probes = probes;
    this.#dim = dim;
    this.#batchSize = batchSize;
    this.#state = {
      weight: repeated(weight, probes),
      bias: repeated(bias, probes),
      'weight momentum': new Float32Array(probes * weight.length),
      'bias momentum': new Float32Array(probes * bias.length),
    };
    this.#features = new Float32Array(batchSize * dim);
    this.#target = new Float32Array(batchSize * classes);
  }

  /**
   * One step on the mean loss of a batch.
   *
   * @param rows of `data` that make the batch, `batchSize` at most
   * @param rates learning rate of each classifier
   * @returns loss of each classifier before the step
   */
  async step(
    { features, labels }: LabeledFeatures,
    rows: ArrayLike<number>,
    rates: ArrayLike<number>,
  ): Promise<Float32Array> {
    const { length: size } = rows;
    if (size < 1 || size > this.#batchSize)
      throw new RangeError(`A batch of ${size} rows was given and ${this.#batchSize} is the largest.`);
    // A smaller batch keeps old features at its end, whose targets are all zero: they have no part in loss or gradient.
    this.#target.fill(0);
    for (let i = 0; i < size; i++) {
      const from = rows[i]! * this.#dim;
      this.#features.set(features.values.subarray(from, from + this.#dim), i * this.#dim);
      this.#target[i * this.classes + labels[rows[i]!]!] = 1 / size;
    }
    const losses = new Float32Array(this.probes);
    await runOnArrays(
      this.#step,
      { features: this.#features, target: this.#target, rates: Float32Array.from(rates), ...this.#state },
      { losses, ...this.#state },
    );
    return losses;
  }

  /**
   * Steps through all rows of `order`, in consecutive batches; the last one may be smaller.
   *
   * @returns mean over batches of the loss of each classifier
   */
  async epoch(data: LabeledFeatures, order: Uint32Array, rates: ArrayLike<number>): Promise<Float64Array> {
    const means = new Float64Array(this.probes);
    const batches = Math.ceil(order.length / this.#batchSize);
    for (let start = 0; start < order.length; start += this.#batchSize) {
      const losses = await this.step(data, order.subarray(start, start + this.#batchSize), rates);
      for (const [i, loss] of losses.entries()) means[i]! += loss / batches;
    }
    return means;
  }

  /** Logits of all classifiers, some rows at a time. */
  async *logits({ values, dim }: FeatureRows): AsyncGenerator<LogitBlock> {
    const count = values.length / dim;
    const width = this.probes * this.classes;
    const height = Math.max(1, Math.min(count, Math.floor(BLOCK_LOGITS / width)));
    const { weight, bias } = this.#state;
    const parameters = stacked(dim, width);
    const result = product(input('features', [height, dim]), parameters.weight, parameters.bias);
    const program = await this.#engine.load({ logits: result }, this.#engineOptions);
    try {
      const features = new Float32Array(height * dim);
      const logits = new Float32Array(height * width);
      for (let start = 0; start < count; start += height) {
        const rows = Math.min(height, count - start);
        features.set(values.subarray(start * dim, (start + rows) * dim));
        await runOnArrays(program, { features, weight, bias }, { logits });
        yield { start, rows, values: logits };
      }
    } finally {
      await program.dispose();
    }
  }

  /**
   * @param batchSize of the loss; does not change the accuracies
   * @returns the scores of each classifier
   */
  async scores(data: LabeledFeatures, batchSize = this.#batchSize): Promise<ClassificationScores[]> {
    const sheets = Array.from({ length: this.probes }, () => new ScoreSheet(this.classes, batchSize));
    for await (const { start, rows, values } of this.logits(data.features)) {
      for (let row = 0; row < rows; row++) {
        for (const [probe, sheet] of sheets.entries())
          sheet.add(values, (row * this.probes + probe) * this.classes, data.labels[start + row]!);
      }
    }
    return sheets.map((sheet) => sheet.total());
  }

  /** A copy of one classifier. */
  weights(probe = 0): LinearWeights {
    const part = (values: Float32Array): Float32Array => {
      const size = values.length / this.probes;
      return values.slice(probe * size, (probe + 1) * size);
    };
    return { weight: part(this.#state.weight), bias: part(this.#state.bias) };
  }

  async dispose(): Promise<void> {
    await this.#step.dispose();
  }
}

/** Logits, the mean loss, its gradients and the update, for classifiers whose weights are stacked. */
function stepGraph({ dim, classes, batchSize, probes = 1, momentum = 0.9 }: LinearProbeOptions): Results {
  const width = probes * classes;
  const target = reshape(input('target', [batchSize, classes]), [batchSize, 1, classes]); // each row sums to 1 / size
  const { weight, bias } = stacked(dim, width);
  const flat = product(input('features', [batchSize, dim]), weight, bias);
  const logits = reshape(flat, [batchSize, probes, classes]);
  const losses = neg(sum(mul(logSoftmax(logits), target), { axes: [0, 2] })); // [probes]
  // The classifiers share nothing: the gradient of the sum of their losses is each one's own.
  const [weightGradient, biasGradient] = gradients(sum(losses), [weight, bias]);
  const rates = input('rates', [probes, 1]);
  const buffer = (name: string, gradient: Tensor): Tensor =>
    add(scale(input(name, gradient.shape), momentum), gradient);
  const moved = (x: Tensor, by: Tensor): Tensor => {
    const each = (y: Tensor): Tensor => reshape(y, [probes, x.size / probes]);
    return reshape(sub(each(x), mul(each(by), rates)), x.shape);
  };
  const weightMomentum = buffer('weight momentum', weightGradient!);
  const biasMomentum = buffer('bias momentum', biasGradient!);
  return {
    losses,
    weight: moved(weight, weightMomentum),
    bias: moved(bias, biasMomentum),
    'weight momentum': weightMomentum,
    'bias momentum': biasMomentum,
  };
}

/** features W' + b: [B, dim] -> [B, probes * classes] */
function product(features: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return add(gemm(features, weight, { transB: true }), bias);
}

/** The stacked parameters: those of the first classifier, then of the second, and so on. */
function stacked(dim: number, width: number): { weight: Tensor; bias: Tensor } {
  return { weight: input('weight', [width, dim]), bias: input('bias', [width]) };
}

function drawn({ dim, classes, seed = 0 }: LinearProbeOptions): LinearWeights {
  const random = new Random(seed, 'linear probe');
  const weight = Float32Array.from({ length: classes * dim }, () => INITIAL_DEVIATION * random.normal());
  return { weight, bias: new Float32Array(classes) };
}

function repeated(values: Float32Array, times: number): Float32Array {
  const all = new Float32Array(values.length * times);
  for (let i = 0; i < times; i++) all.set(values, i * values.length);
  return all;
}

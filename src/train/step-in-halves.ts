/**
 * A step as two halves: gradients, in as many runs as there are micro-batches, and the update. Where several ranks train, what is a
 * sum over images is added up over them in between.
 */
import type { Collective } from '../collective/collective.ts';
import { sumBuffers } from '../collective/sum-buffers.ts';
import type { Program } from '../engine/engine.ts';
import { sizeOf } from '../graph/index.ts';
import type { Method } from '../method/method.ts';
import type { Updater } from '../optim/updater.ts';
import type { CropSource, CropSources } from './crop-source.ts';
import { readFloats, type TrainState } from './state.ts';
import type { StepBuffers } from './step-buffers.ts';
import { allFinite, type StepResult, type StepSettings, updateNumbers } from './step-settings.ts';

export interface StepInHalvesOptions {
  readonly method: Method;
  readonly program: Program;
  /** The method's next state, where that takes sums over all ranks. */
  readonly closing: Program | undefined;
  readonly buffers: StepBuffers;
  readonly state: TrainState;
  readonly updater: Updater;
  readonly collective: Collective;
  readonly batchSize: number;
  readonly microBatch: number;
}

/** What runs add to. */
const SUMS = /^(loss|measure|sum)\b/;

export class StepInHalves {
  readonly #options: StepInHalvesOptions;

  constructor(options: StepInHalvesOptions) {
    this.#options = options;
  }

  async step(
    crops: CropSource | CropSources,
    settings: StepSettings,
    onRead: () => void,
  ): Promise<StepResult> {
    const { collective, updater } = this.#options;
    const { loss, measures } = await this.accumulate(crops, settings);
    onRead();
    // The loss is that of all ranks: one that is not finite stops them alike.
    if (!Number.isFinite(loss)) return { loss, measures, gradientNorms: new Map(), isApplied: false };
    if (collective.size > 1) await updater.sumGradients(collective);
    const gradientNorms = await this.applyUpdate(settings);
    return { loss, measures, gradientNorms, isApplied: allFinite(gradientNorms) };
  }

  /** Gradients and the method's next state. Loss, measures and state are those of all ranks, the gradients this rank's part. */
  async accumulate(
    crops: CropSource | CropSources,
    { step, scalars }: StepSettings,
  ): Promise<{ loss: number; measures: Record<string, number> }> {
    const { method, program, buffers, updater, batchSize, microBatch } = this.#options;
    if (microBatch < batchSize) {
      updater.clearGradients();
      for (const buffer of buffers.results(SUMS)) buffer.write(new Float32Array(sizeOf(buffer.shape)));
    }
    buffers.writeScalars(scalars);
    for (let start = 0; start < batchSize; start += microBatch) {
      buffers.writeImages(crops, step, start);
      await buffers.run(program);
    }
    await this.#meet();
    const number = async (name: string): Promise<number> => (await buffers.read(name))[0] ?? Number.NaN;
    const loss = await number('loss');
    const measures: Record<string, number> = {};
    for (const { key } of method.measures) measures[key] = await number(`measure/${key}`);
    return { loss, measures };
  }

  /** Loss, measures and sums over all ranks, and what follows from the sums. */
  async #meet(): Promise<void> {
    const { collective, buffers, closing } = this.#options;
    if (collective.size === 1) return;
    await sumBuffers(collective, buffers.results(SUMS));
    if (closing !== undefined) await buffers.run(closing);
  }

  /**
   * Clipping, optimizer, teacher, and the method's next state. Where a gradient is not finite nothing of it happens.
   *
   * @returns the L2 norm of each parameter's gradient before clipping
   */
  async applyUpdate(settings: StepSettings): Promise<ReadonlyMap<string, number>> {
    const { method, updater, state, buffers } = this.#options;
    const before = settings.teacherLags ? await this.#averagedNow() : new Map<string, Float32Array>();
    const norms = await updater.apply(updateNumbers(method, settings));
    if (allFinite(norms)) {
      for (const [name, values] of before) state.update.average.get(name)?.write(values);
      buffers.commit();
    }
    return norms;
  }

  /** Copies of the student's weights that the teacher has too. */
  async #averagedNow(): Promise<Map<string, Float32Array>> {
    const { student, average } = this.#options.state.update;
    const values = await readFloats(new Map([...student].filter(([name]) => average.has(name))));
    return new Map([...values].map(([name, each]) => [name, each.slice()]));
  }
}

/** A step as one program (`whole-step.ts`), for devices with a memory of their own: of its results the host reads one vector. */
import type { Program } from '../engine/engine.ts';
import type { Method } from '../method/method.ts';
import type { GraphUpdater } from '../optim/graph-updater.ts';
import type { CropSource, CropSources } from './crop-source.ts';
import type { StepBuffers } from './step-buffers.ts';
import { allFinite, type StepResult, type StepSettings, updateNumbers } from './step-settings.ts';

export interface StepInOneOptions {
  readonly method: Method;
  readonly program: Program;
  readonly buffers: StepBuffers;
  readonly updater: GraphUpdater;
  /** Names of the parameters that are trained, in the order of the report. */
  readonly trained: readonly string[];
  readonly batchSize: number;
}

export class StepInOne {
  readonly #options: StepInOneOptions;
  /** The step whose crops lie on the device already. */
  #staged = -1;

  constructor(options: StepInOneOptions) {
    this.#options = options;
  }

  async step(
    crops: CropSource | CropSources,
    settings: StepSettings,
    onRead: () => void,
  ): Promise<StepResult> {
    const { method, program, buffers, updater, trained } = this.#options;
    const { step, scalars, teacherLags = false } = settings;
    if (this.#staged !== step) this.stage(crops, step);
    buffers.writeScalars(scalars);
    const numbers = updateNumbers(method, settings);
    updater.setNumbers(numbers);
    buffers.write('number/lags', teacherLags ? 1 : 0);
    buffers.write('number/commit', 1);
    await buffers.run(program);
    this.unstage();
    onRead();
    const [loss = Number.NaN, ...rest] = await buffers.read('report');
    const measures = Object.fromEntries(
      method.measures.map(({ key }, i) => [key, rest[i] ?? Number.NaN] as const),
    );
    if (!Number.isFinite(loss)) return { loss, measures, gradientNorms: new Map(), isApplied: false };
    const norms = rest.slice(method.measures.length);
    const gradientNorms = new Map(trained.map((name, i) => [name, norms[i] ?? Number.NaN] as const));
    const isApplied = allFinite(gradientNorms);
    if (isApplied) updater.countUpdate(numbers);
    return { loss, measures, gradientNorms, isApplied };
  }

  /** Brings a step's crops to the devices: while the step before still computes, say. */
  stage(crops: CropSource | CropSources, step: number): void {
    const { buffers, batchSize } = this.#options;
    for (let replica = 0; replica < buffers.replicas; replica++)
      buffers.writeImages(crops, step, (replica * batchSize) / buffers.replicas, replica);
    this.#staged = step;
  }

  /** The next step brings its own crops. */
  unstage(): void {
    this.#staged = -1;
  }
}

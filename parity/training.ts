/** Fixtures train_*: whole runs of the trainer over given crops, compared after every step. */
import type { DeviceBuffer } from '../src/engine/engine.ts';
import { ortNode } from '../src/engine/ort-node.ts';
import { type DinoConfig, dino, studentLogits, teacherLogits } from '../src/method/dino.ts';
import { isDecayed } from '../src/optim/rules.ts';
import { parametersOf } from '../src/train/state.ts';
import { type CropSource, type StepSettings, Trainer } from '../src/train/trainer.ts';
import { ALLOWANCE, type Comparison, type Range, UNMEASURED } from './comparison.ts';
import { type Fixture, FixtureError } from './fixture.ts';
import { forward } from './forward.ts';
import { hostFloats } from './host-floats.ts';
import type { Results } from './network.ts';
import { headConfig, headSchema, nullRanges, vitConfig } from './settings.ts';
import { stepSettings, type TrainingConfig, trainingSchema } from './training-settings.ts';

/** The whole batch at once, then in micro-batches where the loss allows it: both must agree. */
export async function training(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(trainingSchema);
  const { args } = config;
  if (args.drop_path_rate > 0) {
    throw new FixtureError(
      `${fixture.name}: drop path ${args.drop_path_rate} draws masks that the fixture does not hold.`,
    );
  }
  const views = Array.from({ length: 2 + args.local_crops_number }, (_, j) => `images@1/crop${j}`);
  const network: DinoConfig = {
    backbone: { kind: 'vit', ...vitConfig(config.vit, config) },
    head: {
      ...headConfig(headSchema.parse(config.head)),
      useBn: args.use_bn_in_head,
      normLastLayer: args.norm_last_layer,
    },
    viewSizes: views.map((name) => fixture.dim(name, -1)),
    studentTemp: args.student_temp,
    centerMomentum: args.center_momentum,
    dropPathRate: 0,
  };
  const method = dino(network);
  const batchSize = fixture.dim('images@1/crop0', 0);
  const settings = stepSettings(fixture, comparison, config);
  const divisor = Array.from({ length: batchSize }, (_, i) => i + 1).findLast(
    (d) => d < batchSize && batchSize % d === 0,
  );
  const sizes = method.coupling !== undefined || divisor === undefined ? [batchSize] : [batchSize, divisor];
  for (const microBatch of sizes) {
    const trainer = await Trainer.create({
      method,
      engine: ortNode,
      channels: fixture.dim('images@1/crop0', 1),
      batchSize,
      microBatch,
      optimizer: args.optimizer,
      seed: 0,
    });
    const label = microBatch === batchSize ? '' : `, micro-batches of ${microBatch}`;
    const run = new Run(fixture, comparison, config, trainer, label);
    const logits =
      microBatch === batchSize
        ? await forward(trainer, network.backbone.channels, (inputs) => ({
            student: studentLogits(inputs, network),
            teacher: teacherLogits(inputs, network),
          }))
        : undefined;
    run.initialize();
    for (const step of settings) {
      const k = step.step + 1;
      const crops = cropSource(fixture, trainer, k);
      if (logits !== undefined) run.compareLogits(k, await logits.run(crops));
      await run.step(k, crops, step);
    }
    run.compareOptimizer();
    await logits?.dispose();
    await trainer.dispose();
  }
}

/** Serves the stored crops of iteration k, view after view. */
function cropSource(fixture: Fixture, trainer: Trainer, k: number): CropSource {
  const { views } = trainer.method;
  return (group, start, end, into) => {
    const first = views.slice(0, group).reduce((sum, { count }) => sum + count, 0);
    let offset = 0;
    for (let view = first; view < first + (views[group]?.count ?? 0); view++) {
      const crop = fixture.floats(`images@${k}/crop${view}`);
      const size = crop.length / trainer.batchSize;
      into.set(crop.subarray(start * size, end * size), offset);
      offset += (end - start) * size;
    }
  };
}

class Run {
  readonly #fixture: Fixture;
  readonly #comparison: Comparison;
  readonly #config: TrainingConfig;
  readonly #trainer: Trainer;
  readonly #label: string;
  readonly #skip: (name: string) => readonly Range[];

  constructor(
    fixture: Fixture,
    comparison: Comparison,
    config: TrainingConfig,
    trainer: Trainer,
    label: string,
  ) {
    this.#fixture = fixture;
    this.#comparison = comparison;
    this.#config = config;
    this.#trainer = trainer;
    this.#label = label;
    this.#skip = nullRanges(config.null_slices);
  }

  /** Both networks start from `init/`. */
  initialize(): void {
    const { update, buffers, parameters } = this.#trainer.state;
    const init = this.#fixture.group('init/');
    const known = [...update.student.keys(), ...[...buffers.keys()].flatMap(studentBuffer)];
    this.#comparison.sameSet('parameter names', 'init', known, init.keys());
    for (const [name, values] of init) {
      for (const target of this.#places(name)) {
        if (target.length !== values.length)
          throw new FixtureError(`"init/${name}" has another size than the network's.`);
        target.set(values);
      }
    }
    const trained = parameters.filter((info) => info.trainable);
    const decayed = trained.filter((info) => isDecayed(info.name, info.shape)).map((info) => info.name);
    const spared = trained.filter((info) => !isDecayed(info.name, info.shape)).map((info) => info.name);
    this.#comparison.sameSet('decayed parameters', 'group 0', decayed, this.#config.group0_decayed);
    this.#comparison.sameSet('decayed parameters', 'group 1', spared, this.#config.group1_not_decayed);
  }

  #places(name: string): Float32Array[] {
    const { update, buffers } = this.#trainer.state;
    return [
      update.student.get(name),
      update.average.get(name),
      buffers.get(`student/${name}`),
      buffers.get(`teacher/${name}`),
    ].flatMap((buffer) => (buffer === undefined ? [] : [hostFloats(buffer)]));
  }

  compareLogits(k: number, got: Results): void {
    const [student, teacher] = [`student_logits@${k}`, `teacher_logits@${k}`];
    this.#comparison.tensor('student logits', student, got.student ?? [], this.#fixture.numbers(student));
    this.#comparison.tensor('teacher logits', teacher, got.teacher ?? [], this.#fixture.numbers(teacher));
  }

  async step(k: number, crops: CropSource, settings: StepSettings): Promise<void> {
    const fixture = this.#fixture;
    const comparison = this.#comparison;
    const label = this.#label;
    const trainer = this.#trainer;
    comparison.tensor(
      `center${label}`,
      `before ${k}`,
      floatsOf(trainer.state.method.get('center')),
      fixture.numbers(`center_before@${k}`),
    );
    const { loss } = await trainer.accumulate(crops, settings);
    const tolerance = this.#measured('loss');
    comparison.absolute(
      `loss${label}`,
      `step ${k}`,
      [loss],
      [fixture.numbers('loss')[k - 1] ?? 0],
      (tolerance * (ALLOWANCE + 1)) / ALLOWANCE,
    );
    comparison.absolute(
      `loss (float64)${label}`,
      `step ${k}`,
      [loss],
      [fixture.numbers('loss64')[k - 1] ?? 0],
      tolerance,
    );
    for (const name of fixture.keys(`grad@${k}/`)) {
      const wanted = fixture.numbers(`grad@${k}/${name}`);
      const gradient = floatsOf(trainer.updater.gradients.get(name));
      comparison.relativeL2(
        `gradients${label}`,
        `step ${k}, ${name}`,
        gradient,
        wanted,
        UNMEASURED,
        this.#skip(name),
      );
    }
    this.#compareNorms(k, await trainer.applyUpdate(settings));
    comparison.tensor(
      `center${label}`,
      `after ${k}`,
      floatsOf(trainer.state.method.get('center')),
      fixture.numbers(`center_after@${k}`),
    );
    const twin = `center_after64@${k}`;
    if (fixture.has(twin))
      comparison.tensor(
        `center (float64)${label}`,
        twin,
        floatsOf(trainer.state.method.get('center')),
        fixture.numbers(twin),
      );
    for (const network of ['student', 'teacher'] as const) {
      this.#compareWeights(network, k, '');
      this.#compareWeights(network, k, '64');
    }
    if (this.#config.after.includes(k)) {
      const seen = ['student', 'teacher'].map((network) => fixture.keys(`${network}@${k}/`).length);
      const wanted = fixture.keys('init/').length;
      comparison.identical('number of stored weights', `step ${k}`, seen, [wanted, wanted]);
    }
  }

  /** Norms before clipping, and which gradients were clipped. A norm of nothing but rounding noise is left out. */
  #compareNorms(k: number, got: ReadonlyMap<string, number>): void {
    const { grad_order: order, clip_norms: clipNorms, clipped, args } = this.#config;
    const label = this.#label;
    const stored = [
      ['gradient norms', this.#fixture.numbers(`gradnorm@${k}`)],
      ['gradient norms (float64)', this.#fixture.numbers(`gradnorm64@${k}`)],
      ['gradient norms (clipping)', clipNorms[k] ?? []],
    ] as const;
    this.#comparison.sameSet('trained parameters', `step ${k}`, got.keys(), order);
    for (const [quantity, wanted] of stored) {
      if (quantity === 'gradient norms (clipping)' && wanted.length === 0) continue;
      this.#comparison.identical('number of gradient norms', `step ${k}`, [wanted.length], [order.length]);
      order.forEach((name, i) => {
        if (this.#skip(name).some(([, stop]) => stop === Number.POSITIVE_INFINITY)) return;
        this.#comparison.tensor(
          `${quantity}${label}`,
          `step ${k}, ${name}`,
          [got.get(name) ?? Number.NaN],
          [wanted[i] ?? 0],
        );
      });
    }
    const wantedSet = clipped[k];
    if (wantedSet === undefined) return;
    const ours = [...got].filter(([, norm]) => args.clip_grad > 0 && args.clip_grad / (norm + 1e-6) < 1);
    this.#comparison.sameSet(
      `clipped parameters${label}`,
      `step ${k}`,
      ours.map(([name]) => name),
      wantedSet,
    );
  }

  #compareWeights(network: 'student' | 'teacher', k: number, precision: '' | '64'): void {
    const { state } = this.#trainer;
    const label = `${network} weights${precision === '64' ? ' (float64)' : ''}${this.#label}`;
    const prefix = `${network}${precision}@${k}/`;
    // Distances are stated for some steps of a run and grow with it; the largest serves where none is.
    const tolerance = this.#measured(`${network}@${k}`, network);
    const slack = precision === '64' ? 1 : (ALLOWANCE + 1) / ALLOWANCE;
    for (const name of this.#fixture.keys(prefix)) {
      const got = floatsOf(parametersOf(state, network).get(name) ?? state.buffers.get(`${network}/${name}`));
      const wanted = this.#fixture.numbers(prefix + name);
      this.#comparison.absolute(
        label,
        `step ${k}, ${name}`,
        got,
        wanted,
        tolerance * slack,
        this.#skip(name),
      );
    }
  }

  /** Moments and step counts at the end of the run. */
  compareOptimizer(): void {
    const { update } = this.#trainer.state;
    for (const [slot, moments] of update.moments) {
      for (const name of this.#fixture.keys(`opt/${slot}/`)) {
        const wanted = this.#fixture.numbers(`opt/${slot}/${name}`);
        const got = floatsOf(moments.get(name));
        this.#comparison.relativeL2(
          `optimizer's ${slot}${this.#label}`,
          name,
          got,
          wanted,
          UNMEASURED,
          this.#skip(name),
        );
      }
    }
    for (const [name, steps] of Object.entries(this.#config.optimizer_steps)) {
      this.#comparison.identical(
        `step counts${this.#label}`,
        name,
        [update.counts.get(name) ?? Number.NaN],
        [steps],
      );
    }
  }

  /** Ten times the measured distance; of a family (`student@...`) the largest where this one is missing. */
  #measured(quantity: string, family = quantity): number {
    const distances = this.#config.f32_vs_f64;
    const value = (key: string): number => {
      const entry = distances[key];
      return typeof entry === 'number' ? entry : (entry?.max_abs ?? 0);
    };
    const keys =
      quantity in distances
        ? [quantity]
        : Object.keys(distances).filter((key) => key.startsWith(`${family}@`));
    return keys.length === 0 ? UNMEASURED : ALLOWANCE * Math.max(...keys.map(value));
  }
}

export function floatsOf(buffer: DeviceBuffer | undefined): Float32Array {
  return buffer === undefined ? new Float32Array() : hostFloats(buffer);
}

function studentBuffer(name: string): string[] {
  return name.startsWith('student/') ? [name.slice('student/'.length)] : [];
}

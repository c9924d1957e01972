/** Fixtures byol_*: the loss, the heads, the momentum, and whole steps of the trainer by SGD and by lightly's LARS. */
import { z } from 'zod';
import { ortNode } from '../src/engine/ort-node.ts';
import type { Values } from '../src/engine/values.ts';
import { input, ParameterSet, type Tensor } from '../src/graph/index.ts';
import { type ByolConfig, byol, byolLoss, byolOutputs } from '../src/method/byol.ts';
import { byolHead } from '../src/model/batch-norm-head.ts';
import { lars, rules } from '../src/optim/rules.ts';
import { cosineSchedule } from '../src/optim/schedules.ts';
import { networkValues } from '../src/train/state.ts';
import { type CropSource, Trainer } from '../src/train/trainer.ts';
import type { Comparison } from './comparison.ts';
import { type Fixture, FixtureError } from './fixture.ts';
import { forward } from './forward.ts';
import { compareState, run, withGradients } from './network.ts';
import { nullSlicesSchema, vitConfig, vitExtras, vitSchema } from './settings.ts';
import { floatsOf } from './training.ts';
import { Twins, twinSchema, under } from './twins.ts';

const PAIRS = ['p0', 'p1', 'z0', 'z1'] as const;
/** lightly's loss is the paper's less this. */
const PAPER = 4;

const lossSchema = twinSchema.extend({ cases: z.record(z.string(), z.tuple([z.number(), z.number()])) });

export async function byolLosses(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(lossSchema);
  const twins = new Twins(fixture, comparison, config);
  for (const [name, shape] of Object.entries(config.cases)) {
    const [p0, p1, z0, z1] = [input('p0', shape), input('p1', shape), input('z0', shape), input('z1', shape)];
    const others = { grad_p0: p0, grad_p1: p1, grad_z0: z0, grad_z1: z1 };
    const loss = byolLoss(p0, p1, z0, z1);
    const results = withGradients(loss, new ParameterSet(), others, { loss });
    const got = await run(results, new Map(PAIRS.map((key) => [key, fixture.floats(`${key}/${name}`)])));
    twins.compare(`loss/${name}`, got.loss ?? []);
    // Where both are the same the gradient is zero, and what is left of it is rounding.
    const scale = 1 / shape[0];
    for (const gradient of ['grad_p0', 'grad_p1'])
      twins.compare(`${gradient}/${name}`, got[gradient] ?? [], { scale });
    twins.compare(`loss_cosine/${name}`, less(got.loss));
    for (const target of ['grad_z0', 'grad_z1'])
      comparison.identical(
        'gradients of targets',
        name,
        got[target] ?? [],
        new Float32Array(shape[0] * shape[1]),
      );
  }
}

const less = (loss: Float32Array | undefined): number[] => Array.from(loss ?? [], (value) => value - PAPER);

const headsSchema = twinSchema.extend({
  input_dim: z.number(),
  hidden_dim: z.number(),
  output_dim: z.number(),
  batch: z.number(),
  layouts: z.array(z.enum(['lightly', 'deepmind'])),
  null_slices: z.record(z.string(), nullSlicesSchema),
});

export async function byolHeads(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(headsSchema);
  for (const layout of config.layouts) {
    const twins = new Twins(fixture, comparison, {
      ...config,
      null_slices: config.null_slices[layout] ?? [],
    });
    const head = { hiddenDim: config.hidden_dim, outDim: config.output_dim, layout };
    const [student, teacher] = [new ParameterSet('student/'), new ParameterSet('teacher/')];
    const feature = (name: string): Tensor => input(name, [config.batch, config.input_dim]);
    const project = (set: ParameterSet, x: Tensor): Tensor =>
      byolHead(set.scope.at('projection_head'), x, head, 'train');
    const predict = (y: Tensor): Tensor => byolHead(student.scope.at('prediction_head'), y, head, 'train');
    const [f0, f1] = [feature('f0'), feature('f1')];
    const [y0, y1] = [project(student, f0), project(student, f1)];
    const [p0, p1] = [predict(y0), predict(y1)];
    const [z0, z1] = [project(teacher, feature('g0')), project(teacher, feature('g1'))];
    compareState(comparison, student, fixture, `student/${layout}/`);
    compareState(comparison, teacher, fixture, `teacher/${layout}/`);
    const loss = byolLoss(p0, p1, z0, z1);
    const results: Record<string, Tensor> = { loss, y0, y1, p0, p1, z0, z1 };
    for (const { prefix, updates } of [student, teacher])
      for (const [name, next] of updates) results[`after/${prefix}${name}`] = next;
    const values = new Map<string, Values>(fixture.group(`in/${layout}/`));
    for (const network of ['student', 'teacher'])
      for (const [name, stored] of fixture.group(`${network}/${layout}/`))
        values.set(`${network}/${name}`, stored);
    const got = await run(withGradients(loss, student, { grad_f0: f0, grad_f1: f1 }, results), values);
    for (const name of ['y0', 'y1', ...PAIRS]) twins.compare(`out/${layout}/${name}`, got[name] ?? []);
    twins.compare(`loss_cosine/${layout}`, less(got.loss));
    for (const name of ['grad_f0', 'grad_f1']) twins.compare(`${name}/${layout}`, got[name] ?? []);
    twins.compareAll(`grad/${layout}/`, under(got, 'grad/'));
    twins.compareAll(`student_after/${layout}/`, under(got, 'after/student/'));
    twins.compareAll(`teacher_after/${layout}/`, under(got, 'after/teacher/'));
  }
}

export function byolTau(fixture: Fixture, comparison: Comparison): void {
  const { cases } = fixture.config(z.object({ cases: z.array(z.tuple([z.number(), z.number()])) }));
  for (const [base, steps] of cases) {
    const deepmind = [...cosineSchedule({ base, final: 1, steps }), 1]; // and the value after the last step
    const lightly = cosineSchedule({ base, final: 1, steps, reachesFinal: true });
    comparison.exact('deepmind', `${base}, ${steps}`, deepmind, fixture.numbers(`deepmind/${base}/${steps}`));
    comparison.exact('lightly', `${base}, ${steps}`, lightly, fixture.numbers(`lightly/${base}/${steps}`));
  }
}

const trainSchema = twinSchema.extend(vitExtras.shape).extend({
  vit: vitSchema,
  heads: z.object({ hidden_dim: z.number(), output_dim: z.number() }),
  steps: z.number(),
  batch: z.number(),
  base_tau: z.number(),
  total_steps: z.number(),
  tau: z.array(z.number()),
  optimizer: z.object({
    name: z.enum(['sgd', 'lars']),
    lr: z.array(z.number()),
    momentum: z.literal(0.9),
    weight_decay: z.number(),
  }),
});

export async function byolTraining(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(trainSchema);
  const twins = new Twins(fixture, comparison, config);
  const vit = vitConfig(config.vit, config);
  const network: ByolConfig = {
    backbone: { kind: 'vit', ...vit },
    viewSizes: [vit.imageSize, vit.imageSize],
    head: { hiddenDim: config.heads.hidden_dim, outDim: config.heads.output_dim, layout: 'lightly' },
  };
  const trainer = await Trainer.create({
    method: byol(network),
    engine: ortNode,
    channels: vit.channels,
    batchSize: config.batch,
    optimizer: config.optimizer.name === 'lars' ? lars('apart') : rules.sgd,
    seed: 0,
  });
  const outputs = await forward(trainer, vit.channels, (inputs) => ({ ...byolOutputs(inputs, network) }));
  for (const name of ['student', 'teacher'] as const)
    fill(comparison, name, await networkValues(trainer.state, name), fixture.group(`${name}/`));
  const tau = cosineSchedule({ base: config.base_tau, final: 1, steps: config.total_steps });
  comparison.exact('tau', 'every step', tau.slice(0, config.steps), config.tau);
  for (let k = 1; k <= config.steps; k++) {
    const crops: CropSource = (_, start, end, into) => {
      const size = into.length / (2 * (end - start));
      for (const view of [0, 1])
        into.set(
          fixture.floats(`in@${k}/view${view}`).subarray(start * size, end * size),
          view * (end - start) * size,
        );
    };
    const settings = {
      ...{ step: k - 1, lr: config.optimizer.lr[k - 1] ?? 0, weightDecay: config.optimizer.weight_decay },
      ...{ clip: 0, teacherMomentum: tau[k - 1] ?? 1, freezeLastLayer: false, scalars: {} },
    };
    const got = await outputs.run(crops);
    for (const view of [0, 1] as const) {
      twins.compare(`z@${k}/view${view}`, got[`z${view}`] ?? []);
      twins.compare(`p@${k}/view${view}`, got[`p${view}`] ?? []);
    }
    const { loss } = await trainer.accumulate(crops, settings);
    twins.compare(`loss_cosine@${k}`, [loss - PAPER]);
    const { gradients } = trainer.updater;
    const grads = new Map([...gradients].map(([name, buffer]) => [name, floatsOf(buffer)]));
    twins.compareAll(`grad@${k}/`, grads, { subset: true });
    await trainer.applyUpdate(settings);
    for (const name of ['student', 'teacher'] as const) {
      const values = await networkValues(trainer.state, name);
      const prefix = `${name}_after@${k}/`; // stored of some steps
      twins.compareAll(prefix, values, {
        family: 'student_after',
        subset: fixture.keys(prefix).length === 0,
      });
    }
  }
  await outputs.dispose();
  await trainer.dispose();
}

/** Writes stored weights over those of a network, which must be the same ones. */
export function fill(
  comparison: Comparison,
  network: string,
  targets: ReadonlyMap<string, Float32Array>,
  values: ReadonlyMap<string, Float32Array>,
): void {
  comparison.sameSet('parameter names', network, targets.keys(), values.keys());
  for (const [name, stored] of values) {
    const target = targets.get(name);
    if (target?.length !== stored.length)
      throw new FixtureError(`"${network}/${name}" has another size than the network's.`);
    target.set(stored);
  }
}

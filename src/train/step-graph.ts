/**
 * A method's objective as the results of one program: loss, measures, gradients, sums over the step and the method's next
 * state. Names of what goes in and out:
 *
 *     in   student/<parameter>, teacher/<parameter>, frozen/<parameter>, state/<name>, crops/<view group>, scalar/<name>, sample/<name>
 *     out  loss, measure/<name>, gradient/<parameter>, sum/<name>, next/<name>, next/student/<statistic>, ...
 *
 * Of several ranks each runs it on its own images and has its part of these sums; then the next state follows from the sums over all of
 * them, in a program of its own (`closing`), and the graph also reads `rank`.
 *
 * Where a step runs in several micro-batches, all that is a sum over images (loss, measures, gradients, sums) is read and added to, so that
 * the host reads nothing before the last of them.
 */
import {
  add,
  gradients,
  hoistSlices,
  input,
  type ParameterInfo,
  ParameterSet,
  type Results,
  type Shape,
  splitRows,
  type Tensor,
} from '../graph/index.ts';
import type { Method } from '../method/method.ts';
import { OptionError } from '../method/option-error.ts';
import type { Statistic } from './state.ts';

export interface StepGraphOptions {
  readonly method: Method;
  readonly channels: number;
  /** Images in a step, of this process. */
  readonly batchSize: number;
  /** Images in one run of the program; divides the batch size. The whole batch unless given. */
  readonly microBatch?: number;
  /** Processes that share a step, each with as many images; 1 unless given. */
  readonly ranks?: number;
}

export interface StepGraph {
  readonly results: Results;
  /** The next state from sums over all ranks; empty where `results` has it. */
  readonly closing: Results;
  readonly parameters: readonly ParameterInfo[];
  readonly statistics: readonly Statistic[];
  /** Parameters of the student that the teacher has too: a moving average follows these. */
  readonly averaged: ReadonlySet<string>;
  readonly microBatch: number;
  readonly ranks: number;
}

/** Elements of a gradient's terms that may exist at once. */
const LARGEST_TERM = 2 ** 20;

/** @throws RangeError if the micro-batch does not divide the batch; OptionError for several ranks that the method does not know of */
export function traceStep({
  method,
  channels,
  batchSize,
  microBatch = batchSize,
  ranks = 1,
}: StepGraphOptions): StepGraph {
  const images = method.coupling !== undefined ? batchSize : microBatch;
  if (batchSize % images !== 0)
    throw new RangeError(`A micro-batch of ${images} does not divide a batch of ${batchSize}.`);
  if (ranks > 1 && method.coupling !== undefined && method.coupling.acrossRanks !== true)
    throw new OptionError(
      `The method ${method.name} looks at all images of a step (${method.coupling.cause}) and does not know of those of other ranks: train it without mpirun.`,
    );
  const networks = {
    student: new ParameterSet('student/', ranks),
    teacher: new ParameterSet('teacher/', ranks),
  };
  const frozen = new ParameterSet('frozen/');
  const objective = method.objective({
    student: networks.student.scope,
    teacher: networks.teacher.scope,
    frozen: frozen.scope,
    images,
    batch: batchSize * ranks,
    across: { ranks, rank: () => input('rank', []) },
    crops: (g) => {
      const group = method.views[g];
      if (group === undefined) throw new RangeError(`${method.name} has no view group ${g}.`);
      return input(`crops/${g}`, [group.count * images, channels, group.size, group.size]);
    },
    scalar: (name) => {
      if (!method.scalars.includes(name))
        throw new RangeError(`${method.name} declares no scalar "${name}".`);
      return input(`scalar/${name}`, []);
    },
    state: (name) => input(`state/${name}`, stateShape(method, name)),
    sample: (name) => {
      const sample = method.sampleInputs[name];
      if (sample === undefined) throw new RangeError(`${method.name} has no sample input "${name}".`);
      return input(`sample/${name}`, sample.shape(images), sample.dtype);
    },
  });
  const accumulates = images < batchSize;
  const onto = (name: string, part: Tensor): Tensor =>
    accumulates ? add(input(name, part.shape), part) : part;

  const forward = new Map<string, Tensor>([['loss', onto('loss', objective.loss)]]);
  for (const [name, value] of Object.entries(objective.measures))
    forward.set(`measure/${name}`, onto(`measure/${name}`, value));
  for (const [name, part] of Object.entries(objective.sums))
    forward.set(`sum/${name}`, onto(`sum/${name}`, part));
  const total = (name: string): Tensor => {
    const sum = forward.get(`sum/${name}`);
    if (sum === undefined) throw new RangeError(`${method.name} has no sum "${name}".`);
    return ranks === 1 ? sum : input(`sum/${name}`, sum.shape);
  };
  const closing: Record<string, Tensor> = {};
  for (const [name, next] of Object.entries(objective.nextState(total))) {
    stateShape(method, name);
    if (ranks === 1) forward.set(`next/${name}`, next);
    else closing[`next/${name}`] = next;
  }
  for (const { prefix, updates } of Object.values(networks))
    for (const [name, next] of updates) forward.set(`next/${prefix}${name}`, next);

  // Slices are moved before differentiation, so that the backward pass is as small as the forward pass.
  const results = hoisted(forward);
  const parameters = [...networks.student.parameters.values()];
  const trained = parameters.filter(({ trainable }) => trainable);
  const grads = gradients(
    results.loss ?? objective.loss,
    trained.map(({ name }) => networks.student.tensor(name)),
  );
  for (const [i, { name }] of trained.entries()) {
    const gradient = grads[i];
    if (gradient !== undefined)
      results[`gradient/${name}`] = onto(`gradient/${name}`, splitRows(gradient, LARGEST_TERM));
  }
  return {
    results,
    closing,
    parameters,
    statistics: (['student', 'teacher'] as const).flatMap((network) =>
      [...networks[network].buffers.values()].map((info) => ({ network, info })),
    ),
    averaged: averagedNames(method, networks),
    microBatch: images,
    ranks,
  };
}

/** @throws RangeError where the teacher has a parameter that the student lacks */
function averagedNames(
  { name: method }: Method,
  { student, teacher }: Readonly<Record<'student' | 'teacher', ParameterSet>>,
): ReadonlySet<string> {
  const names = new Set(teacher.parameters.keys());
  for (const name of names)
    if (!student.parameters.has(name))
      throw new RangeError(`The teacher of ${method} has "${name}", which its student lacks.`);
  return names;
}

/** @throws RangeError for a state that the method does not declare */
function stateShape({ name: method, stateShapes }: Method, name: string): Shape {
  const shape = stateShapes[name];
  if (shape === undefined) throw new RangeError(`${method} declares no state "${name}".`);
  return shape;
}

function hoisted(results: ReadonlyMap<string, Tensor>): Record<string, Tensor> {
  const moved = hoistSlices([...results.values()]);
  return Object.fromEntries([...results].map(([name, tensor], i) => [name, moved[i] ?? tensor]));
}

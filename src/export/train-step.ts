/**
 * A training step for any language that has ONNX Runtime: two programs (gradients, update), the state they work on, and a
 * manifest that says which value goes where. `examples/train-step/train.py` drives them.
 *
 *     arrays["student/..."], ["teacher/..."], ["frozen/..."], ["state/..."], crops, scalars -> gradients.onnx -> loss, gradients, next state
 *     arrays, gradients, scalars                                             -> update.onnx    -> student, teacher, moments
 */
import type { DeviceBuffer } from '../engine/engine.ts';
import { asFloats } from '../engine/values.ts';
import { type StoredTensor, serializeSafetensors } from '../format/safetensors.ts';
import { type OnnxProgram, onnxCpu } from '../graph/index.ts';
import { OptionError } from '../method/option-error.ts';
import { ADAM } from '../optim/rules.ts';
import type { Plan } from '../train/plan.ts';
import type { TrainState } from '../train/state.ts';
import type { Trainer } from '../train/trainer.ts';
import type { ExportedFiles } from './export-files.ts';
import { updateProgram } from './update-program.ts';

export interface TrainStepFacts {
  /** The steps to come: their learning rates and so on are written out. */
  readonly plan: Plan;
  /** Steps done. */
  readonly fromStep: number;
  /** Weights of a network that stays as it is, where the method has one. */
  readonly frozen?: ReadonlyMap<string, Float32Array> | undefined;
  /** Per-channel mean and standard deviation that crops are normalized by, of values 0 to 1. */
  readonly statistics: { readonly mean: readonly number[]; readonly std: readonly number[] };
}

/**
 * @param trainer whose whole batch is one run of its program, with the state to begin with
 * @throws OptionError where a step needs more than its crops, or holds its backbone still
 */
export async function trainStepFiles(trainer: Trainer, facts: TrainStepFacts): Promise<ExportedFiles> {
  if (trainer.microBatch !== trainer.batchSize)
    throw new RangeError('A step is exported in one piece: make the trainer without micro-batches.');
  const { plan, fromStep, frozen, statistics } = facts;
  const { method, state, results } = trainer;
  const drawn = Object.keys(method.sampleInputs);
  if (drawn.length > 0)
    throw new OptionError(
      `A step of ${method.name} draws random numbers besides its crops (${drawn.join(', ')}), which exported steps do not have: train it here, and export the network by --to onnx.`,
    );
  const { rule } = trainer.updater;
  const compiled = onnxCpu.compile(results);
  const read = new Set(compiled.inputViews.map(({ name }) => name));
  const frozenInputs = new Map(
    [...(frozen ?? [])].flatMap(([name, data]) =>
      read.has(`frozen/${name}`) ? [[`frozen/${name}`, data] as const] : [],
    ),
  );
  const isLast = (name: string): boolean => method.isLastLayer(name);
  const update = updateProgram({
    parameters: state.parameters,
    averaged: new Set(state.update.average.keys()),
    rule,
    clip: plan.at(fromStep).clip,
    method,
  });
  const { beta1, beta2 } = rule.name === 'adamw' ? rule : ADAM;
  const steps = Array.from({ length: plan.steps - fromStep }, (_, i) => plan.at(fromStep + i));
  const held = steps.findLastIndex(({ freezeBackbone }) => freezeBackbone) + 1;
  if (held > 0)
    throw new OptionError(
      `The backbone stays as it is until step ${fromStep + held}, and exported steps move all parameters: let the run get there first.`,
    );
  if (steps.some(({ teacherLags }) => teacherLags))
    throw new OptionError(
      'The teacher of this run is the student before each update, and exported steps average after it: only runs whose teacher is an average or the student can be exported so.',
    );
  const counts = [...state.update.counts];
  const updatesOf = (last: boolean): number => counts.find(([name]) => isLast(name) === last)?.[1] ?? 0;
  const manifest = {
    format: 'dino-ts train step 1',
    batch: trainer.batchSize,
    crops: method.views.map(({ size, count }, g) => ({
      name: `crops/${g}`,
      views: count,
      size,
      about: 'float32 [views x batch, channels, size, size], view after view, normalized',
    })),
    statistics,
    programs: {
      gradients: { file: 'gradients.onnx', ...borderOf(compiled) },
      update: { file: 'update.onnx', ...borderOf(update) },
    },
    state: {
      file: 'state.safetensors',
      about:
        'arrays by name; a result next/<name> of gradients.onnx takes the place of <name> or state/<name>; frozen/<name> stay as they are',
    },
    corrections: {
      about:
        'correction1 = 1 - beta1^t and correction2 = 1 - beta2^t in the t-th update; the last layer has its own t, which stands still while it is frozen',
      ...{ beta1, beta2 },
      updates: updatesOf(false),
      lastLayerUpdates: updatesOf(true),
    },
    schedule: {
      file: 'schedule.json',
      about: 'scalars of every step to come: scalar/<name> of either program',
    },
  };
  const schedule = steps.map(({ step, lr, weightDecay, teacherMomentum, freezeLastLayer, scalars }) => ({
    ...{ step, lr, weightDecay, teacherMomentum, freezeLastLayer: freezeLastLayer ? 1 : 0 },
    ...scalars,
  }));
  return new Map<string, readonly Uint8Array[]>([
    ['manifest.json', text(JSON.stringify(manifest, null, 1))],
    ['schedule.json', text(`[\n${schedule.map((line) => JSON.stringify(line)).join(',\n')}\n]`)],
    ['gradients.onnx', [compiled.onnx]],
    ['update.onnx', [update.onnx]],
    ['state.safetensors', serializeSafetensors(await stored(state, frozenInputs))],
  ]);
}

/** Every value that crosses the border of a program: `onnx` is its name there, `name` the array, from element `offset` on. */
function borderOf({ inputViews, outputViews }: OnnxProgram): Record<'inputs' | 'outputs', unknown[]> {
  const list = (views: OnnxProgram['inputViews']): unknown[] =>
    views.map(({ onnxName: onnx, name, offset, shape, dtype }) => ({ onnx, name, offset, shape, dtype }));
  return { inputs: list(inputViews), outputs: list(outputViews) };
}

/** The state by the names of the programs' values. */
async function stored(
  { parameters, update, buffers, method }: TrainState,
  frozen: ReadonlyMap<string, Float32Array>,
): Promise<Map<string, StoredTensor>> {
  const tensors = new Map<string, StoredTensor>();
  const add = async (name: string, buffer: DeviceBuffer | undefined): Promise<void> => {
    if (buffer !== undefined)
      tensors.set(name, { dtype: 'F32', shape: buffer.shape, data: asFloats(await buffer.read()) });
  };
  for (const { name } of parameters) {
    await add(`student/${name}`, update.student.get(name));
    await add(`teacher/${name}`, update.average.get(name));
    for (const [slot, moments] of update.moments) await add(`${slot}/${name}`, moments.get(name));
  }
  for (const [name, buffer] of buffers) await add(name, buffer);
  for (const [name, buffer] of method) await add(`state/${name}`, buffer);
  for (const [name, data] of frozen) tensors.set(name, { dtype: 'F32', shape: [data.length], data });
  return tensors;
}

function text(content: string): Uint8Array[] {
  return [new TextEncoder().encode(`${content}\n`)];
}

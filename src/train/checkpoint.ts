/**
 * Checkpoints: the whole training state as one safetensors file. Weights have the official names (`student.backbone.…`,
 * `teacher.head.…`), the optimizer's PyTorch's (`optimizer.exp_avg.…`); the step counts and the config are metadata.
 * Everything random is a function of (seed, step), so a run that goes on from here is the run that was never stopped.
 */
import { parseSafetensors, type StoredTensor, serializeSafetensors } from '../format/safetensors.ts';
import type { Trainer } from './trainer.ts';

export interface CheckpointHeader {
  /** Steps done. */
  readonly step: number;
  /** What a resumed run repeats: config, budget, micro-batch. JSON. */
  readonly run: string;
}

const FORMAT = 'dino-ts checkpoint 1';

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** All arrays of a trainer's state, by their names in the file. */
function entries(trainer: Trainer): Entry[] {
  const { update, buffers, state } = trainer;
  const list: Entry[] = [];
  for (const { name, shape, trainable } of trainer.parameters) {
    const add = (prefix: string, values: Float32Array | undefined): void => {
      if (values !== undefined) list.push({ name: `${prefix}.${name}`, shape, values });
    };
    add('student', update.student.get(name));
    add('teacher', update.teacher.get(name));
    if (trainable) for (const [slot, values] of update.slots(name)) add(`optimizer.${slot}`, values);
  }
  for (const [name, values] of buffers) {
    list.push({ name: name.replace('/', '.'), shape: values.length === 1 ? [] : [values.length], values });
  }
  for (const [name, values] of state)
    list.push({ name: `method.${name}`, shape: trainer.method.stateShapes[name] ?? [], values });
  return list;
}

/** @returns the file, in pieces to be written one after the other */
export function encodeCheckpoint(trainer: Trainer, header: CheckpointHeader): Uint8Array[] {
  const tensors = new Map<string, StoredTensor>(
    entries(trainer).map(({ name, shape, values }) => [name, { dtype: 'F32', shape, data: values }]),
  );
  const steps = Object.fromEntries(
    trainer.parameters
      .filter((info) => info.trainable)
      .map(({ name }) => [name, trainer.update.stepsOf(name)]),
  );
  return serializeSafetensors(tensors, {
    format: FORMAT,
    step: String(header.step),
    run: header.run,
    optimizer_steps: JSON.stringify(steps),
  });
}

/** Reads what a file says of itself, without a trainer. @throws Error if it is not a checkpoint */
export function readHeader(bytes: Uint8Array, file: string): CheckpointHeader {
  const { metadata } = parseSafetensors(bytes, file);
  const { format, step, run } = metadata;
  if (format !== FORMAT || step === undefined || run === undefined) {
    throw new Error(
      `${file} is not a training checkpoint of this library: give a run folder made by \`dino train\`.`,
    );
  }
  return { step: Number(step), run };
}

/**
 * Puts a checkpoint's state into a trainer.
 *
 * @throws Error naming every tensor that is missing, unexpected or of another shape; then nothing was changed
 */
export function restoreCheckpoint(trainer: Trainer, bytes: Uint8Array, file: string): CheckpointHeader {
  const header = readHeader(bytes, file);
  const { tensors, metadata } = parseSafetensors(bytes, file);
  const wanted = entries(trainer);
  const problems: string[] = [];
  for (const { name, shape } of wanted) {
    const stored = tensors.get(name);
    if (stored === undefined) problems.push(`"${name}" is missing`);
    else if (stored.dtype !== 'F32' || stored.shape.join() !== shape.join()) {
      problems.push(
        `"${name}" is ${stored.dtype} [${stored.shape.join(', ')}] instead of F32 [${shape.join(', ')}]`,
      );
    }
  }
  const known = new Set(wanted.map((entry) => entry.name));
  for (const name of tensors.keys()) if (!known.has(name)) problems.push(`"${name}" is unexpected`);
  if (problems.length > 0) {
    const more = problems.length > 5 ? ` and ${problems.length - 5} more` : '';
    throw new Error(
      `${file} does not fit this model: ${problems.slice(0, 5).join(', ')}${more}; resume with the settings it was trained with.`,
    );
  }
  for (const { name, values } of wanted) {
    const stored = tensors.get(name);
    if (stored?.dtype === 'F32') values.set(stored.data);
  }
  const steps: unknown = JSON.parse(metadata.optimizer_steps ?? '{}');
  for (const [name, count] of Object.entries(steps ?? {})) trainer.update.setSteps(name, Number(count));
  return header;
}

/** The weights of one network of a checkpoint, names relative to it (`backbone.norm.weight`). */
export function networkWeights(
  bytes: Uint8Array,
  file: string,
  network: 'student' | 'teacher',
): Map<string, Float32Array> {
  const { tensors } = parseSafetensors(bytes, file);
  const weights = new Map<string, Float32Array>();
  for (const [name, tensor] of tensors) {
    if (tensor.dtype === 'F32' && name.startsWith(`${network}.`))
      weights.set(name.slice(network.length + 1), tensor.data);
  }
  return weights;
}

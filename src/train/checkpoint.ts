/**
 * Checkpoints: the whole training state as one safetensors file. Weights have the official names (`student.backbone.…`,
 * `teacher.head.…`), the optimizer's PyTorch's (`optimizer.exp_avg.…`); the step counts and the config are metadata.
 * Everything random is a function of (seed, step), so a run that goes on from here is the run that was never stopped.
 * A checksum over numbers and metadata makes a file that was altered on its way known.
 */
import { asFloats } from '../engine/values.ts';
import type { ByteSource } from '../format/byte-source.ts';
import {
  parseSafetensors,
  readMetadata,
  type Safetensors,
  type StoredTensor,
  serializeSafetensors,
} from '../format/safetensors.ts';
import { isTorchFile } from '../format/torch-file.ts';
import { namedValues, type TrainState } from './state.ts';

export interface CheckpointHeader {
  /** Steps done. */
  readonly step: number;
  /** What a resumed run repeats: config, budget, micro-batch. JSON. */
  readonly run: string;
  /** The line of the log that is still open (`run/run-log.ts`). JSON. */
  readonly openLine: string;
  /** Milliseconds that the run has taken; 0 in checkpoints of older versions. */
  readonly elapsed: number;
}

const FORMAT = 'dino-ts checkpoint 1';

/** @returns the file, in pieces to be written one after the other */
export async function encodeCheckpoint(state: TrainState, header: CheckpointHeader): Promise<Uint8Array[]> {
  const metadata = {
    format: FORMAT,
    step: String(header.step),
    run: header.run,
    open_line: header.openLine,
    elapsed: String(Math.round(header.elapsed)),
    optimizer_steps: JSON.stringify(Object.fromEntries(state.update.counts)),
  };
  const tensors = new Map<string, StoredTensor>();
  for (const { name, buffer } of namedValues(state))
    tensors.set(name, { dtype: 'F32', shape: buffer.shape, data: asFloats(await buffer.read()) });
  return serializeSafetensors(tensors, { ...metadata, checksum: checksum(tensors, metadata) });
}

/**
 * FNV-1a over 32-bit words, tensors and metadata by name: any one word that differs gives another sum, at gigabytes a
 * second. It finds accidents, not intent.
 */
function checksum(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>>,
): string {
  const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
    a < b ? -1 : 1;
  let hash = 0x811c9dc5;
  for (const [name, text] of Object.entries(metadata).sort(byName)) {
    if (name === 'checksum') continue;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  for (const [, { dtype, data }] of [...tensors].sort(byName)) {
    if (dtype !== 'F32') continue;
    const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
    for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i]!, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** What a checkpoint says of its run (`CheckpointHeader.run`) and the steps done; undefined for any other file of weights. */
export function checkpointRun(source: ByteSource): Pick<CheckpointHeader, 'run' | 'step'> | undefined {
  if (isTorchFile(source)) return undefined;
  const { format, run = '', step } = readMetadata(source);
  return format === FORMAT ? { run, step: Number(step) } : undefined;
}

/** Parses a checkpoint. @throws Error if it is none, or not the one that was written */
export function readCheckpoint(bytes: Uint8Array, file: string): Safetensors {
  const parsed = parseSafetensors(bytes, file);
  if (parsed.metadata.format !== FORMAT) {
    throw new Error(
      `${file} is not a training checkpoint of this library: give a run folder made by \`dino train\`.`,
    );
  }
  if (parsed.metadata.checksum !== checksum(parsed.tensors, parsed.metadata)) {
    throw new Error(
      `${file} was altered after it was written (its checksum differs): restore it from a copy (a run with labels also keeps its best.safetensors).`,
    );
  }
  return parsed;
}

/**
 * Puts a checkpoint into a training's state.
 *
 * @throws Error if the file is damaged, or naming every tensor that is missing, unexpected or of another shape; then
 *   nothing was changed
 */
export function restoreCheckpoint(state: TrainState, bytes: Uint8Array, file: string): CheckpointHeader {
  const { tensors, metadata } = readCheckpoint(bytes, file);
  const wanted = namedValues(state);
  const problems: string[] = [];
  for (const { name, buffer } of wanted) {
    const { shape } = buffer;
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
  for (const { name, buffer } of wanted) {
    const stored = tensors.get(name);
    if (stored?.dtype === 'F32') buffer.write(stored.data);
  }
  const counts: unknown = JSON.parse(metadata.optimizer_steps ?? '{}');
  for (const [name, count] of Object.entries(counts ?? {})) state.update.counts.set(name, Number(count));
  return {
    step: Number(metadata.step),
    run: metadata.run ?? '',
    openLine: metadata.open_line ?? '',
    elapsed: Number(metadata.elapsed ?? 0),
  };
}

/** The weights of one network of a checkpoint, names relative to it (`backbone.norm.weight`). */
export function networkWeights(
  bytes: Uint8Array,
  file: string,
  network: 'student' | 'teacher',
): Map<string, Float32Array> {
  return weightsOfNetwork(readCheckpoint(bytes, file), network);
}

/** The same of a checkpoint that was parsed before. */
export function weightsOfNetwork(
  { tensors }: Safetensors,
  network: 'student' | 'teacher',
): Map<string, Float32Array> {
  const weights = new Map<string, Float32Array>();
  for (const [name, tensor] of tensors) {
    if (tensor.dtype === 'F32' && name.startsWith(`${network}.`))
      weights.set(name.slice(network.length + 1), tensor.data);
  }
  return weights;
}

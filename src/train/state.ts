/**
 * What a training is at the end of a step, as named values where the engine keeps them: two networks, the optimizer's moments,
 * running statistics, the method's own state, and how often each parameter was updated. All else (programs, schedules, order of
 * images, noise) follows from the settings and the number of the step.
 */
import type { Buffers, DeviceBuffer } from '../engine/engine.ts';
import { asFloats } from '../engine/values.ts';
import { type ParameterInfo, sizeOf } from '../graph/index.ts';
import type { UpdateState } from '../optim/updater.ts';
import { Random } from '../random/random.ts';

export type Network = 'student' | 'teacher';

/** A running statistic of one of the networks. */
export interface Statistic {
  readonly network: Network;
  /** Its name in the network is `info.name`. */
  readonly info: ParameterInfo;
}

export interface TrainState {
  readonly parameters: readonly ParameterInfo[];
  /** Student, teacher (its moving average), moments and counts. */
  readonly update: UpdateState;
  readonly statistics: readonly Statistic[];
  /** Values of the statistics, by `student/<name>` and `teacher/<name>`. */
  readonly buffers: Map<string, DeviceBuffer>;
  /** The method's own values, such as the center. */
  readonly method: Map<string, DeviceBuffer>;
}

/** The values of a network's parameters; none where there is no teacher. */
export function parametersOf({ update }: TrainState, network: Network): Buffers {
  return network === 'student' ? update.student : update.average;
}

/** The initial values that a seed names. */
function initialValues({ name, shape, init }: ParameterInfo, seed: number): Float32Array {
  return init(new Random(seed, `init:${name}`), shape);
}

/** Networks and optimizer as they are at step 0: the weights that the seed names, no moments. */
export function resetNetworks(state: TrainState, seed: number): void {
  for (const info of state.parameters) {
    const values = initialValues(info, seed);
    // Both networks start from the same weights.
    for (const network of ['student', 'teacher'] as const)
      parametersOf(state, network).get(info.name)?.write(values);
  }
  for (const moments of state.update.moments.values()) for (const buffer of moments.values()) clear(buffer);
  for (const name of state.update.counts.keys()) state.update.counts.set(name, 0);
}

/** Running statistics and the method's own state as they are at step 0. */
export function resetBuffers(state: TrainState, seed: number): void {
  for (const { network, info } of state.statistics)
    state.buffers.get(`${network}/${info.name}`)?.write(initialValues(info, seed));
  for (const buffer of state.method.values()) clear(buffer);
}

function clear(buffer: DeviceBuffer): void {
  buffer.write(new Float32Array(sizeOf(buffer.shape)));
}

/** A value by the name it has in files. */
export interface NamedValue {
  /** `student.<parameter>`, `teacher.<parameter>`, `optimizer.<slot>.<parameter>`, `method.<name>`. */
  readonly name: string;
  readonly buffer: DeviceBuffer;
}

/** All values of a state. */
export function namedValues(state: TrainState): NamedValue[] {
  const { parameters, update, buffers, method } = state;
  const list: NamedValue[] = [];
  const add = (name: string, buffer: DeviceBuffer | undefined): void => {
    if (buffer !== undefined) list.push({ name, buffer });
  };
  for (const { name } of parameters) {
    add(`student.${name}`, update.student.get(name));
    add(`teacher.${name}`, update.average.get(name));
    for (const [slot, moments] of update.moments) add(`optimizer.${slot}.${name}`, moments.get(name));
  }
  for (const [name, buffer] of buffers) add(name.replace('/', '.'), buffer);
  for (const [name, buffer] of method) add(`method.${name}`, buffer);
  return list;
}

/** The first value that holds NaN or an infinity, by its name in files. */
export async function findNotFinite(state: TrainState): Promise<string | undefined> {
  for (const { name, buffer } of namedValues(state))
    if (!allFinite(asFloats(await buffer.read()))) return name;
  return undefined;
}

function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0; // 0, or NaN from the first such value on
  return sum === 0;
}

/** Values of the host; they may be the buffers' own memory. */
export async function readFloats(buffers: Buffers): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [name, buffer] of buffers) values.set(name, asFloats(await buffer.read()));
  return values;
}

/** A network's parameters and running statistics by their names in it (`backbone.norm.weight`), as `readFloats`. */
export async function networkValues(state: TrainState, network: Network): Promise<Map<string, Float32Array>> {
  const statistics = state.statistics.flatMap(({ network: of, info }) => {
    const buffer = of === network ? state.buffers.get(`${network}/${info.name}`) : undefined;
    return buffer === undefined ? [] : [[info.name, buffer] as const];
  });
  return readFloats(new Map([...parametersOf(state, network), ...statistics]));
}

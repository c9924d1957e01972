/**
 * What a training begins with when it does not begin from nothing (`--init`): the networks, moments and method's state of a
 * checkpoint, or a backbone alone. What the file does not hold stays as the seed makes it.
 */
import { sizeOf } from '../graph/index.ts';
import { OptionError } from '../method/option-error.ts';
import { resizeMatrix } from '../model/position.ts';
import type { TrainOptions } from './config.ts';
import { toFlag } from './option-names.ts';
import { spanIsGiven } from './option-spans.ts';
import { parametersOf, type TrainState } from './state.ts';

type Arrays = ReadonlyMap<string, Float32Array>;

export interface InitialState {
  /** The file or run, for messages and the record of the run. */
  readonly name: string;
  /** Options that describe the networks of the file; others given by hand contradict it. */
  readonly architecture: TrainOptions;
  /** Options that follow from it unless others are given. */
  readonly defaults: TrainOptions;
  /** `backbone.*` and, where there is one, `head.*`, running statistics among them. */
  readonly student: Arrays;
  readonly teacher: Arrays;
  /** By parameter: the optimizer's arrays and how many updates it has had. */
  readonly moments: ReadonlyMap<string, { readonly slots: Arrays; readonly steps: number }>;
  /** The method's own state, by name. */
  readonly method: Arrays;
  /** Epochs done of a schedule that is to be gone on with; undefined where it begins anew. */
  readonly epoch: number | undefined;
  /** A sentence on what was changed in the weights. */
  readonly note?: string;
  /** Which of several configs beside the weights is taken, and why. */
  readonly choice?: string;
}

/** True for a file that is a backbone alone, so that a head has to be learned for it. */
export function isBackboneAlone({ student }: InitialState): boolean {
  return [...student.keys()].every((name) => name.startsWith('backbone.'));
}

/**
 * The options of a run that begins with this state.
 *
 * @throws OptionError naming an option that contradicts the file
 */
export function withInitialState(
  given: TrainOptions,
  { name, architecture, defaults }: InitialState,
): TrainOptions {
  const wanted: Record<string, unknown> = given;
  for (const [key, value] of Object.entries(architecture)) {
    const other = wanted[key];
    if (other !== undefined && JSON.stringify(other) !== JSON.stringify(value))
      throw new OptionError(
        `--${toFlag(key)} ${String(other)} does not fit ${name}, which has ${String(value)}: leave it out.`,
      );
  }
  const open = Object.fromEntries(Object.entries(defaults).filter(([key]) => !spanIsGiven(key, wanted)));
  return { ...open, ...given, ...architecture };
}

/** How far the file went: counts for a sentence. */
export interface Taken {
  readonly parameters: number;
  /** Whether they are those of a teacher too. */
  readonly hasTeacher: boolean;
  readonly fresh: readonly string[];
  readonly moments: number;
  /** Names of what was taken of the method's own state, and of what was not. */
  readonly method: readonly string[];
  readonly freshMethod: readonly string[];
  /** Position embeddings were interpolated to another image size. */
  readonly interpolated: boolean;
}

/**
 * Puts it into the state of a training that was just made.
 *
 * @throws Error naming a tensor of another shape, or one that the file should have
 */
export function applyInitialState(state: TrainState, initial: InitialState): Taken {
  const fresh: string[] = [];
  let interpolated = false;
  let moments = 0;
  const fitted = (values: Float32Array, name: string, shape: readonly number[]): Float32Array => {
    const size = sizeOf(shape);
    if (values.length === size) return values;
    if (!name.endsWith('pos_embed'))
      throw new Error(
        `${initial.name} has ${values.length} numbers for ${name} instead of [${shape.join(', ')}]: it is of another network.`,
      );
    interpolated = true;
    return interpolatedPositions(values, shape);
  };
  const backboneAlone = isBackboneAlone(initial);
  for (const { name, shape, trainable } of state.parameters) {
    const [student, teacher] = [
      initial.student.get(name),
      initial.teacher.get(name) ?? initial.student.get(name),
    ];
    if (student === undefined || teacher === undefined) {
      // What stands for hidden patches is learned with them.
      const isOfBackbone = name.startsWith('backbone.') && name !== 'backbone.mask_token';
      if (!backboneAlone || isOfBackbone)
        throw new Error(
          `${initial.name} lacks ${name}: give the checkpoint of a whole training, or a whole backbone.`,
        );
      fresh.push(name);
      continue;
    }
    parametersOf(state, 'student')
      .get(name)
      ?.write(fitted(student, name, shape));
    parametersOf(state, 'teacher')
      .get(name)
      ?.write(fitted(teacher, name, shape));
    const known = initial.moments.get(name);
    if (!trainable || known === undefined) continue;
    const slots = [...state.update.moments].map(
      ([slot, of]) => [known.slots.get(slot), of.get(name)] as const,
    );
    const fits = slots.every(([values]) => values?.length === sizeOf(shape));
    if (slots.length === 0 || !fits) continue; // another optimizer, or positions of another image size
    for (const [values, buffer] of slots) if (values !== undefined) buffer?.write(values);
    state.update.counts.set(name, known.steps);
    moments++;
  }
  for (const { network, info } of state.statistics) {
    const found = initial[network].get(info.name);
    if (found?.length === sizeOf(info.shape)) state.buffers.get(`${network}/${info.name}`)?.write(found);
  }
  const method: string[] = [];
  const freshMethod: string[] = [];
  for (const [name, buffer] of state.method) {
    const found = initial.method.get(name);
    const fits = found?.length === sizeOf(buffer.shape);
    if (fits) buffer.write(found);
    (fits ? method : freshMethod).push(name);
  }
  return {
    parameters: state.parameters.length - fresh.length,
    hasTeacher: state.update.average.size > 0,
    fresh,
    moments,
    method,
    freshMethod,
    interpolated,
  };
}

/** Position embeddings for another number of patches, as the official code interpolates them. */
function interpolatedPositions(values: Float32Array, shape: readonly number[]): Float32Array {
  const [, tokens = 1, dim = 1] = shape;
  const [side, wanted] = [Math.sqrt(values.length / dim - 1), Math.sqrt(tokens - 1)];
  const matrix = resizeMatrix(side, wanted, wanted); // [wanted^2, side^2]
  const result = new Float32Array(tokens * dim);
  result.set(values.subarray(0, dim));
  for (let to = 0; to < wanted * wanted; to++) {
    for (let from = 0; from < side * side; from++) {
      const weight = matrix[to * side * side + from]!;
      if (weight === 0) continue;
      for (let d = 0; d < dim; d++) result[(to + 1) * dim + d]! += weight * values[(from + 1) * dim + d]!;
    }
  }
  return result;
}

/** One sentence on what was taken and what begins fresh. */
export function explainTaken({ name, epoch, note }: InitialState, taken: Taken): string {
  const parts = [
    `${taken.parameters} parameters${taken.hasTeacher ? ' of student and teacher' : ''}`,
    taken.moments > 0 ? `the optimizer's moments of ${taken.moments}` : undefined,
    ...taken.method.map((name) => `the ${name}`),
    epoch === undefined ? undefined : `the schedule after ${epoch} epochs`,
  ].filter((part) => part !== undefined);
  const networks = new Set(taken.fresh.map((parameter) => parameter.slice(0, parameter.indexOf('.'))));
  const heads = [...networks].filter((network) => network !== 'backbone').length;
  const fresh = [
    heads === 0 ? undefined : heads === 1 ? 'the head' : 'the heads',
    networks.has('backbone') ? 'the mask token' : undefined,
    taken.moments > 0 ? undefined : 'the optimizer',
    ...taken.freshMethod.map((name) => `the ${name}`),
    epoch === undefined ? 'the schedule' : undefined,
  ].filter((part) => part !== undefined);
  const positions = taken.interpolated ? ' Position embeddings are interpolated to this image size.' : '';
  return `From ${name}: ${parts.join(', ')}. Fresh: ${fresh.length === 0 ? 'nothing' : fresh.join(', ')}.${positions}${note === undefined ? '' : ` ${note}`}`;
}

/**
 * A full training checkpoint of the official code (`main_dino.py`, `checkpoint.pth`): student and teacher with their heads, the
 * center, the optimizer's moments by parameter, the epoch.
 */
import { PickleObject, type PickleValue } from '../format/pickle-values.ts';
import { f32 } from '../format/safetensors.ts';
import { namedTensors, type TorchFile, type TorchTensor } from '../format/torch-file.ts';

export interface TrainingCheckpoint {
  /** Of both networks, `backbone.cls_token`, `head.mlp.0.weight`, in the order of the file. */
  readonly student: ReadonlyMap<string, Float32Array>;
  readonly teacher: ReadonlyMap<string, Float32Array>;
  /** Shapes of the student's tensors. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** By parameter: the optimizer's arrays (`exp_avg`) and how many updates it has had. */
  readonly moments: ReadonlyMap<
    string,
    { readonly slots: ReadonlyMap<string, Float32Array>; readonly steps: number }
  >;
  readonly center: Float32Array | undefined;
  /** Epochs done. */
  readonly epoch: number | undefined;
  /** What the run was told (`args`): plain values by their official names. */
  readonly args: ReadonlyMap<string, PickleValue>;
  /** False where the lengths of the prototypes were learned (`--norm_last_layer false`). */
  readonly normLastLayer: boolean;
}

/** @returns undefined if the file holds no student and teacher with heads */
export function readOfficialCheckpoint({ root }: TorchFile): TrainingCheckpoint | undefined {
  const tensors = namedTensors(root);
  const network = (prefix: RegExp): Map<string, TorchTensor> =>
    new Map(
      [...tensors].flatMap(([path, tensor]) =>
        prefix.test(path) ? [[path.replace(prefix, ''), tensor] as const] : [],
      ),
    );
  const [student, teacher] = [network(/^student\/(module\.)?/), network(/^teacher\/(module\.)?/)];
  if (!student.has('head.last_layer.weight_v') || !teacher.has('head.last_layer.weight_v')) return undefined;
  const read = (of: ReadonlyMap<string, TorchTensor>): Map<string, Float32Array> =>
    new Map([...of].map(([name, tensor]) => [name, f32(tensor.read())]));
  const shapes = new Map([...student].map(([name, { shape }]) => [name, shape]));
  const numbers = parameterNumbers(root);
  const named = parameterOrder(shapes, numbers.length);
  const moments = new Map(
    named.names.map((name, i) => {
      const number = numbers[i] ?? i;
      const prefix = `optimizer/state/${number}/`;
      const slots = new Map<string, Float32Array>();
      for (const [path, tensor] of tensors) {
        const slot = path.startsWith(prefix) ? path.slice(prefix.length) : 'step';
        if (slot !== 'step') slots.set(slot, f32(tensor.read()));
      }
      const step = tensors.get(`${prefix}step`);
      const plain = lookUp(root, ['optimizer', 'state', number, 'step']);
      const steps = step === undefined ? Number(plain ?? 0) : (f32(step.read())[0] ?? 0);
      return [name, { slots, steps }] as const;
    }),
  );
  const center = tensors.get('dino_loss/center');
  return {
    student: read(student),
    teacher: read(teacher),
    shapes,
    moments: new Map([...moments].filter(([, { slots }]) => slots.size > 0)),
    center: center === undefined ? undefined : f32(center.read()),
    epoch: wholeNumber(lookUp(root, ['epoch'])),
    args: argumentsOf(root),
    normLastLayer: named.normLastLayer,
  };
}

/** Numbers of the parameters in the optimizer's groups. */
function parameterNumbers(root: PickleValue): number[] {
  const groups = lookUp(root, ['optimizer', 'param_groups']);
  if (!Array.isArray(groups)) return [];
  return groups.flatMap((group) => {
    const numbers = lookUp(group, ['params']);
    return Array.isArray(numbers) ? numbers.map(Number) : [];
  });
}

/**
 * Which parameters the optimizer counts, in its order (official `get_params_groups`): those of two axes and more that are no
 * biases first, then the rest, each in the order of the network. Lengths that are kept at 1 are not among them.
 *
 * @param count how many it has
 */
function parameterOrder(
  shapes: ReadonlyMap<string, readonly number[]>,
  count: number,
): { readonly names: readonly string[]; readonly normLastLayer: boolean } {
  const all = [...shapes.keys()].filter((name) => !/running_(mean|var)$|num_batches_tracked$/.test(name));
  const normLastLayer = count !== all.length;
  const trained = all.filter((name) => !(normLastLayer && name.endsWith('weight_g')));
  const isRegularized = (name: string): boolean =>
    !name.endsWith('.bias') && (shapes.get(name)?.length ?? 0) !== 1;
  return {
    names: [...trained.filter(isRegularized), ...trained.filter((name) => !isRegularized(name))],
    normLastLayer,
  };
}

/** A value by its path through dicts, lists and the attributes of records. */
function lookUp(root: PickleValue, path: readonly (string | number)[]): PickleValue | undefined {
  let value: PickleValue | undefined = root;
  for (const key of path) {
    if (value instanceof PickleObject) value = value.state;
    if (value instanceof Map) value = value.get(key);
    else if (Array.isArray(value)) value = value[Number(key)];
    else return undefined;
  }
  return value;
}

function argumentsOf(root: PickleValue): Map<string, PickleValue> {
  const args = lookUp(root, ['args']);
  const state = args instanceof PickleObject ? args.state : args;
  if (!(state instanceof Map)) return new Map();
  return new Map(
    [...state].flatMap(([key, value]) => (typeof key === 'string' ? [[key, value] as const] : [])),
  );
}

function wholeNumber(value: PickleValue | undefined): number | undefined {
  const number = typeof value === 'bigint' ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 ? number : undefined;
}

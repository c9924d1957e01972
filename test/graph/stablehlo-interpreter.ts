/**
 * Runs StableHLO text as its specification says (openxla.org/stablehlo/spec), slowly and without a compiler, so that what the target
 * writes is checked on every machine. It knows the operations that the target writes.
 */
import type { StableHloProgram } from '../../src/graph/index.ts';

interface Array_ {
  readonly shape: readonly number[];
  readonly element: string;
  readonly values: Float64Array;
}

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const numbers = (text: string): number[] => (text.match(/-?\d+/g) ?? []).map(Number);

function typeOf(text: string): { shape: number[]; element: string } {
  const parts = /tensor<([^>]*)>/.exec(text)?.[1]?.split('x') ?? [];
  return { shape: parts.slice(0, -1).map(Number), element: parts.at(-1) ?? '' };
}

/** Rounds to what an element can hold. */
function stored(element: string, values: ArrayLike<number>): Float64Array {
  const made = Float64Array.from(values);
  if (element === 'f32') return Float64Array.from(Float32Array.from(made));
  if (element === 'bf16') return made.map(roundToBf16);
  if (element.startsWith('i') && element !== 'i1') return made.map(Math.trunc);
  return element === 'i1' ? made.map((x) => (x === 0 ? 0 : 1)) : made;
}

function roundToBf16(x: number): number {
  const bits = new Uint32Array(Float32Array.of(x).buffer);
  const [all = 0] = bits;
  bits[0] = (all + 0x7fff + ((all >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0]!;
}

function dense(text: string, { shape, element }: { shape: number[]; element: string }): Float64Array {
  const [, hex, one] = /dense<(?:"0x([0-9A-F]*)"|([^>]*))>/.exec(text) ?? [];
  if (hex !== undefined) {
    const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    return element === 'i64'
      ? Float64Array.from(new BigInt64Array(bytes.buffer), Number)
      : Float64Array.from(new Float32Array(bytes.buffer));
  }
  const value = element === 'i64' ? Number(one) : new Float32Array(new Uint32Array([Number(one)]).buffer)[0]!;
  return new Float64Array(size(shape)).fill(value);
}

/** Abramowitz and Stegun 7.1.26 would do for float32; this series and fraction are exact to 1e-12. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 3) {
    let [term, sum] = [a, a];
    for (let n = 1; n < 100; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
}

const unary: Readonly<Record<string, (x: number) => number>> = {
  'stablehlo.negate': (x) => -x,
  'stablehlo.exponential': Math.exp,
  'stablehlo.log': Math.log,
  'stablehlo.sqrt': Math.sqrt,
  'stablehlo.tanh': Math.tanh,
  'chlo.erf': erf,
  'stablehlo.convert': (x) => x,
};

const binary: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  maximum: Math.max,
};

/** The value of every index of a shape. */
function each(shape: readonly number[], value: (index: number[]) => number): Float64Array {
  const made = new Float64Array(size(shape));
  const index = shape.map(() => 0);
  for (let i = 0; i < made.length; i++) {
    made[i] = value(index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return made;
}

function at({ shape, values }: Array_, index: readonly number[]): number {
  let place = 0;
  for (const [axis, n] of shape.entries()) place = place * n + index[axis]!;
  return values[place]!;
}

function list(text: string, name: string): number[] {
  return numbers(new RegExp(`${name} = \\[([^\\]]*)\\]`).exec(text)?.[1] ?? '');
}

function dotGeneral(text: string, [a, b]: readonly Array_[], shape: readonly number[]): Float64Array {
  const pair = (name: string): [number[], number[]] => {
    const found = new RegExp(`${name} = (\\[[^\\]]*\\]) x (\\[[^\\]]*\\])`).exec(text);
    return [numbers(found?.[1] ?? ''), numbers(found?.[2] ?? '')];
  };
  const [batchA, batchB] = pair('batching_dims');
  const [contractA, contractB] = pair('contracting_dims');
  const free = (x: Array_, batch: number[], contract: number[]): number[] =>
    x.shape.map((_, axis) => axis).filter((axis) => !batch.includes(axis) && !contract.includes(axis));
  const [freeA, freeB] = [free(a!, batchA, contractA), free(b!, batchB, contractB)];
  const inner = contractA.map((axis) => a!.shape[axis]!);
  const [placeA, placeB] = [a!.shape.map(() => 0), b!.shape.map(() => 0)];
  return each(shape, (index) => {
    for (const [i, axis] of batchA.entries()) placeA[axis] = index[i]!;
    for (const [i, axis] of batchB.entries()) placeB[axis] = index[i]!;
    for (const [i, axis] of freeA.entries()) placeA[axis] = index[batchA.length + i]!;
    for (const [i, axis] of freeB.entries()) placeB[axis] = index[batchA.length + freeA.length + i]!;
    let sum = 0;
    each(inner, (k) => {
      for (const [i, axis] of contractA.entries()) placeA[axis] = k[i]!;
      for (const [i, axis] of contractB.entries()) placeB[axis] = k[i]!;
      sum += at(a!, placeA) * at(b!, placeB);
      return 0;
    });
    return sum;
  });
}

function reduce(text: string, [x, initial]: readonly Array_[], shape: readonly number[]): Float64Array {
  const axes = list(text, 'dimensions');
  const combine = binary[/applies stablehlo\.(\w+)/.exec(text)?.[1] ?? '']!;
  const reduced = axes.map((axis) => x!.shape[axis]!);
  return each(shape, (index) => {
    const kept = [...index];
    const place = x!.shape.map((_, axis) => (axes.includes(axis) ? 0 : kept.shift()!));
    let total = initial!.values[0]!;
    each(reduced, (inside) => {
      for (const [i, axis] of axes.entries()) place[axis] = inside[i]!;
      total = combine(total, at(x!, place));
      return 0;
    });
    return total;
  });
}

function gather(text: string, [x, index]: readonly Array_[], shape: readonly number[]): Float64Array {
  const [axis = 0] = list(text, 'collapsed_slice_dims');
  const offsets = list(text, 'offset_dims');
  return each(shape, (place) => {
    const picked = at(
      index!,
      place.filter((_, i) => !offsets.includes(i)),
    );
    const inside = offsets.map((i) => place[i]!);
    return at(x!, [...inside.slice(0, axis), picked, ...inside.slice(axis)]);
  });
}

function evaluate(operation: string, text: string, operands: readonly Array_[], type: string): Float64Array {
  const { shape, element } = typeOf(type);
  const [x, y, z] = operands;
  const single = unary[operation];
  if (single !== undefined) return x!.values.map(single);
  const [, name = ''] = /^(?:stablehlo|chlo)\.(\w+)$/.exec(operation) ?? [];
  const double = binary[name];
  if (double !== undefined) return x!.values.map((value, i) => double(value, y!.values[i]!));
  switch (name) {
    case 'constant':
      return dense(text, { shape, element });
    case 'compare':
      return x!.values.map((value, i) =>
        Number(text.includes(' GT,') ? value > y!.values[i]! : value === y!.values[i]!),
      );
    case 'select':
      return x!.values.map((value, i) => (value === 0 ? z!.values[i]! : y!.values[i]!));
    case 'reshape':
      return x!.values;
    case 'broadcast_in_dim': {
      const axes = list(text, 'dims');
      return each(shape, (index) =>
        at(
          x!,
          axes.map((axis, i) => (x!.shape[i] === 1 ? 0 : index[axis]!)),
        ),
      );
    }
    case 'transpose': {
      const order = list(text, 'dims');
      const place = order.map(() => 0);
      return each(shape, (index) => {
        for (const [i, axis] of order.entries()) place[axis] = index[i]!;
        return at(x!, place);
      });
    }
    case 'slice': {
      const ranges = (/\[([^\]]*)\]/.exec(text)?.[1] ?? '').split(',').map(numbers);
      return each(shape, (index) =>
        at(
          x!,
          index.map((i, axis) => ranges[axis]![0]! + i * (ranges[axis]![2] ?? 1)),
        ),
      );
    }
    case 'pad': {
      const low = list(text, 'low');
      return each(shape, (index) => {
        const place = index.map((i, axis) => i - low[axis]!);
        const isInside = place.every((i, axis) => i >= 0 && i < x!.shape[axis]!);
        return isInside ? at(x!, place) : y!.values[0]!;
      });
    }
    case 'concatenate': {
      const axis = Number(/dim = (\d+)/.exec(text)?.[1]);
      return each(shape, (index) => {
        let place = index[axis]!;
        const part = operands.find((each) => {
          if (place < each.shape[axis]!) return true;
          place -= each.shape[axis]!;
          return false;
        });
        return at(
          part!,
          index.map((i, a) => (a === axis ? place : i)),
        );
      });
    }
    case 'reduce':
      return reduce(text, operands, shape);
    case 'dot_general':
      return dotGeneral(text, operands, shape);
    case 'gather':
      return gather(text, operands, shape);
    case 'scatter': {
      const made = x!.values.slice();
      const width = x!.shape[1]!;
      for (const [row, target] of y!.values.entries())
        for (let i = 0; i < width; i++) made[target * width + i]! += z!.values[row * width + i]!;
      return made;
    }
    default:
      throw new Error(`The interpreter does not know ${operation}.`);
  }
}

function topK(text: string, x: Array_): [Float64Array, Float64Array] {
  const k = Number(/k = (\d+)/.exec(text)?.[1]);
  const width = x.shape.at(-1)!;
  const values: number[] = [];
  const places: number[] = [];
  for (let start = 0; start < x.values.length; start += width) {
    const row = [...x.values.subarray(start, start + width)];
    const order = row.map((_, i) => i).sort((a, b) => row[b]! - row[a]! || a - b);
    values.push(...order.slice(0, k).map((i) => row[i]!));
    places.push(...order.slice(0, k));
  }
  return [Float64Array.from(values), Float64Array.from(places)];
}

/** @returns the results by name */
export function interpret(
  program: StableHloProgram,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
): Record<string, Float32Array> {
  const env = new Map<string, Array_>();
  const names = [...program.inputs.keys()];
  const results: Record<string, Float32Array> = {};
  for (const line of program.text.split('\n')) {
    if (line.startsWith('func.func')) {
      for (const [, place, type = ''] of line.matchAll(/%arg(\d+): (tensor<[^>]*>)/g)) {
        const values = inputs[names[Number(place)] ?? ''];
        if (values === undefined) throw new Error(`Nothing was given for "${names[Number(place)]}".`);
        env.set(`%arg${place}`, { ...typeOf(type), values: stored(typeOf(type).element, values) });
      }
      continue;
    }
    if (line.startsWith('return')) {
      const returned = (line.split(' : ')[0] ?? '').match(/%\w+/g) ?? [];
      for (const [i, name] of [...program.outputs.keys()].entries())
        results[name] = Float32Array.from(env.get(returned[i] ?? '')!.values);
      continue;
    }
    const [, left = '', right = ''] = /^(%.*?) = (.*)$/.exec(line) ?? [];
    if (left === '') continue;
    const operation = /^"?([\w.]+)/.exec(right)?.[1] ?? '';
    const head = right.replace(/\(\{ \^bb0.*?\}\)/, '');
    const operands = (head.split(' : ')[0] ?? '').match(/%\w+/g) ?? [];
    const given = operands.map((name) => {
      const known = env.get(name);
      if (known === undefined) throw new Error(`${name} is used before it is made: ${line}`);
      return known;
    });
    const types = [...right.matchAll(/tensor<[^>]*>/g)].map(([type]) => type);
    if (operation === 'chlo.top_k') {
      const made = topK(right, given[0]!);
      for (const [i, name] of left.split(', ').entries())
        env.set(name, { ...typeOf(types.at(i - 2)!), values: made[i]! });
      continue;
    }
    const type = types.at(-1)!;
    env.set(left, {
      ...typeOf(type),
      values: stored(typeOf(type).element, evaluate(operation, right, given, type)),
    });
  }
  return results;
}

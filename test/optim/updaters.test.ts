/** The update in the host's memory and the one as a program are the same, and what they leave alone stays. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { type ParameterInfo, sizeOf, zero } from '../../src/graph/index.ts';
import { GraphUpdater } from '../../src/optim/graph-updater.ts';
import { adamw, lars, rules, type UpdateRule } from '../../src/optim/rules.ts';
import type { UpdateNumbers, Updater } from '../../src/optim/updater.ts';
import { WasmUpdater } from '../../src/optim/wasm-updater.ts';
import { Random } from '../../src/random/random.ts';

// Sizes that are and are not multiples of a vector's four floats, one-axis and frozen parameters among them.
const parameters: ParameterInfo[] = [
  { name: 'one.weight', shape: [1], init: zero, trainable: true },
  { name: 'two.bias', shape: [7], init: zero, trainable: true },
  { name: 'three.weight', shape: [3, 5], init: zero, trainable: true },
  { name: 'four.weight', shape: [8, 16], init: zero, trainable: true },
  { name: 'five.bias', shape: [3, 3], init: zero, trainable: true },
  { name: 'last_layer.weight_v', shape: [5, 2], init: zero, trainable: true },
  { name: 'last_layer.weight_g', shape: [5, 1], init: zero, trainable: false },
];

const isLast = (name: string): boolean => name.startsWith('last_layer');
const nothing = (): boolean => false;
const steps: readonly UpdateNumbers[] = [
  { lr: 0, weightDecay: 0.04, clip: 0.5, momentum: 0.9, isFrozen: isLast },
  { lr: 0.1, weightDecay: 0.04, clip: 0.5, momentum: 0.9, isFrozen: isLast },
  { lr: 0.05, weightDecay: 0.1, clip: 0, momentum: 0.99, isFrozen: nothing },
  {
    lr: 0.02,
    lrFactor: (name) => (name.startsWith('f') ? 0.5 : 1),
    weightDecay: 0.4,
    clip: 30,
    momentum: 0.996,
    isFrozen: nothing,
  },
  { lr: 0.01, weightDecay: 0, clip: 0.5, momentum: 1, isFrozen: nothing },
];

/** Everything an updater works on, by kind and name. */
function valuesOf({ state }: Updater): Map<string, Float32Array> {
  const kinds = [['student', state.student], ['average', state.average], ...state.moments] as const;
  return new Map(
    kinds.flatMap(([kind, buffers]) =>
      [...buffers].map(([name, buffer]) => [`${kind} ${name}`, hostFloats(buffer)] as const),
    ),
  );
}

function relativeDifference(got: Float32Array, wanted: Float32Array): number {
  let [largest, difference] = [1e-30, 0];
  for (const [i, x] of wanted.entries()) {
    largest = Math.max(largest, Math.abs(x));
    difference = Math.max(difference, Math.abs(x - got[i]!));
  }
  return difference / largest;
}

/** @param averaged parameters that an average follows: all, some (without the third), or none */
async function both(rule: UpdateRule, averaged: 'all' | 'some' | 'no'): Promise<readonly [Updater, Updater]> {
  const names = parameters.map(({ name }) => name);
  const followed = { all: names, some: names.filter((name) => name !== 'three.weight'), no: [] }[averaged];
  const options = { parameters, rule, averaged: new Set(followed) };
  const graph = new GraphUpdater(ortNode, options, { threads: 1 });
  onTestFinished(() => graph.dispose());
  return [new WasmUpdater(options), graph];
}

describe.each([
  ['AdamW', 'all', rules.adamw],
  ['AdamW', 'no', rules.adamw],
  ['AdamW', 'some', rules.adamw],
  ['AdamW with betas of 0.9 and 0.95', 'no', adamw({ beta1: 0.9, beta2: 0.95 })],
  ['SGD', 'all', rules.sgd],
  ['LARS', 'some', rules.lars],
  ['LARS', 'no', rules.lars],
  ['LARS with norms apart', 'some', lars('apart')],
] as const)('an update by %s, with averages of %s parameters', (_, averaged, rule) => {
  test('is the same in memory and as a program, with clipping, frozen layers and odd sizes', async () => {
    const random = new Random(1, 'updaters');
    const normal = (shape: readonly number[]): Float32Array =>
      Float32Array.from({ length: sizeOf(shape) }, () => random.normal());
    const updaters = await both(rule, averaged);
    for (const { name, shape } of parameters) {
      const [student, average] = [normal(shape), normal(shape)];
      for (const { state } of updaters) {
        state.student.get(name)?.write(student);
        state.average.get(name)?.write(average);
      }
    }
    let clipped = 0;
    for (const [step, numbers] of steps.entries()) {
      for (const name of updaters[0].gradients.keys()) {
        const gradient = normal(updaters[0].gradients.get(name)!.shape);
        for (const { gradients } of updaters) gradients.get(name)?.write(gradient);
      }
      const [norms, others] = [await updaters[0].apply(numbers), await updaters[1].apply(numbers)];
      for (const [name, norm] of norms) {
        const gradient = hostFloats(updaters[0].gradients.get(name)!);
        expect(norm / Math.hypot(...gradient)).toBeCloseTo(1, 5);
        expect(others.get(name)! / norm).toBeCloseTo(1, 5);
        if (numbers.clip > 0 && norm > numbers.clip) clipped++;
      }
      const [got, wanted] = updaters.map(valuesOf);
      expect([...got!.keys()]).toEqual([...wanted!.keys()]);
      for (const [name, values] of got!)
        expect(relativeDifference(values, wanted!.get(name)!), `${name}, step ${step}`).toBeLessThan(2e-6);
      expect(updaters[0].state.counts).toEqual(updaters[1].state.counts);
    }
    expect(clipped).toBeGreaterThan(5);
    expect(updaters[0].state.counts.get('last_layer.weight_v')).toBe(3);
    expect(updaters[0].state.counts.get('one.weight')).toBe(5);
    expect(updaters[0].state.counts.has('last_layer.weight_g')).toBe(false);
  });
});

test('a plain step of SGD takes lr times the gradient off, and the average takes its share', async () => {
  for (const updater of await both(rules.sgd, 'all')) {
    const { state, gradients } = updater;
    state.student.get('two.bias')!.write(new Float32Array(7).fill(1));
    gradients.get('two.bias')!.write(new Float32Array(7).fill(0.5));
    await updater.apply({ lr: 0.25, weightDecay: 0, clip: 0, momentum: 0.75, isFrozen: nothing });
    expect(hostFloats(state.student.get('two.bias')!)).toEqual(new Float32Array(7).fill(0.875));
    expect(hostFloats(state.average.get('two.bias')!)).toEqual(new Float32Array(7).fill(0.21875));
    updater.clearGradients();
    expect(hostFloats(gradients.get('two.bias')!)).toEqual(new Float32Array(7));
  }
});

test('parameters of one group are clipped by the norm of all their gradients', async () => {
  const options = {
    ...{ parameters, rule: rules.sgd, averaged: new Set<string>() },
    clipGroup: (name: string) => (name.endsWith('.bias') ? 'biases' : name),
  };
  const graph = new GraphUpdater(ortNode, options, { threads: 1 });
  onTestFinished(() => graph.dispose());
  for (const { state, gradients, ...updater } of [new WasmUpdater(options), graph].map((each) => ({
    ...{ state: each.state, gradients: each.gradients },
    apply: (numbers: UpdateNumbers) => each.apply(numbers),
  }))) {
    gradients.get('two.bias')!.write(Float32Array.of(3, 0, 0, 0, 0, 0, 0));
    gradients.get('five.bias')!.write(Float32Array.of(0, 4, 0, 0, 0, 0, 0, 0, 0));
    gradients.get('one.weight')!.write(Float32Array.of(0.5));
    await updater.apply({ lr: 1, weightDecay: 0, clip: 1, momentum: 1, isFrozen: nothing });
    expect(hostFloats(state.student.get('two.bias')!)[0]).toBeCloseTo(-3 / 5, 5);
    expect(hostFloats(state.student.get('five.bias')!)[1]).toBeCloseTo(-4 / 5, 5);
    expect(hostFloats(state.student.get('one.weight')!)[0]).toBe(-0.5);
  }
});

test('a step with a gradient that is not finite changes nothing and says which it was', async () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    for (const updater of await both(rules.adamw, 'all')) {
      const { state, gradients } = updater;
      const before = [
        [state.student, 0.5],
        [state.average, 0.25],
      ] as const;
      for (const [buffers, value] of before)
        for (const buffer of buffers.values()) hostFloats(buffer).fill(value);
      hostFloats(gradients.get('two.bias')!)[6] = bad;
      hostFloats(gradients.get('one.weight')!)[0] = 1;
      const norms = await updater.apply({ lr: 1, weightDecay: 1, clip: 0, momentum: 0.5, isFrozen: nothing });
      expect([...norms].flatMap(([name, norm]) => (Number.isFinite(norm) ? [] : [name]))).toEqual([
        'two.bias',
      ]);
      for (const [buffers, value] of before)
        for (const buffer of buffers.values()) expect(new Set(hostFloats(buffer))).toEqual(new Set([value]));
      for (const moments of state.moments.values())
        for (const buffer of moments.values()) expect(new Set(hostFloats(buffer))).toEqual(new Set([0]));
      expect(state.counts.get('one.weight')).toBe(0);
    }
  }
});

/** One step of `four.weight` [8, 16], all 2, with gradients of 0.5; its decay is 0.1 and the learning rate 1. */
async function stepOf(rule: UpdateRule, gradient = 0.5): Promise<number[]> {
  const values: number[] = [];
  for (const updater of await both(rule, 'no')) {
    const weight = updater.state.student.get('four.weight')!;
    weight.write(new Float32Array(128).fill(2));
    updater.gradients.get('four.weight')!.write(new Float32Array(128).fill(gradient));
    await updater.apply({ lr: 1, weightDecay: 0.1, clip: 0, momentum: 0, isFrozen: nothing });
    values.push(hostFloats(weight)[0]!);
  }
  return values;
}

test('LARS holds a parameter against its decayed gradient, or against both lengths added up', async () => {
  // |p| : |g| = 2 : 0.5 element by element, and lengths are as the elements: they all point one way.
  const together = 2 - (0.7 * 0.001 * 2) / 0.7;
  const apart = 2 - (0.7 * 0.001 * 2) / (0.5 + 0.1 * 2);
  for (const value of await stepOf(rules.lars)) expect(value).toBeCloseTo(together, 6);
  for (const value of await stepOf(lars('apart'))) expect(value).toBeCloseTo(apart, 6);
  // Against the parameter: what is added up is longer than the sum of the two vectors, 0.1.
  for (const value of await stepOf(rules.lars, -0.3))
    expect(value).toBeCloseTo(2 + (0.1 * 0.001 * 2) / 0.1, 6);
  for (const value of await stepOf(lars('apart'), -0.3))
    expect(value).toBeCloseTo(2 + (0.1 * 0.001 * 2) / (0.3 + 0.2), 6);
  // Without a gradient there is no ratio: the decay is taken as it is.
  for (const value of await stepOf(lars('apart'), 0)) expect(value).toBeCloseTo(2 - 0.2, 6);
});

test('AdamW remembers squares as long as its second beta says', async () => {
  for (const updater of await both(adamw({ beta1: 0.9, beta2: 0.95 }), 'no')) {
    const { state, gradients } = updater;
    const of = (slot: string): number => hostFloats(state.moments.get(slot)!.get('two.bias')!)[0]!;
    for (const gradient of [1, 2]) {
      gradients.get('two.bias')!.write(new Float32Array(7).fill(gradient));
      await updater.apply({ lr: 0.5, weightDecay: 0, clip: 0, momentum: 0, isFrozen: nothing });
    }
    const [m, v] = [0.9 * 0.1 + 0.1 * 2, 0.95 * 0.05 + 0.05 * 4];
    expect(of('exp_avg')).toBeCloseTo(m, 6);
    expect(of('exp_avg_sq')).toBeCloseTo(v, 6);
    const second = m / (1 - 0.9 ** 2) / Math.sqrt(v / (1 - 0.95 ** 2));
    expect(hostFloats(state.student.get('two.bias')!)[0]).toBeCloseTo(-0.5 - 0.5 * second, 5);
  }
});

import { describe, expect, test } from 'vitest';
import { evaluate, type Program } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { compile, input, type ParameterInfo, sizeOf, type Tensor, zero } from '../../src/graph/index.ts';
import { FusedUpdate } from '../../src/optim/fused-update.ts';
import { ADAM, clipByNorm, follow, isDecayed, rules } from '../../src/optim/rules.ts';
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

const steps = [
  { lr: 0, weightDecay: 0.04, clip: 0.5, momentum: 0.9, frozen: true },
  { lr: 0.1, weightDecay: 0.04, clip: 0.5, momentum: 0.9, frozen: true },
  { lr: 0.05, weightDecay: 0.1, clip: 0, momentum: 0.99, frozen: false },
  { lr: 0.02, weightDecay: 0.4, clip: 30, momentum: 0.996, frozen: false },
  { lr: 0.01, weightDecay: 0, clip: 0.5, momentum: 1, frozen: false },
] as const;

/** The definition as a program: clip, rule and moving average of one parameter. */
function symbolicStep(rule: keyof typeof rules, info: ParameterInfo, clip: number): Promise<Program> {
  const at = (name: string): Tensor => input(name, info.shape);
  const number = (name: string): Tensor => input(name, []);
  const gradient = clip > 0 ? clipByNorm(at('gradient'), clip) : at('gradient');
  const numbers = {
    lr: number('lr'),
    weightDecay: number('weightDecay'),
    correction1: number('correction1'),
    correction2: number('correction2'),
  };
  const { slots } = rules[rule];
  const updated = rules[rule].update(at('student'), gradient, slots.map(at), numbers);
  const teacher = follow(at('teacher'), updated.parameter, number('momentum'));
  const moments = slots.map((name, i) => [name, updated.slots[i]!] as const);
  return ortNode.load(compile({ student: updated.parameter, teacher, ...Object.fromEntries(moments) }));
}

function relativeDifference(got: Float32Array, wanted: Float32Array): number {
  let [largest, difference] = [1e-30, 0];
  wanted.forEach((x, i) => {
    largest = Math.max(largest, Math.abs(x));
    difference = Math.max(difference, Math.abs(x - got[i]!));
  });
  return difference / largest;
}

describe.each(['adamw', 'sgd', 'lars'] as const)('the fused update with %s', (rule) => {
  test('is the symbolic rule, with clipping, frozen layers, the teacher and odd sizes', async () => {
    const random = new Random(1, 'fused update');
    const normal = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
    const update = new FusedUpdate(parameters, rules[rule]);
    const wanted = new Map(
      parameters.map((info) => {
        const [student, teacher] = [normal(sizeOf(info.shape)), normal(sizeOf(info.shape))];
        update.student.get(info.name)!.set(student);
        update.teacher.get(info.name)!.set(teacher);
        const slots = rules[rule].slots.map((name) => [name, new Float32Array(student.length)] as const);
        const state: Record<string, Float32Array> = { student, teacher, ...Object.fromEntries(slots) };
        return [info.name, { state, count: 0 }];
      }),
    );
    let clippedSome = 0;
    for (const { frozen, ...numbers } of steps) {
      const skip = (name: string): boolean => frozen && name.includes('last_layer');
      for (const gradient of update.gradients.values()) gradient.set(normal(gradient.length));
      const norms = update.apply({ ...numbers, skip });
      for (const info of parameters) {
        const expected = wanted.get(info.name)!;
        const gradient = update.gradients.get(info.name);
        if (gradient === undefined || skip(info.name)) {
          const { student, teacher } = expected.state;
          const m = numbers.momentum;
          expected.state.teacher = teacher!.map((t, i) => m * t + (1 - m) * student![i]!);
        } else {
          const t = ++expected.count;
          const norm = Math.hypot(...gradient);
          expect(norms.get(info.name)! / norm).toBeCloseTo(1, 5);
          if (numbers.clip > 0 && norm > numbers.clip) clippedSome++;
          const program = await symbolicStep(rule, info, numbers.clip);
          const known: Record<string, Float32Array> = {
            ...expected.state,
            gradient,
            lr: Float32Array.of(numbers.lr),
            weightDecay: Float32Array.of(isDecayed(info.name, info.shape) ? numbers.weightDecay : 0),
            correction1: Float32Array.of(1 - ADAM.beta1 ** t),
            correction2: Float32Array.of(1 - ADAM.beta2 ** t),
            momentum: Float32Array.of(numbers.momentum),
          };
          const names = [...program.graph.inputs.keys()];
          expected.state = await evaluate(
            program,
            Object.fromEntries(names.map((name) => [name, known[name]!])),
          );
          await program.dispose();
        }
        const slots = gradient === undefined ? [] : [...update.slots(info.name)];
        const got = new Map([
          ['student', update.student.get(info.name)!],
          ['teacher', update.teacher.get(info.name)!],
          ...slots,
        ]);
        for (const [name, values] of got) {
          expect(relativeDifference(values, expected.state[name]!), `${info.name}, ${name}`).toBeLessThan(
            2e-6,
          );
        }
        if (gradient !== undefined) expect(update.stepsOf(info.name), info.name).toBe(expected.count);
      }
    }
    expect(clippedSome).toBeGreaterThan(5);
    expect(update.stepsOf('last_layer.weight_v')).toBe(3);
  });
});

test('a step with a gradient that is not finite changes nothing and says which it was', () => {
  const update = new FusedUpdate(parameters, rules.adamw);
  for (const values of update.student.values()) values.fill(0.5);
  update.gradients.get('two.bias')![6] = Number.NaN;
  update.gradients.get('one.weight')![0] = 1;
  const norms = update.apply({ lr: 1, weightDecay: 1, clip: 0, momentum: 0, skip: () => false });
  expect([...norms].flatMap(([name, norm]) => (Number.isFinite(norm) ? [] : [name]))).toEqual(['two.bias']);
  for (const values of update.student.values()) expect(new Set(values)).toEqual(new Set([0.5]));
  expect(update.stepsOf('one.weight')).toBe(0);
});

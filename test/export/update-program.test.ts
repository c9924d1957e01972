/** The update of an exported step is that of our own, however a method has its parameters updated. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import { updateProgram } from '../../src/export/update-program.ts';
import { type ParameterInfo, sizeOf, zero } from '../../src/graph/index.ts';
import type { Method } from '../../src/method/method.ts';
import { rules } from '../../src/optim/rules.ts';
import { WasmUpdater } from '../../src/optim/wasm-updater.ts';
import { Random } from '../../src/random/random.ts';

const parameters: ParameterInfo[] = [
  { name: 'body.weight', shape: [3, 4], init: zero, trainable: true },
  { name: 'body.bias', shape: [4], init: zero, trainable: true },
  { name: 'head.last_layer.weight', shape: [4, 2], init: zero, trainable: true },
];
const method: Pick<Method, 'isLastLayer' | 'heldBy' | 'lrFactor' | 'clipGroup'> = {
  isLastLayer: (name) => name.includes('last_layer'),
  heldBy: 'rate',
  lrFactor: (name) => (name === 'body.bias' ? 0.5 : 1),
  clipGroup: (name) => name.slice(0, name.indexOf('.')),
};

it.each([1, 0])(
  'with rates of its own, a rate of 0 while the last layer is held (%i), and clipping by group',
  async (held) => {
    const options = { parameters, averaged: new Set(parameters.map(({ name }) => name)), rule: rules.adamw };
    const updater = new WasmUpdater({ ...options, clipGroup: (name) => method.clipGroup!(name) });
    const program = updateProgram({ ...options, clip: 0.5, method });
    const session = await InferenceSession.create(program.onnx, { logSeverityLevel: 3 });
    const random = new Random(3, 'values');
    const { student, average, moments } = updater.state;
    const kinds = [
      ['student', student],
      ['teacher', average],
      ['gradient', updater.gradients],
      ...moments,
    ] as const;
    const arrays = new Map<string, Float32Array>();
    for (const { name, shape } of parameters)
      for (const [kind, buffers] of kinds) {
        const isMoment = kind.startsWith('exp');
        const values = Float32Array.from({ length: sizeOf(shape) }, () => (isMoment ? 0 : random.normal()));
        buffers.get(name)!.write(values);
        arrays.set(`${kind}/${name}`, values);
      }
    const scalars = {
      lr: 0.1,
      weightDecay: 0.04,
      teacherMomentum: 0.9,
      correction1: 0.1,
      correction2: 0.001,
    };
    for (const [name, value] of Object.entries({ ...scalars, freezeLastLayer: held }))
      arrays.set(`scalar/${name}`, Float32Array.of(value));
    const feeds = program.inputViews.map(({ onnxName, name, offset, shape }) => {
      const values = arrays.get(name)!.slice(offset, offset + sizeOf(shape));
      return [onnxName, new Tensor('float32', values, shape)] as const;
    });
    const found = await session.run(Object.fromEntries(feeds));
    await updater.apply({
      ...{ lr: 0.1, weightDecay: 0.04, clip: 0.5, momentum: 0.9, isFrozen: () => false },
      lrFactor: (name) => (held === 1 && method.isLastLayer(name) ? 0 : method.lrFactor!(name)),
    });
    let compared = 0;
    for (const { onnxName, name } of program.outputViews) {
      const at = name.indexOf('/');
      const buffers = new Map<string, (typeof kinds)[number][1]>(kinds).get(name.slice(0, at));
      const wanted = hostFloats(buffers!.get(name.slice(at + 1))!);
      const got = found[onnxName]!.data;
      expect(got).toHaveLength(wanted.length);
      wanted.forEach((value, i) => {
        expect(Number(got[i]), `${name} ${i}`).toBeCloseTo(value, 5);
      });
      compared++;
    }
    expect(compared).toBe(4 * parameters.length);
    const last = hostFloats(student.get('head.last_layer.weight')!);
    const before = arrays.get('student/head.last_layer.weight')!;
    expect(last.every((value, i) => value === before[i])).toBe(held === 1);
  },
);

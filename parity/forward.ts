/** What the trainer's program does not give out, such as logits: the same functions in a program of their own. */
import { evaluate } from '../src/engine/arrays.ts';
import type { Buffers } from '../src/engine/engine.ts';
import { ortNode } from '../src/engine/ort-node.ts';
import type { Values } from '../src/engine/values.ts';
import { hoistSlices, input, ParameterSet, sizeOf, type Tensor } from '../src/graph/index.ts';
import type { ObjectiveInputs } from '../src/method/method.ts';
import { parametersOf } from '../src/train/state.ts';
import type { CropSource, Trainer } from '../src/train/trainer.ts';
import { FixtureError } from './fixture.ts';
import { hostFloats } from './host-floats.ts';
import type { Results } from './network.ts';

export interface ForwardProgram {
  /** Results with the trainer's present weights. */
  run(crops: CropSource): Promise<Results>;
  dispose(): Promise<void>;
}

/** @param trace what is to be known, of images and networks alone */
export async function forward(
  trainer: Trainer,
  channels: number,
  trace: (inputs: ObjectiveInputs) => Readonly<Record<string, Tensor>>,
): Promise<ForwardProgram> {
  const { batchSize, method } = trainer;
  const [student, teacher] = [new ParameterSet('student/'), new ParameterSet('teacher/')];
  const unused = (what: string): never => {
    throw new FixtureError(`the forward pass asked for "${what}".`);
  };
  const results = trace({
    student: student.scope,
    teacher: teacher.scope,
    frozen: new ParameterSet('frozen/').scope,
    images: batchSize,
    batch: batchSize,
    crops: (group: number) => {
      const { count, size } = method.views[group] ?? { count: 0, size: 0 };
      return input(`crops/${group}`, [count * batchSize, channels, size, size]);
    },
    scalar: unused,
    state: unused,
    sample: unused,
  });
  const hoisted = hoistSlices(Object.values(results));
  const named = Object.keys(results).flatMap((name, i) => {
    const tensor = hoisted[i];
    return tensor === undefined ? [] : [[name, tensor] as const];
  });
  const program = await ortNode.load(Object.fromEntries(named));
  return {
    run(crops) {
      const values: Record<string, Values> = {};
      const networks: Readonly<Record<string, Buffers>> = {
        student: parametersOf(trainer.state, 'student'),
        teacher: parametersOf(trainer.state, 'teacher'),
      };
      for (const [name, { shape }] of program.inputs) {
        const [kind = '', ...rest] = name.split('/');
        const key = rest.join('/');
        const stored = trainer.state.buffers.get(name) ?? networks[kind]?.get(key);
        if (stored !== undefined) values[name] = hostFloats(stored);
        else if (kind === 'crops') {
          const pixels = new Float32Array(sizeOf(shape));
          crops(Number(key), 0, batchSize, pixels);
          values[name] = pixels;
        }
      }
      return evaluate(program, values);
    },
    dispose: () => program.dispose(),
  };
}

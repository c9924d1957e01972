/** The logits of both networks, which the trainer's program does not give out: the same functions in a program of their own. */
import { evaluate } from '../src/engine/arrays.ts';
import type { Buffers } from '../src/engine/engine.ts';
import { hostFloats } from '../src/engine/host-buffer.ts';
import { ortNode } from '../src/engine/ort-node.ts';
import type { Values } from '../src/engine/values.ts';
import { hoistSlices, input, ParameterSet, sizeOf } from '../src/graph/index.ts';
import { type DinoConfig, studentLogits, teacherLogits } from '../src/method/dino.ts';
import { parametersOf } from '../src/train/state.ts';
import type { CropSource, Trainer } from '../src/train/trainer.ts';
import { FixtureError } from './fixture.ts';

export interface LogitsProgram {
  /** Logits with the trainer's present weights. */
  run(crops: CropSource): Promise<{ readonly student: Float32Array; readonly teacher: Float32Array }>;
  dispose(): Promise<void>;
}

export async function logits(config: DinoConfig, trainer: Trainer): Promise<LogitsProgram> {
  const { batchSize, method } = trainer;
  const [student, teacher] = [new ParameterSet('student/'), new ParameterSet('teacher/')];
  const channels = config.backbone.channels;
  const unused = (what: string): never => {
    throw new FixtureError(`the logits asked for "${what}".`);
  };
  const inputs = {
    student: student.scope,
    teacher: teacher.scope,
    images: batchSize,
    batch: batchSize,
    crops: (group: number) => {
      const { count, size } = method.views[group] ?? { count: 0, size: 0 };
      return input(`crops/${group}`, [count * batchSize, channels, size, size]);
    },
    scalar: unused,
    state: unused,
    sample: unused,
  };
  const [fromStudent, fromTeacher] = hoistSlices([
    studentLogits(inputs, config),
    teacherLogits(inputs, config),
  ]);
  if (fromStudent === undefined || fromTeacher === undefined) throw new Error('there are no logits');
  const program = await ortNode.load({ student: fromStudent, teacher: fromTeacher });
  return {
    async run(crops) {
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
      const { student: studentRows, teacher: teacherRows } = await evaluate(program, values);
      if (studentRows === undefined || teacherRows === undefined)
        throw new Error('the program gave no logits');
      return { student: studentRows, teacher: teacherRows };
    },
    dispose: () => program.dispose(),
  };
}

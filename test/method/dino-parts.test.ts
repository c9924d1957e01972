/** The parts of DINO that ablations exchange: the loss, a predictor, and what the teacher is. */
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { input } from '../../src/graph/index.ts';
import { dino, selfDistillation } from '../../src/method/dino.ts';
import { dinoDefinition } from '../../src/method/dino-options.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';
import { parametersOf, readFloats } from '../../src/train/state.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { tinyHead, tinyVit } from '../model/tiny-networks.ts';
import { noisyViews, settings, tinyTrainer } from './tiny-training.ts';

const config = {
  ...{ backbone: tinyVit, head: tinyHead, viewSizes: [16, 16, 8], studentTemp: 0.1, centerMomentum: 0.9 },
  dropPathRate: 0,
} as const;

/** softmax of a row at a temperature */
function softmaxOf(row: readonly number[], temperature: number): number[] {
  const powers = row.map((x) => Math.exp(x / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / sum);
}

it('the squares of differences are those of every pair of a teacher view and another student view', async () => {
  const teacher = [
    [0.1, 0.3, -0.2],
    [0.0, -0.1, 0.25],
  ]; // one image, two views
  const student = [
    [0.2, 0.1, 0],
    [-0.3, 0.2, 0.1],
    [0.05, 0, -0.1],
  ];
  const objective = selfDistillation(
    input('gt', [2, 3]),
    input('gs', [3, 3]),
    { images: 1, batch: 1, scalar: (name) => input(name, []), state: () => input('center', [1, 3]) },
    { ...config, loss: 'mse' },
  );
  const program = await ortNode.load({ loss: objective.loss, ...objective.measures }, { threads: 1 });
  const found = await evaluate(program, {
    gt: Float32Array.from(teacher.flat()),
    gs: Float32Array.from(student.flat()),
    teacherTemp: Float32Array.of(0.05),
    center: new Float32Array(3),
  });
  const [t1, t2] = teacher.map((row) => softmaxOf(row, 0.05));
  const [s1, s2, s3] = student.map((row) => softmaxOf(row, 0.1));
  const distance = (a: readonly number[] = [], b: readonly number[] = []): number =>
    a.reduce((sum, x, i) => sum + (x - (b[i] ?? 0)) ** 2, 0);
  const wanted = (distance(s1, t2) + distance(s2, t1) + distance(s3, t1) + distance(s3, t2)) / 4;
  expect(found.loss?.[0]).toBeCloseTo(wanted, 6);
  // What tells a collapse is the same for both losses.
  const entropy =
    [t1, t2].reduce((sum, t = []) => sum - t.reduce((all, p) => all + p * Math.log(p), 0), 0) / 2;
  expect(found.teacher_entropy?.[0]).toBeCloseTo(entropy, 5);
});

it('a predictor is the student’s alone', () => {
  const names = (predictor: boolean): string[] => {
    const { parameters, averaged } = traceStep({
      method: dino({ ...config, predictor }),
      channels: 3,
      batchSize: 2,
    });
    return parameters.map(({ name }) => name).filter((name) => !averaged.has(name));
  };
  expect(names(false)).toEqual([]);
  expect(names(true)).toEqual([
    'predictor.0.weight',
    'predictor.0.bias',
    'predictor.1.weight',
    'predictor.1.bias',
  ]);
});

describe('the teacher', () => {
  const name = 'backbone.blocks.0.mlp.fc1.weight';

  it('is what the student was before the update, where it lags', async () => {
    const trainer = await tinyTrainer({ method: dino(config), batchSize: 4 });
    const weights = async (network: 'student' | 'teacher'): Promise<Float32Array> =>
      (await readFloats(parametersOf(trainer.state, network))).get(name)!.slice();
    for (let step = 0; step < 2; step++) {
      const before = await weights('student');
      await trainer.step(noisyViews(trainer, step, 0.2), {
        ...{ ...settings, step, teacherMomentum: 0, teacherLags: true, lr: 1e-2 },
        scalars: { teacherTemp: 0.04 },
      });
      expect(await weights('teacher')).toEqual(before);
      expect(await weights('student')).not.toEqual(before);
    }
    await trainer.dispose();
  });

  it('follows the rule that was asked for, step by step', () => {
    const facts = {
      images: 64,
      imageSide: 32,
      channels: 3,
      cores: 2,
      readMilliseconds: 1,
      steps: 8,
    } as const;
    const numbers = (teacherRule: string) => {
      const { config: all } = chooseRecipe({ steps: 8, teacherRule }, facts);
      const at = dinoDefinition.schedule(all, { steps: 8, stepsPerEpoch: 3 });
      return Array.from({ length: 8 }, (_, step) => at(step, step));
    };
    expect(numbers('student').map(({ teacherMomentum }) => teacherMomentum)).toEqual(new Array(8).fill(0));
    expect(numbers('previous_step').every(({ teacherLags }) => teacherLags === true)).toBe(true);
    expect(numbers('previous_epoch').map(({ teacherMomentum }) => teacherMomentum)).toEqual([
      1, 1, 0, 1, 1, 0, 1, 1,
    ]);
    const average = numbers('average').map(({ teacherMomentum }) => teacherMomentum);
    expect(average[0]).toBeCloseTo(0.98, 9);
    expect(average).toEqual([...average].sort((a, b) => a - b));
  });
});

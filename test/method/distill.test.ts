/** Distillation: its loss by hand, with and without the moments of the teacher's features, and what it refuses. */
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { input, ParameterSet } from '../../src/graph/index.ts';
import { distill } from '../../src/method/distill.ts';
import { featureDim, imageFeature } from '../../src/model/backbone.ts';
import { vit } from '../../src/model/vit.ts';
import { Random } from '../../src/random/random.ts';
import { tinyHybrid, tinyVit, tinyXcit } from '../model/tiny-networks.ts';

const [images, size] = [3, 16];
const width = featureDim(tinyHybrid);

/** Runs the objective and both features on random weights. @param state what the method remembers of the teacher */
async function run(
  state: Readonly<Record<'imageMean' | 'imageSquare' | 'imageWeight', Float32Array<ArrayBuffer>>>,
) {
  const method = distill({
    ...{ backbone: tinyVit, teacher: tinyHybrid, size, patchWeight: 0, dropPathRate: 0 },
  });
  const [student, teacher, frozen] = ['student/', 'teacher/', 'frozen/'].map(
    (prefix) => new ParameterSet(prefix),
  );
  const crops = input('crops', [images, 3, size, size]);
  const objective = method.objective({
    ...{ student: student!.scope, teacher: teacher!.scope, frozen: frozen!.scope, images, batch: images },
    crops: () => crops,
    scalar: (name) => input(name, []),
    state: (name) => input(`state/${name}`, method.stateShapes[name] ?? []),
    sample: (name) => input(name, []),
  });
  const total = (name: string) => objective.sums[name] ?? crops;
  const program = await ortNode.load(
    {
      loss: objective.loss,
      ...objective.measures,
      ...objective.nextState(total),
      s: imageFeature(student!.scope.at('backbone'), crops, tinyVit, 'train'),
      t: imageFeature(frozen!.scope.at('backbone'), crops, tinyHybrid, 'eval'),
    },
    { threads: 1 },
  );
  const random = new Random(5, 'distill');
  const values = Object.fromEntries(
    [...program.inputs].map(([name, { shape }]) => {
      const count = shape.reduce((a, b) => a * b, 1);
      // Running variances must not be negative.
      return [name, Float32Array.from({ length: count }, () => 0.5 + 0.4 * random.normal() ** 2)];
    }),
  );
  for (const [name, value] of Object.entries(state)) values[`state/${name}`] = value;
  const found = await evaluate(program, values);
  const rows = (name: string, dim: number): number[][] =>
    Array.from({ length: images }, (_, i) => [...found[name]!.slice(i * dim, (i + 1) * dim)].map(Number));
  const weight = values['student/projection.weight'] ?? new Float32Array();
  const bias = values['student/projection.bias'] ?? new Float32Array();
  const projected = rows('s', tinyVit.dim).map((s) =>
    Array.from({ length: width }, (_, o) =>
      s.reduce((sum, x, d) => sum + x * weight[o * s.length + d]!, bias[o]!),
    ),
  );
  return { found, projected, teacher: rows('t', width) };
}

function meanCosine(a: readonly number[][], b: readonly number[][]): number {
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, v, i) => sum + v * y[i]!, 0);
  const each = a.map((x, i) => dot(x, b[i]!) / Math.sqrt(dot(x, x) * dot(b[i]!, b[i]!)));
  return each.reduce((sum, v) => sum + v, 0) / each.length;
}

describe('the patches of distillation', () => {
  const teacher = { ...tinyVit, dim: 12 };
  const config = { backbone: tinyVit, teacher, size, patchWeight: 0.5, dropPathRate: 0 };

  it('agree by the mean cosine of all of them, which the loss adds with its weight', async () => {
    const method = distill(config);
    const [student, frozen] = [new ParameterSet('student/'), new ParameterSet('frozen/')];
    const crops = input('crops', [images, 3, size, size]);
    const objective = method.objective({
      ...{ student: student.scope, teacher: frozen.scope, frozen: frozen.scope, images, batch: images },
      crops: () => crops,
      scalar: (name) => input(name, []),
      state: (name) => input(`state/${name}`, method.stateShapes[name] ?? []),
      sample: (name) => input(name, []),
    });
    const program = await ortNode.load(
      {
        loss: objective.loss,
        ...objective.measures,
        ...objective.nextState((name) => objective.sums[name] ?? crops),
        s: vit(student.scope.at('backbone'), crops, tinyVit).patches,
        t: vit(frozen.scope.at('backbone'), crops, teacher).patches,
      },
      { threads: 1 },
    );
    const random = new Random(6, 'patches');
    const values = Object.fromEntries(
      [...program.inputs].map(([name, { shape }]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        const value = (): number => (name.startsWith('state/') ? 0 : random.normal());
        return [name, Float32Array.from({ length: count }, value)];
      }),
    );
    const found = await evaluate(program, values);
    const places = images * 4;
    const rows = (all: readonly number[], dim: number): number[][] =>
      Array.from({ length: places }, (_, i) => all.slice(i * dim, (i + 1) * dim));
    const s = rows(Array.from(found.s!, Number), tinyVit.dim);
    const t = rows(Array.from(found.t!, Number), teacher.dim);
    const weight = values['student/patch_projection.weight']!;
    const bias = values['student/patch_projection.bias']!;
    const projected = s.map((row) =>
      t[0]!.map((_, o) => row.reduce((sum, x, d) => sum + x * weight[o * row.length + d]!, bias[o]!)),
    );
    const [patches, whole] = [meanCosine(projected, t), Number(found.teacher_cosine?.[0])];
    expect(Math.abs(patches)).toBeLessThan(0.9); // random ones do not agree
    expect(found.patch_cosine?.[0]).toBeCloseTo(patches, 4);
    expect(found.loss?.[0]).toBeCloseTo(1 - whole + 0.5 * (1 - patches), 4);
    expect(found.patchMean?.[2]).toBeCloseTo((0.01 * t.reduce((sum, row) => sum + row[2]!, 0)) / places, 5);
    expect(found.patchWeight?.[0]).toBeCloseTo(0.01, 7);
  });
});

it.each([tinyVit, tinyXcit])(
  'refuses crops that are not whole patches of the teacher, of kind $kind',
  (teacher) => {
    const other = { backbone: tinyHybrid, patchWeight: 0, dropPathRate: 0 };
    expect(() => distill({ ...other, teacher, size: 2.5 * teacher.patchSize })).toThrow(
      `--global_crops_size ${2.5 * teacher.patchSize} is not a multiple of the teacher's patches of ${teacher.patchSize}: give ${3 * teacher.patchSize}.`,
    );
    expect(() => distill({ ...other, teacher, size: 1 })).toThrow(`: give ${teacher.patchSize}.`);
  },
);

describe('the loss of distillation', () => {
  it('is 1 less the mean cosine with the teacher as it is, before anything is known of it', async () => {
    const none = {
      imageMean: new Float32Array(width),
      imageSquare: new Float32Array(width),
      imageWeight: new Float32Array(1),
    };
    const { found, projected, teacher } = await run(none);
    const cosine = meanCosine(projected, teacher);
    expect(found.loss?.[0]).toBeCloseTo(1 - cosine, 4);
    expect(found.teacher_cosine?.[0]).toBeCloseTo(cosine, 4);
    // The moments begin with a hundredth of this step.
    const mean = teacher.reduce((sum, row) => sum + row[2]!, 0) / images;
    const square = teacher.reduce((sum, row) => sum + row[2]! ** 2, 0) / images;
    expect(found.imageMean?.[2]).toBeCloseTo(0.01 * mean, 6);
    expect(found.imageSquare?.[2]).toBeCloseTo(0.01 * square, 6);
    expect(found.imageWeight?.[0]).toBeCloseTo(0.01, 7);
  });

  it('standardizes the teacher with the moments that are known, whatever part of them is there', async () => {
    const weight = 0.25;
    const [mean, square] = [
      Array.from({ length: width }, (_, i) => 0.1 * i),
      Array.from({ length: width }, (_, i) => 2 + i),
    ];
    const { found, projected, teacher } = await run({
      imageMean: Float32Array.from(mean, (m) => m * weight),
      imageSquare: Float32Array.from(square, (s) => s * weight),
      imageWeight: Float32Array.of(weight),
    });
    const standardized = teacher.map((row) =>
      row.map((t, i) => (t - mean[i]!) / Math.sqrt(square[i]! - mean[i]! ** 2)),
    );
    expect(found.loss?.[0]).toBeCloseTo(1 - meanCosine(projected, standardized), 4);
    expect(found.imageWeight?.[0]).toBeCloseTo(0.99 * weight + 0.01, 6);
  });
});

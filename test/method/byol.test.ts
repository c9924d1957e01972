/** BYOL: its loss by hand, what the two networks share, whose statistics are whose, and that it learns. */
import { describe, expect, it } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { input } from '../../src/graph/index.ts';
import { byol, byolLoss, negativeCosine } from '../../src/method/byol.ts';
import { byolHealth } from '../../src/method/byol-health.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { expectGradients } from '../graph/central-differences.ts';
import { tinyHybrid, tinyVit } from '../model/tiny-networks.ts';
import { noisyViews, settings, tinyTrainer, train } from './tiny-training.ts';

const head = { hiddenDim: 12, outDim: 6 };
const method = byol({ backbone: tinyVit, viewSizes: [16, 16], head });

describe('the loss of BYOL', () => {
  const [u, v] = [
    [3, 0, 4, 0],
    [0, 2, 0, 0],
  ];
  const opposite = (x: readonly number[]): number[] => x.map((value) => -value / 5);

  it.each([
    ['0 where predictions point as the targets of the other view do', [u, v, v, u], 0],
    ['4 where they have nothing to do with them', [u, v, u, v], 4],
    ['8 where they point the other way', [u, v, opposite(v), opposite(u)], 8],
    ['2 where one half is right and one unrelated', [u, v, v, v], 2],
  ])('is %s', async (_, rows, wanted) => {
    const names = ['p0', 'p1', 'z0', 'z1'];
    const [p0, p1, z0, z1] = names.map((name) => input(name, [1, 4]));
    const program = await ortNode.load({ loss: byolLoss(p0!, p1!, z0!, z1!) }, { threads: 1 });
    const values = Object.fromEntries(names.map((name, i) => [name, Float32Array.from(rows[i]!)]));
    expect((await evaluate(program, values)).loss![0]).toBeCloseTo(wanted, 6);
  });

  it('has the derivatives that differences show', async () => {
    await expectGradients([{ shape: [3, 4] }, { shape: [3, 4] }], negativeCosine);
  });
});

describe('BYOL', () => {
  it('gives the teacher all but the predictor, and the student no second predictor', () => {
    const { parameters, averaged } = traceStep({ method, channels: 3, batchSize: 4 });
    const alone = parameters.map(({ name }) => name).filter((name) => !averaged.has(name));
    expect(alone).toEqual([
      'prediction_head.layers.0.weight',
      'prediction_head.layers.0.bias',
      'prediction_head.layers.1.weight',
      'prediction_head.layers.1.bias',
      'prediction_head.layers.3.weight',
    ]);
    expect(averaged.has('backbone.cls_token')).toBe(true);
    expect(averaged.has('projection_head.layers.0.weight')).toBe(true);
  });

  it('moves running statistics once for each view, and the teacher has its own', async () => {
    const trainer = await tinyTrainer({
      method: byol({ backbone: tinyHybrid, viewSizes: [16, 16], head }),
      batchSize: 4,
    });
    await train(trainer, 3);
    const { buffers } = trainer.state;
    const of = (name: string): number[] => [...hostFloats(buffers.get(name)!)];
    for (const name of ['backbone.bn1', 'projection_head.layers.1']) {
      for (const network of ['student', 'teacher'])
        expect(of(`${network}/${name}.num_batches_tracked`)).toEqual([6]);
      const [student, teacher] = ['student', 'teacher'].map((network) =>
        of(`${network}/${name}.running_mean`),
      );
      expect(student).not.toEqual(teacher);
    }
    expect(buffers.has('teacher/prediction_head.layers.1.running_mean')).toBe(false);
  });

  it('averages the teacher after the update', async () => {
    const trainer = await tinyTrainer({ method, batchSize: 4 });
    const { student, average } = trainer.state.update;
    const values = (buffers: typeof student): number[] => [
      ...hostFloats(buffers.get('projection_head.layers.0.weight')!),
    ];
    const before = values(student);
    await trainer.step(noisyViews(trainer, 0, 0.2), { ...settings, teacherMomentum: 0.75 });
    const after = values(student);
    expect(after).not.toEqual(before);
    for (const [i, value] of values(average).entries())
      expect(value).toBeCloseTo(0.75 * before[i]! + 0.25 * after[i]!, 6);
  });

  it('refuses a step of one image, which has no batch statistics', () => {
    expect(() => traceStep({ method, channels: 3, batchSize: 1 })).toThrow(
      'BYOL normalizes by the statistics of a batch, which one image does not have: give --batch_size_per_gpu 2 or more.',
    );
    // and a step is never parted
    expect(traceStep({ method, channels: 3, batchSize: 6, microBatch: 2 }).microBatch).toBe(6);
  });

  it('learns to predict one view from the other without collapse', async () => {
    const trainer = await tinyTrainer({ method, batchSize: 8 });
    const results = await train(trainer, 60);
    const mean = (from: number, to: number): number =>
      results.slice(from, to).reduce((sum, { loss }) => sum + loss, 0) / (to - from);
    expect(mean(0, 5)).toBeGreaterThan(2.5);
    expect(mean(55, 60)).toBeLessThan(0.5 * mean(0, 5));
    const { measures } = results.at(-1)!;
    expect(measures.projection_spread).toBeGreaterThan(0.4);
    expect(byolHealth.examine({ loss: mean(50, 60), measures }).title).toBe('No collapse');
  });

  it('measures the spread of projections: none where all images are one', async () => {
    const trainer = await tinyTrainer({
      method: byol({ backbone: tinyVit, viewSizes: [16, 16], head }),
      batchSize: 4,
    });
    // A head of zeros and a bias for all.
    for (const network of ['student', 'average'] as const)
      hostFloats(trainer.state.update[network].get('projection_head.layers.1.weight')!).fill(0);
    hostFloats(trainer.state.update.average.get('projection_head.layers.1.bias')!).fill(1);
    const { measures } = await trainer.accumulate(noisyViews(trainer, 0, 0.2), settings);
    expect(measures.projection_spread).toBeCloseTo(0, 5);
    expect(byolHealth.examine({ loss: 0.01, measures })).toMatchObject({
      severity: 'warning',
      title: 'Collapse onto one projection',
    });
  });
});

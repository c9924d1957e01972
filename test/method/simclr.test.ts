/** SimCLR: NT-Xent against its formula in float64, what it watches, and that it learns. */
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { input, type Tensor } from '../../src/graph/index.ts';
import { alignment, ntXent, simclr, uniformity } from '../../src/method/simclr.ts';
import { simclrHealth } from '../../src/method/simclr-health.ts';
import { Random } from '../../src/random/random.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { expectGradients } from '../graph/central-differences.ts';
import { tinyVit } from '../model/tiny-networks.ts';
import { tinyTrainer, train } from './tiny-training.ts';

const method = simclr({
  backbone: tinyVit,
  size: 16,
  head: { hiddenDim: 12, outDim: 6, layers: 2, batchNorm: true },
  temperature: 0.2,
});

async function value(of: (z: Tensor) => Tensor, rows: readonly (readonly number[])[]): Promise<number> {
  const program = await ortNode.load(
    { value: of(input('z', [rows.length, rows[0]!.length])) },
    { threads: 1 },
  );
  return (await evaluate(program, { z: Float32Array.from(rows.flat()) })).value![0]!;
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const unit = (a: readonly number[]): number[] => a.map((x) => x / Math.sqrt(dot(a, a)));

/** Equation 1 of the paper for every ordered pair of partners. */
function formula(rows: readonly (readonly number[])[], temperature: number): number {
  const u = rows.map(unit);
  const n = rows.length / 2;
  const losses = u.map((row, i) => {
    const others = u.filter((_, j) => j !== i).map((other) => Math.exp(dot(row, other) / temperature));
    const partner = Math.exp(dot(row, u[(i + n) % (2 * n)]!) / temperature);
    return -Math.log(partner / others.reduce((a, b) => a + b, 0));
  });
  return losses.reduce((a, b) => a + b, 0) / losses.length;
}

describe('NT-Xent', () => {
  it.each([0.1, 0.5, 2])('is the formula of the paper at a temperature of %f', async (temperature) => {
    const random = new Random(1, 'rows');
    const rows = Array.from({ length: 10 }, () => Array.from({ length: 7 }, () => random.normal()));
    expect(await value((z) => ntXent(z, temperature), rows)).toBeCloseTo(formula(rows, temperature), 5);
  });

  it('is ln(2N - 1) where all are alike, and nearly 0 where only partners are', async () => {
    const same = Array.from({ length: 8 }, () => [1, 2, 3]);
    expect(await value((z) => ntXent(z, 0.1), same)).toBeCloseTo(Math.log(7), 5);
    const axes = [0, 1, 2, 0, 1, 2].map((axis) => [0, 1, 2].map((i) => (i === axis ? 5 : 0)));
    expect(await value((z) => ntXent(z, 0.05), axes)).toBeCloseTo(Math.log(1 + 4 * Math.exp(-20)), 6);
  });

  it('has the derivatives that differences show', async () => {
    await expectGradients([{ shape: [6, 4] }], (z) => ntXent(z, 0.5));
  });
});

describe('alignment and uniformity', () => {
  it('are the squared distance of partners, and the logarithm of the mean kernel of others', async () => {
    const rows = [
      [1, 0],
      [0, 1],
      [0, 3],
      [-2, 0],
    ];
    // Both pairs are at right angles; so are the two images in each view.
    expect(await value(alignment, rows)).toBeCloseTo(2, 6);
    expect(await value(uniformity, rows)).toBeCloseTo(-4, 5);
    const same = Array.from({ length: 6 }, () => [1, 2, 3]);
    expect(await value(alignment, same)).toBeCloseTo(0, 6);
    expect(await value(uniformity, same)).toBeCloseTo(0, 5);
  });
});

describe('SimCLR', () => {
  it('has no teacher, and never parts a step', () => {
    const { averaged, statistics, microBatch } = traceStep({
      method,
      channels: 3,
      batchSize: 6,
      microBatch: 2,
    });
    expect([...averaged]).toEqual([]);
    expect(statistics.every(({ network }) => network === 'student')).toBe(true);
    expect(microBatch).toBe(6);
  });

  it('refuses a step of one image, which has no others', () => {
    expect(() => traceStep({ method, channels: 3, batchSize: 1 })).toThrow(
      'SimCLR tells the images of a batch apart, and there is one: give --batch_size_per_gpu 2 or more.',
    );
  });

  it('learns to find the other view of an image', async () => {
    const trainer = await tinyTrainer({ method, batchSize: 8 });
    const results = await train(trainer, 60);
    const [first, last] = [results[0]!, results.at(-1)!];
    expect(last.loss).toBeLessThan(0.5 * first.loss);
    expect(last.measures.loss_of_guessing).toBeCloseTo(last.loss / Math.log(15), 5);
    expect(last.measures.alignment).toBeLessThan(first.measures.alignment!);
    expect(last.measures.uniformity).toBeLessThan(-1);
    expect(simclrHealth.examine(last).title).toBe('Images are told apart');
  });

  it.each([
    ['Collapse onto one projection', { loss_of_guessing: 1, alignment: 0, uniformity: -0.01 }],
    ['Nothing is told apart', { loss_of_guessing: 0.99, alignment: 1.9, uniformity: -2.5 }],
  ])('is told of "%s"', (title, measures) => {
    expect(simclrHealth.examine({ loss: 3, measures })).toMatchObject({ severity: 'warning', title });
  });
});

/** KoLeo: its gradient, and what it does with equal features. */
import { expect, it } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { gradients, input } from '../../src/graph/index.ts';
import { koleo } from '../../src/method/koleo.ts';
import { expectGradients } from '../graph/central-differences.ts';

it('has the gradients of central differences', () =>
  expectGradients([{ shape: [5, 4] }], (x) => koleo(x).loss, { step: 1e-3, tolerance: 5e-3 }));

async function spread(rows: readonly (readonly number[])[]): Promise<Record<string, Float32Array>> {
  const x = input('x', [rows.length, rows[0]!.length]);
  const { loss, closest } = koleo(x);
  const [gradient = loss] = gradients(loss, [x]);
  const program = await ortNode.load({ loss, closest, gradient }, { threads: 1 });
  const got = await evaluate(program, { x: Float32Array.from(rows.flat()) });
  await program.dispose();
  return got;
}

it('is minus the logarithm of the distance to the nearest, whatever the lengths', async () => {
  const { loss, closest } = await spread([
    [3, 0],
    [0, 2],
    [-1, 0],
  ]);
  expect(loss![0]).toBeCloseTo(-Math.log(Math.SQRT2), 6);
  expect(closest![0]).toBeCloseTo(Math.SQRT2, 6);
});

it('stays finite for equal features, and tells how close they are', async () => {
  const { loss, closest, gradient } = await spread([
    [1, 1],
    [2, 2],
    [-1, 1],
  ]);
  expect(closest![0]).toBeLessThan(1e-6);
  expect(loss![0]).toBeGreaterThan(10);
  expect(loss![0]).toBeLessThan(20);
  expect(gradient!.every(Number.isFinite)).toBe(true);
});

it('refuses a batch of one image', () => {
  expect(() => koleo(input('x', [1, 4]))).toThrow(
    'KoLeo compares the images of a batch, and there is one: give --batch_size_per_gpu 2 or more, or --koleo_loss_weight 0.',
  );
});

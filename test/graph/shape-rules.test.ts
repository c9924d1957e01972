/** Graphs that do not fit together are refused while they are built, with the op and what is wrong. */
import { describe, expect, test } from 'vitest';
import * as g from '../../src/graph/index.ts';

const x = g.input('x', [3, 4]);
const whole = g.input('whole', [4, 3], 'i64');

describe('shape rules refuse', () => {
  test.each([
    ['sizes that are no whole numbers', () => g.reshape(x, [-1, 5]), 'has other elements than [2.4, 5]'],
    ['other elements', () => g.reshape(x, [5]), '[3, 4] has other elements than [5]'],
    ['two types in a sum', () => g.add(x, g.input('y', [3, 4], 'i64')), 'types f32 and i64 differ'],
    ['two types in a product of matrices', () => g.gemm(x, whole), 'gemm near "x": types f32 and i64 differ'],
    ['two types in a batched product', () => g.matmul(x, whole), 'matmul near "x": types f32 and i64 differ'],
    [
      'two types in a general product',
      () => g.product(x, whole, { contract: [[1], [0]] }),
      'product near "x": types f32 and i64 differ',
    ],
    ['other inner sizes', () => g.gemm(x, g.input('z', [3, 4])), 'inner sizes differ'],
    [
      'inner sizes of a general product',
      () => g.product(x, g.input('z', [3, 4]), { contract: [[1], [0]] }),
      'inner sizes differ: axes 1 of [3, 4] and 0 of [3, 4]',
    ],
    [
      'kernels for other channels',
      () => g.depthwise(g.input('map', [1, 4, 4, 3]), g.input('w', [2, 1, 3, 3])),
      'weight [2, 1, 3, 3] does not fit 3 channels',
    ],
    [
      'a window that is larger than the map',
      () => g.maxPool(g.input('map', [1, 2, 2, 3]), { kernel: 3 }),
      'maxPool near "map": a window of 3 pixels does not fit 2',
    ],
  ])('%s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});

test('no gradient goes into whole numbers', () => {
  const [gradient] = g.gradients(g.sum(g.cast(whole, 'f32')), [whole]);
  expect(gradient?.node.op.name).toBe('constant');
});

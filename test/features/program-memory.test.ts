import { describe, expect, it, vi } from 'vitest';
import { attend } from '../../src/eval/attention/attend.ts';
import { peakBytes } from '../../src/features/program-memory.ts';
import { add, input, matmul, relu } from '../../src/graph/index.ts';
import { noiseImage, stillNetwork } from '../eval/still-network.ts';

describe('the memory of a program', () => {
  it('is that of the results which are needed at one time', () => {
    const x = input('x', [10, 10]);
    const square = matmul(x, x);
    // At the end x and the sum of x and the square, and before that the square.
    expect(peakBytes({ out: add(square, x) })).toBe(3 * 400);
    let chain = matmul(input('y', [100, 1]), input('z', [1, 100]));
    for (let i = 0; i < 5; i++) chain = relu(chain);
    expect(peakBytes({ out: chain })).toBe(2 * 40_000);
  });

  it('is asked for before an image of an extreme shape is shown, and what fits goes on', async () => {
    const { backbone, weights } = stillNetwork();
    const memory = vi.spyOn(process, 'availableMemory').mockReturnValue(64 * 2 ** 20);
    try {
      await expect(attend(backbone, weights, noiseImage(1, 1200))).rejects.toThrow(
        /^An image of 16 x 19200 pixels for the network needs \d\.\d GiB of memory, and 0\.0 GiB may be used: choose a smaller --image_size/,
      );
      expect((await attend(backbone, weights, noiseImage(20, 30))).heads).toBe(2);
      // Programs of many sizes are disposed of before they fill the memory together.
      for (let width = 200; width < 260; width += 4)
        expect((await attend(backbone, weights, noiseImage(8, width))).heads).toBe(2);
    } finally {
      memory.mockRestore();
      await backbone.dispose();
    }
  });
});

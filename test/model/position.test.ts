/** Position embeddings at other image sizes; that they are the official ones is tested against reference values elsewhere. */
import { describe, expect, it } from 'vitest';
import { input } from '../../src/graph/index.ts';
import { positions } from '../../src/model/position.ts';
import { expectGradients } from '../graph/central-differences.ts';

describe('position embeddings', () => {
  const embedding = input('pos_embed', [1, 10, 4]);

  it('are those of the grid they were trained on only where a square image has it', () => {
    expect(positions(embedding, { height: 12, width: 12 }, 4)).toBe(embedding);
    expect(positions(embedding, { height: 15, width: 15 }, 4)).toBe(embedding);
    expect(positions(embedding, { height: 12, width: 13 }, 4)).not.toBe(embedding);
  });

  it('are as many as there are places', () => {
    expect(positions(embedding, { height: 9, width: 20 }, 4).shape).toEqual([1, 11, 4]);
    const places = { rows: 3, columns: 5 };
    expect(positions(embedding, { height: 9, width: 20 }, places).shape).toEqual([1, 16, 4]);
  });

  it.each([false, true])('have the gradients of central differences (antialiased: %s)', (antialias) =>
    expectGradients([{ shape: [1, 10, 2] }], (x) =>
      positions(x, { height: 8, width: 20 }, 4, { offset: antialias ? 0 : 0.1, antialias }),
    ),
  );
});

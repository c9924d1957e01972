/** Position embeddings at other image sizes; that they are the official ones is tested against reference values elsewhere. */
import { describe, expect, it } from 'vitest';
import { input, ParameterSet } from '../../src/graph/index.ts';
import { placesAlong } from '../../src/model/places.ts';
import { positions } from '../../src/model/position.ts';
import { vit } from '../../src/model/vit.ts';
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

  it.each(['patch', 'conv'] as const)('fit what a stem leaves of pixels that fill no patch (%s)', (stem) => {
    const config = { kind: 'vit', imageSize: 16, patchSize: 4, channels: 3, dim: 8, depth: 1 } as const;
    const network = { ...config, heads: 2, mlpRatio: 2, stem };
    const { patches } = vit(new ParameterSet().scope, input('images', [2, 3, 18, 31]), network);
    expect(patches.dim(1)).toBe(stem === 'conv' ? 5 * 8 : 4 * 7);
    expect(patches.dim(1)).toBe(placesAlong(network, 18) * placesAlong(network, 31));
  });

  it.each([false, true])('have the gradients of central differences (antialiased: %s)', (antialias) =>
    expectGradients([{ shape: [1, 10, 2] }], (x) =>
      positions(x, { height: 8, width: 20 }, 4, { offset: antialias ? 0 : 0.1, antialias }),
    ),
  );
});

/** The convolutional net that pools its map by attention. */
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { compile, input, ParameterSet } from '../../src/graph/index.ts';
import { attentionPool } from '../../src/model/attention-pool.ts';
import {
  attentionHeads,
  type BackboneConfig,
  forwardOperations,
  imageFeature,
  patchSide,
  placeOutputs,
} from '../../src/model/backbone.ts';
import { Random } from '../../src/random/random.ts';
import { expectGradients } from '../graph/central-differences.ts';

const [images, height, width, dim, heads] = [2, 2, 3, 6, 3];
const places = height * width;

async function pooled(map: Float32Array, query: Float32Array) {
  const outputs = attentionPool(input('map', [images, height, width, dim]), input('query', [heads, dim]));
  const program = await ortNode.load(compile({ ...outputs }));
  return evaluate(program, { map, query });
}

describe('attention pooling', () => {
  const random = new Random(2, 'map');
  const map = Float32Array.from({ length: images * places * dim }, () => random.normal());

  it('is the mean over the map when the queries ask for nothing', async () => {
    const { feature, attention } = await pooled(map, new Float32Array(heads * dim));
    expect(attention!.every((value) => Math.abs(value - 1 / places) < 1e-6)).toBe(true);
    for (let image = 0; image < images; image++) {
      for (let d = 0; d < dim; d++) {
        let sum = 0;
        for (let place = 0; place < places; place++) sum += map[(image * places + place) * dim + d]!;
        expect(feature![image * dim + d]).toBeCloseTo(sum / places, 5);
      }
    }
  });

  it('weights the channels of each head by the softmax of what its query asks for', async () => {
    const query = Float32Array.from({ length: heads * dim }, () => random.normal());
    const { feature, attention } = await pooled(map, query);
    for (let image = 0; image < images; image++) {
      for (let head = 0; head < heads; head++) {
        const scores = Array.from({ length: places }, (_, place) => {
          let score = 0;
          for (let d = 0; d < dim; d++)
            score += query[head * dim + d]! * map[(image * places + place) * dim + d]!;
          return Math.exp(score);
        });
        const total = scores.reduce((a, b) => a + b, 0);
        for (let place = 0; place < places; place++)
          expect(attention![(image * heads + head) * places + place]).toBeCloseTo(scores[place]! / total, 5);
        for (let d = head * (dim / heads); d < (head + 1) * (dim / heads); d++) {
          let value = 0;
          for (let place = 0; place < places; place++)
            value += (scores[place]! / total) * map[(image * places + place) * dim + d]!;
          expect(feature![image * dim + d]).toBeCloseTo(value, 5);
        }
      }
    }
  });

  it('has the gradients of central differences', () =>
    expectGradients(
      [{ shape: [images, height, width, dim] }, { shape: [heads, dim] }],
      (x, query) => attentionPool(x, query).feature,
    ));
});

describe('the hybrid', () => {
  const conv: BackboneConfig = {
    kind: 'convnet',
    channels: 3,
    widths: [8, 16, 24],
    blocks: [0, 1, 1],
    stemStride: 2,
    stem: 'conv',
    heads: 6,
  };

  it.each(['conv', 'patch'] as const)('has one place for each patch, and a feature (stem: %s)', (stem) => {
    const config: BackboneConfig = { ...conv, stem };
    const set = new ParameterSet();
    const view = input('images', [2, 3, 32, 48]);
    const { attention, tokens } = placeOutputs(set.scope, view, config);
    expect(patchSide(config)).toBe(8);
    expect(attentionHeads(config)).toBe(6);
    expect(attention.shape).toEqual([2, 6, 4 * 6]);
    expect(tokens.shape).toEqual([2, 24, 24]);
    expect(imageFeature(set.scope, view, config, 'eval').shape).toEqual([2, 24]);
    expect([...set.parameters.keys()]).toContain('pool.query');
    expect([...set.parameters.keys()].some((name) => name.startsWith('layer1.'))).toBe(false);
    expect(set.parameters.get('conv1.weight')?.shape).toEqual(stem === 'conv' ? [8, 3, 3, 3] : [8, 3, 2, 2]);
  });

  it('counts the operations of its convolutions', () => {
    // 16 x 16 places after the stem, then 8 x 8 and 4 x 4.
    const stem = 2 * 256 * 27 * 8;
    const second = 2 * 64 * 9 * (8 + 16) * 16;
    const third = 2 * 16 * 9 * (16 + 24) * 24;
    expect(forwardOperations(conv, 32)).toBe(stem + second + third);
  });
});

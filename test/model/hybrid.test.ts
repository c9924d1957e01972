/** The convolutional net that pools its map by attention. */
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';

import { ortNode } from '../../src/engine/ort-node.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { untrainedWeights } from '../../src/features/network-weights.ts';
import { input, ParameterSet } from '../../src/graph/index.ts';
import { attentionPool } from '../../src/model/attention-pool.ts';
import {
  type BackboneConfig,
  featureDim,
  forwardOperations,
  imageFeature,
} from '../../src/model/backbone.ts';
import { fittingHeads, pooledMaps } from '../../src/model/convnet.ts';
import { attentionHeads, patchSide, placeOutputs, placesAlong } from '../../src/model/places.ts';
import { Random } from '../../src/random/random.ts';
import { expectGradients } from '../graph/central-differences.ts';

const [images, height, width, dim, heads] = [2, 2, 3, 6, 3];
const places = height * width;

async function pooled(map: Float32Array, query: Float32Array) {
  const outputs = attentionPool(input('map', [images, height, width, dim]), input('query', [heads, dim]));
  const program = await ortNode.load({ ...outputs });
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
    heads: 5,
  };

  // Maps of 4 x 4 pixels a place and of 8 x 8; of the heads, 2 look at the 16 channels of the first and 3 at the 24 of the second.
  it.each(['conv', 'patch'] as const)('has one place for each patch, and a feature (stem: %s)', (stem) => {
    const config: BackboneConfig = { ...conv, stem };
    const set = new ParameterSet();
    const view = input('images', [2, 3, 32, 48]);
    const { attention, tokens } = placeOutputs(set.scope, view, config);
    expect(patchSide(config)).toBe(4);
    expect(attentionHeads(config)).toBe(5);
    expect(attention.shape).toEqual([2, 5, 8 * 12]);
    expect(tokens.shape).toEqual([2, 8 * 12, 16 + 24]);
    expect(featureDim(config)).toBe(40);
    expect(imageFeature(set.scope, view, config, 'eval').shape).toEqual([2, 40]);
    expect(set.parameters.get('pool.0.query')?.shape).toEqual([2, 16]);
    expect(set.parameters.get('pool.1.query')?.shape).toEqual([3, 24]);
    expect([...set.parameters.keys()].some((name) => name.startsWith('layer1.'))).toBe(false);
    expect(set.parameters.get('conv1.weight')?.shape).toEqual(stem === 'conv' ? [8, 3, 3, 3] : [8, 3, 2, 2]);
  });

  it.each([
    ['conv', 32],
    ['conv', 36],
    ['conv', 33],
    ['patch', 44],
    ['patch', 31],
  ] as const)(
    'shows attention that sums to 1 on images of any size (stem: %s, %i pixels)',
    async (stem, size) => {
      const config: BackboneConfig = { ...conv, stem };
      const backbone = new FrozenBackbone(config, size, ortNode);
      const side = placesAlong(config, size);
      expect(backbone.attentionSide).toBe(side);
      const random = new Random(3, 'pixels');
      const pixels = Float32Array.from({ length: 3 * size * size }, () => random.normal());
      const weights = new Map(untrainedWeights(config, size, 0));
      const queries = ['pool.0.query', 'pool.1.query'].map((name) => {
        const query = weights.get(name)!.map((value) => 20 * value);
        weights.set(name, query);
        return query;
      });
      const maps = await backbone.attention(weights, pixels);
      const tokens = await backbone.placeTokens(weights, { pixels, height: size, width: size });
      expect(maps).toHaveLength(5 * side * side);
      for (let head = 0; head < 5; head++) {
        const map = maps.subarray(head * side * side, (head + 1) * side * side);
        expect(map.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
        // It is the softmax of what the head's query asks of the tokens: places of the coarse map count as often as they are shown.
        const [fine, at] = head < 2 ? [true, head] : [false, head - 2];
        const scores = Array.from(map, (_, place) => {
          const token = tokens.subarray(place * 40 + (fine ? 0 : 16), place * 40 + (fine ? 16 : 40));
          const asked = queries[fine ? 0 : 1]!.subarray(at * token.length, (at + 1) * token.length);
          return Math.exp(token.reduce((sum, value, d) => sum + value * asked[d]!, 0));
        });
        const total = scores.reduce((sum, value) => sum + value, 0);
        const worst = map.reduce((most, value, i) => Math.max(most, Math.abs(value - scores[i]! / total)), 0);
        expect(worst).toBeLessThan(1e-5);
      }
      await backbone.dispose();
    },
  );

  it('shares the channels out among its heads, or says how many heads can', () => {
    expect(pooledMaps({ widths: [8, 64, 128], stemStride: 4, heads: 24 })).toEqual([
      { width: 64, heads: 8, stride: 8 },
      { width: 128, heads: 16, stride: 16 },
    ]);
    expect(fittingHeads([8, 16, 24])).toEqual([5, 10, 20, 40]);
    expect(fittingHeads([6])).toEqual([1, 2, 3, 6]);
    const wrong = { ...conv, heads: 6 };
    expect(() =>
      imageFeature(new ParameterSet().scope, input('images', [1, 3, 32, 32]), wrong, 'eval'),
    ).toThrow('6 heads cannot share out the channels of the last stages, 8, 16, 24: choose 5, 10, 20, 40');
  });

  it('counts the operations of its convolutions', () => {
    // 16 x 16 places after the stem, then 8 x 8 and 4 x 4.
    const stem = 2 * 256 * 27 * 8;
    const second = 2 * 64 * 9 * (8 + 16) * 16;
    const third = 2 * 16 * 9 * (16 + 24) * 24;
    expect(forwardOperations(conv, 32)).toBe(stem + second + third);
  });
});

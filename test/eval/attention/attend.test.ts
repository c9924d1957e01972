import { describe, expect, it } from 'vitest';
import { ortNode } from '../../../src/engine/ort-node.ts';
import {
  attend,
  clearestHead,
  patchAt,
  patchColors,
  patchSimilarity,
} from '../../../src/eval/attention/attend.ts';
import { FrozenBackbone } from '../../../src/features/frozen-backbone.ts';
import { objectsOf, renumbered, withLabels } from '../../../src/image/object-labels.ts';
import { noiseImage, stillNetwork } from '../still-network.ts';

const { backbone, weights } = stillNetwork();

describe('attending', () => {
  it('gives maps, masks and tokens of an image of any shape', async () => {
    const image = noiseImage(37, 20);
    const { view, maps, mean, masks, meanMask, tokens, dim } = await attend(backbone, weights, image, {
      size: [16],
      share: 0.6,
    });
    expect(view.grid).toEqual({ rows: 7, columns: 4, patch: 4 }); // 29 x 16 pixels, one row of which fills no patch
    expect(maps.length).toBe(2 * 28);
    for (const value of [...maps, ...mean]) expect(value).toBeCloseTo(1 / 29, 6);
    expect(meanMask.reduce((sum, x) => sum + x, 0)).toBe(17); // 60 % of 28 equal patches, with the one that crosses
    expect([masks.length, tokens.length, dim]).toEqual([2 * 28, 28 * 8, 8]);
    const batch = { pixels: view.pixels, height: 28, width: 16 };
    const [all = new Float32Array()] = await backbone.tokens(weights, batch);
    expect([...tokens]).toEqual([...all.subarray(8)]);
    expect([...maps]).toEqual([...(await backbone.attention(weights, batch))]);
  });

  it('is refused for a convolutional network', async () => {
    const net = new FrozenBackbone(
      { kind: 'convnet', channels: 3, widths: [8], blocks: [1], stemStride: 1 },
      16,
      ortNode,
    );
    await expect(attend(net, new Map(), noiseImage(16, 16))).rejects.toThrow(
      'A convolutional network that is pooled by its mean has no attention maps; train with --arch hybrid or vit to get them',
    );
  });

  it('shows the head whose mask lies in one piece, of equal ones that with the smaller mask', async () => {
    const seen = await attend(backbone, weights, noiseImage(16, 16));
    const [scattered, square] = [
      [1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0],
    ];
    const pick = (...masks: number[]) => clearestHead({ ...seen, masks: Uint8Array.from(masks) });
    expect(pick(...scattered, ...square)).toBe(1);
    expect(pick(...square, ...scattered)).toBe(0);
    expect(pick(...new Uint8Array(16).fill(1), ...square)).toBe(1);
  });
});

describe('patch tokens', () => {
  const view = { grid: { rows: 1, columns: 4, patch: 4 }, resized: { height: 4, width: 18 } };

  it('become colors by their principal components, the most extreme patch bright', async () => {
    const seen = await attend(backbone, weights, noiseImage(4, 18), { size: [4] });
    const tokens = Float32Array.of(1, 0, 0, 0, 1, 0, 1, 0, 1, 9, 0, 1);
    const { data, ...size } = await patchColors(ortNode, { view: seen.view, tokens, dim: 3 });
    expect(size).toEqual({ width: 4, height: 1, channels: 3 });
    const red = [0, 1, 2, 3].map((i) => data[3 * i] ?? -1);
    expect(red[3]).toBe(255);
    expect(Math.max(...red.slice(0, 3))).toBeLessThan(40);
    expect(Math.min(...red)).toBe(0);
  });

  it('of two dimensions leave the third color dark, and equal ones all', async () => {
    const { view: four } = await attend(backbone, weights, noiseImage(4, 18), { size: [4] });
    const flat = await patchColors(ortNode, {
      view: four,
      tokens: Float32Array.of(1, 2, 3, 4, 5, 7, 0, 1),
      dim: 2,
    });
    expect([2, 5, 8, 11].map((i) => flat.data[i])).toEqual([0, 0, 0, 0]);
    const same = await patchColors(ortNode, { view: four, tokens: new Float32Array(8).fill(3), dim: 2 });
    expect([...same.data].every((level) => level === 0)).toBe(true);
  });

  it('are compared with one of them by cosine', () => {
    const tokens = Float32Array.of(2, 0, 0, 5, 1, 1, -3, 0);
    const [self, across, half, opposite] = patchSimilarity({ tokens, dim: 2 }, 0);
    expect([self, across, opposite]).toEqual([1, 0, -1]);
    expect(half).toBeCloseTo(Math.SQRT1_2, 6);
  });

  it('are found by a pixel of the original image', () => {
    const image = { height: 40, width: 180 };
    expect(patchAt(view, image, 0, 0)).toBe(0);
    expect(patchAt(view, image, 39, 81)).toBe(2);
    expect(patchAt(view, image, 20, 179)).toBe(3); // in the edge that was cut off
    expect(() => patchAt(view, image, 40, 0)).toThrow(
      'The pixel at row 40, column 0 lies outside the image of 40 x 180 pixels',
    );
  });
});

describe('labels', () => {
  const mask = (...data: number[]) => ({ height: 1, width: data.length, data: Uint8Array.from(data) });

  it('name objects; 255 is an object only where it is alone', () => {
    expect(objectsOf(mask(0, 255, 255))).toEqual({ labels: [255], voidLabel: undefined });
    expect(objectsOf(mask(0, 255, 7, 2))).toEqual({ labels: [2, 7], voidLabel: 255 });
    expect(objectsOf(mask(0, 0))).toEqual({ labels: [], voidLabel: undefined });
  });

  it('are numbered and get their numbers back', () => {
    const numbered = renumbered(mask(0, 9, 4, 255), [4, 9]);
    expect([...numbered.data]).toEqual([0, 2, 1, 0]);
    expect([...withLabels(numbered, [4, 9]).data]).toEqual([0, 9, 4, 0]);
  });
});

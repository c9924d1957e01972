import { describe, expect, it } from 'vitest';
import { scenesSource } from '../../src/data/source.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import {
  copyDescriptor,
  describeImages,
  featureDescriptor,
  multiScaleDescriptor,
  readImages,
} from '../../src/eval/describe-images.ts';
import { evalView } from '../../src/eval/eval-images.ts';
import { extractFeatures } from '../../src/eval/extract.ts';
import { FrozenBackbone, untrainedWeights } from '../../src/eval/frozen-backbone.ts';
import type { FeatureRows } from '../../src/eval/knn.ts';
import { centerCrop, resize } from '../../src/image/resize.ts';

const vit = {
  kind: 'vit',
  imageSize: 16,
  patchSize: 8,
  channels: 3,
  dim: 16,
  depth: 2,
  heads: 2,
  mlpRatio: 2,
} as const;
const weights = new Map([['trained', untrainedWeights(vit, 16, 3)]]);
const source = scenesSource({ count: 7, size: 24 });

describe('descriptions of images', () => {
  it('are the features of the usual extraction in the usual view', async () => {
    const backbone = new FrozenBackbone(vit, 16, ortNode, { threads: 1 });
    const expected = await extractFeatures(source, backbone, weights);
    const described = await describeImages(readImages(source), {
      weights,
      descriptor: featureDescriptor(backbone),
      view: (image) => evalView(image, 16),
      batch: 3,
    });
    const [a, b] = [described.descriptors.get('trained')!, expected.features.get('trained')!];
    expect(a.dim).toBe(16);
    expect(Math.max(...a.values.map((value, i) => Math.abs(value - b[i]!)))).toBeLessThan(1e-5);
    expect([...described.indices]).toEqual([0, 1, 2, 3, 4, 5, 6]);
    await backbone.dispose();
  });

  it('stay in order when sizes differ, and do not see what is beyond the last whole patch', async () => {
    const backbone = new FrozenBackbone(vit, 16, ortNode, { threads: 1 });
    let at = 0;
    const mixed = await describeImages(readImages(source), {
      weights,
      descriptor: featureDescriptor(backbone),
      view: (image) => (at++ % 2 === 0 ? resize(image, 16, 24, 'bicubic') : resize(image, 29, 17, 'bicubic')),
    });
    for (const index of [2, 5]) {
      const alone = await describeImages(readImages(source, { indices: [index] }), {
        weights,
        descriptor: featureDescriptor(backbone),
        view: (image) => {
          if (index % 2 === 0) return resize(image, 16, 24, 'bicubic');
          const { data, ...rest } = resize(image, 29, 17, 'bicubic');
          const rows = Array.from({ length: 24 }, (_, y) => data.subarray(y * 17 * 3, y * 17 * 3 + 16 * 3));
          return { ...rest, width: 16, height: 24, data: Uint8Array.from(rows.flatMap((row) => [...row])) };
        },
      });
      const [one, all] = [alone.descriptors.get('trained')!.values, mixed.descriptors.get('trained')!.values];
      one.forEach((value, i) => {
        expect(value).toBeCloseTo(all[index * 16 + i]!, 5);
      });
    }
    await backbone.dispose();
  });

  it('over scales have norm 1, for copies hold class token and patches, and need an image', async () => {
    const backbone = new FrozenBackbone(vit, 16, ortNode, { threads: 1 });
    const view = (image: Parameters<typeof centerCrop>[0]) => centerCrop(image, 16, 16);
    const scaled = await describeImages(readImages(source), {
      weights,
      descriptor: multiScaleDescriptor(backbone),
      view,
      batch: 1,
    });
    const { values } = scaled.descriptors.get('trained')!;
    for (let row = 0; row < 7; row++) {
      const norm = Math.hypot(...values.subarray(row * 16, (row + 1) * 16));
      expect(norm).toBeCloseTo(1, 5);
    }
    const [plain, copies] = [featureDescriptor(backbone), copyDescriptor(backbone)];
    const both: FeatureRows[] = [];
    for (const descriptor of [plain, copies])
      both.push(
        (await describeImages(readImages(source), { weights, descriptor, view })).descriptors.get('trained')!,
      );
    expect(both[1]!.dim).toBe(32);
    both[0]!.values.subarray(0, 16).forEach((value, i) => {
      expect(both[1]!.values[i]).toBeCloseTo(value, 5); // the class token comes first
    });
    await expect(
      describeImages(readImages(source, { indices: [] }), { weights, descriptor: plain, view }),
    ).rejects.toThrow('None of the images can be read');
    await backbone.dispose();
  });
});

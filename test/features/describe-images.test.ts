import { describe, expect, it } from 'vitest';
import { scenesSource } from '../../src/data/scenes-source.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { describeImages } from '../../src/features/describe-images.ts';
import { copyDescriptor, featureDescriptor, multiScaleDescriptor } from '../../src/features/descriptors.ts';
import { evalView } from '../../src/features/eval-images.ts';
import { extractFeatures } from '../../src/features/extract.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { untrainedWeights } from '../../src/features/network-weights.ts';
import { shownImages } from '../../src/features/shown-images.ts';
import type { Image } from '../../src/image/image.ts';
import { centerCrop, resize } from '../../src/image/resize.ts';
import type { FeatureRows } from '../../src/rows/feature-rows.ts';
import { tinyVit } from '../model/tiny-networks.ts';

const weights = new Map([['trained', untrainedWeights(tinyVit, 16, 3)]]);
const source = scenesSource({ count: 7, size: 24 });
const asked = { weights, count: 7, channels: 3, name: '7 scenes' };

describe('descriptions of images', () => {
  it('are the features of the usual extraction in the usual view', async () => {
    const backbone = new FrozenBackbone(tinyVit, 16, ortNode, { threads: 1 });
    const expected = await extractFeatures(source, { backbone, weights });
    const described = await describeImages(
      shownImages(source, (image) => evalView(image, 16)),
      { ...asked, descriptor: featureDescriptor(backbone), batch: 3 },
    );
    const [a, b] = [described.features.get('trained')!, expected.features.get('trained')!];
    expect(a.dim).toBe(16);
    expect(Math.max(...a.values.map((value, i) => Math.abs(value - b.values[i]!)))).toBeLessThan(1e-5);
    expect([...described.indices]).toEqual([0, 1, 2, 3, 4, 5, 6]);
    await backbone.dispose();
  });

  it('stay in order when sizes differ, and do not see what is beyond the last whole patch', async () => {
    const backbone = new FrozenBackbone(tinyVit, 16, ortNode, { threads: 1 });
    const descriptor = featureDescriptor(backbone);
    const mixed = await describeImages(
      shownImages(source, (image, index) =>
        index % 2 === 0 ? resize(image, 16, 24, 'bicubic') : resize(image, 29, 17, 'bicubic'),
      ),
      { ...asked, descriptor },
    );
    for (const index of [2, 5]) {
      const cut = (image: Image): Image => {
        if (index % 2 === 0) return resize(image, 16, 24, 'bicubic');
        const { data, ...rest } = resize(image, 29, 17, 'bicubic');
        const rows = Array.from({ length: 24 }, (_, y) => data.subarray(y * 17 * 3, y * 17 * 3 + 16 * 3));
        return { ...rest, width: 16, height: 24, data: Uint8Array.from(rows.flatMap((row) => [...row])) };
      };
      const alone = await describeImages(shownImages(source, cut, { indices: [index] }), {
        ...asked,
        descriptor,
      });
      const [one, all] = [alone.features.get('trained')!.values, mixed.features.get('trained')!.values];
      one.forEach((value, i) => {
        expect(value).toBeCloseTo(all[index * 16 + i]!, 5);
      });
    }
    await backbone.dispose();
  });

  it('over scales have norm 1, for copies hold class token and patches, and need an image', async () => {
    const backbone = new FrozenBackbone(tinyVit, 16, ortNode, { threads: 1 });
    const view = (image: Image): Image => centerCrop(image, 16, 16);
    const scaled = await describeImages(shownImages(source, view), {
      ...asked,
      descriptor: multiScaleDescriptor(backbone),
      batch: 1,
    });
    const { values } = scaled.features.get('trained')!;
    for (let row = 0; row < 7; row++) {
      const norm = Math.hypot(...values.subarray(row * 16, (row + 1) * 16));
      expect(norm).toBeCloseTo(1, 5);
    }
    const [plain, copies] = [featureDescriptor(backbone), copyDescriptor(backbone)];
    const both: FeatureRows[] = [];
    for (const descriptor of [plain, copies])
      both.push(
        (await describeImages(shownImages(source, view), { ...asked, descriptor })).features.get('trained')!,
      );
    expect(both[1]!.dim).toBe(32);
    both[0]!.values.subarray(0, 16).forEach((value, i) => {
      expect(both[1]!.values[i]).toBeCloseTo(value, 5); // the class token comes first
    });
    await expect(
      describeImages(shownImages(source, view, { indices: [] }), { ...asked, descriptor: plain }),
    ).rejects.toThrow('None of the 7 scenes can be read');
    const broken = { read: () => Promise.reject(new Error('The disk is gone.')), close: () => {} };
    await expect(extractFeatures({ ...source, open: () => broken }, { backbone, weights })).rejects.toThrow(
      'None of the 7 images of scenes can be read; the first: scene-0 cannot be read (The disk is gone).',
    );
    await backbone.dispose();
  });
});

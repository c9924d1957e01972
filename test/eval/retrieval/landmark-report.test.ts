import { describe, expect, it } from 'vitest';
import { scenesSource } from '../../../src/data/scenes-source.ts';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { landmarkReport, queryBox } from '../../../src/eval/retrieval/landmark-report.ts';
import { FrozenBackbone } from '../../../src/features/frozen-backbone.ts';
import { untrainedWeights } from '../../../src/features/network-weights.ts';
import type { Image } from '../../../src/image/image.ts';
import { tinyVit } from '../../model/tiny-networks.ts';

const config = { ...tinyVit, depth: 1 } as const;

describe('landmarks', () => {
  it('are found first when the query is the image itself, at each level, over scales and whitened', async () => {
    const backbone = new FrozenBackbone(config, 16, ortNode, { threads: 1 });
    const source = scenesSource({ count: 8, size: 40 });
    const names = Array.from({ length: 8 }, (_, i) => `scene-${i}`);
    const truth = {
      imlist: names.slice(0, 6),
      qimlist: ['scene-1', 'scene-4'],
      gnd: [
        { easy: [1], hard: [], junk: [0] },
        { easy: [], hard: [4], junk: [1, 2] },
      ],
    };
    const report = await landmarkReport({
      database: source,
      queries: source,
      truth,
      backbone,
      trained: untrainedWeights(config, 16, 1),
      untrained: untrainedWeights(config, 16, 2),
      engine: ortNode,
      size: 32,
      multiScale: true,
      whiten: source,
    });
    for (const name of ['trained', 'untrained', 'pixels'] as const) {
      for (const level of ['easy', 'medium', 'hard'] as const) {
        expect(report[name][level].map).toBe(1); // a query without positives at a level does not count
        expect(report[name][level].meanPrecisionAt[1]).toBe(1);
      }
    }
    expect(report).toMatchObject({ queries: 2, database: 6, whitening: { images: 8, dim: 8 } });
    const [first] = report.examples;
    expect(first).toMatchObject({ query: 1, averagePrecision: 1 });
    expect(first?.found[0]).toMatchObject({ image: 1, right: true });
    expect(first?.found.map(({ image }) => image)).not.toContain(0); // junk
    await backbone.dispose();
  });

  it('are cut out by their box, as much smaller as their whole image would be', () => {
    const data = Uint8Array.from({ length: 100 * 50 }, (_, i) => i % 251);
    const image: Image = { width: 100, height: 50, channels: 1, data };
    const half = queryBox(image, [20, 10, 60, 30], 50);
    expect([half.width, half.height]).toEqual([20, 10]);
    const exact = queryBox(image, [19.6, 9.9, 60.4, 30.2], 100);
    expect([exact.width, exact.height]).toEqual([40, 20]);
    expect(exact.data[0]).toBe(data[10 * 100 + 20]);
    const clipped = queryBox(image, [-5, -5, 300, 300], 100);
    expect(clipped.data).toEqual(data);
    expect(() => queryBox(image, [100, 0, 120, 50], 100)).toThrow('holds no pixel of an image of 100 x 50');
  });
});

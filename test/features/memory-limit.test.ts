import { describe, expect, it } from 'vitest';
import { scenesSource } from '../../src/data/scenes-source.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { dedupeReport } from '../../src/eval/copies/dedupe-report.ts';
import { extractFeatures } from '../../src/features/extract.ts';
import { checkMemory } from '../../src/features/memory-limit.ts';
import { stillNetwork } from '../eval/still-network.ts';

/** More images than any machine has the memory for the features of. */
const endless = { ...scenesSource({ count: 2, size: 16 }), length: 2 ** 45, name: 'endless' };

describe('memory for features', () => {
  it('is told with both sizes when it does not suffice', () => {
    expect(() => checkMemory(3 * 2 ** 30, 'The features', 2 ** 30)).toThrow(
      /The features need 3\.0 GiB of memory and 1\.0 GiB are free: .*dino embed/,
    );
    expect(() => checkMemory(2 ** 30, 'The features', 2 ** 30)).not.toThrow();
  });

  it('is asked for before a set is extracted or searched for duplicates', async () => {
    const { backbone, weights } = stillNetwork();
    await expect(
      extractFeatures(endless, { backbone, weights: new Map([['trained', weights]]) }),
    ).rejects.toThrow(/features of 35184372088832 images of endless need \d+\.\d GiB/);
    const jpeg = () => Promise.reject(new Error('not reached'));
    await expect(dedupeReport({ source: endless, backbone, weights, engine: ortNode, jpeg })).rejects.toThrow(
      /features of 35184372088832 images of endless need/,
    );
    await backbone.dispose();
  });
});

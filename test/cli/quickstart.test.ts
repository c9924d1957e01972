/** A short real training must learn something: a tenth of the quickstart, on a thread. */
import { expect, it } from 'vitest';
import { SCENES, sceneOptions } from '../../src/cli/quickstart-scenes.ts';
import { scenesSource } from '../../src/data/source.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { bestHeadJaccard, MASK_SHARE } from '../../src/eval/attention-masks.ts';
import { evalImages } from '../../src/eval/eval-images.ts';
import { FrozenBackbone, untrainedWeights, weightsUnder } from '../../src/eval/frozen-backbone.ts';
import { knnReport } from '../../src/eval/knn-report.ts';
import { renderScene } from '../../src/scenes/scene.ts';
import { backboneOf } from '../../src/train/build.ts';
import { evalSizeOf } from '../../src/train/config.ts';
import { follow, startRun } from '../train/tiny-run.ts';

it('250 steps tell the scenes apart better than pixels and their components, and heads find the objects', async () => {
  const source = scenesSource({ count: 2000, seed: SCENES.train.seed, size: SCENES.size });
  const options = { ...sceneOptions, steps: 250, evalEvery: 0, threads: 1, numWorkers: 1 };
  const session = await startRun(options, { source });
  await follow(session);
  const { config } = session.record;
  const [network, size] = [backboneOf(config), evalSizeOf(config)];
  const backbone = new FrozenBackbone(network, size, ortNode, { threads: 1 });
  const trained = weightsUnder(session.trainer.teacherWeights(), 'backbone.');
  const untrained = untrainedWeights(network, size, config.seed);
  const { top1 } = await accuracies();
  expect(top1.trained).toBeGreaterThan(top1.untrained + 10);
  expect(top1.trained).toBeGreaterThan(Math.max(top1.pixels, top1.pca) + 10);
  const [now, then] = [await overlap(trained), await overlap(untrained)];
  expect(now).toBeGreaterThan(then + 0.03);
  await backbone.dispose();

  async function accuracies() {
    const report = await knnReport({
      train: scenesSource({ count: 1000, seed: SCENES.bank.seed, size: SCENES.size }),
      test: scenesSource({ count: 300, seed: SCENES.test.seed, size: SCENES.size }),
      ...{ backbone, trained, untrained, ks: [20], temperature: 0.07, engine: ortNode },
    });
    const of = (name: 'trained' | 'untrained' | 'pixels' | 'pca'): number => report[name].top1[20] ?? 0;
    return {
      top1: { trained: of('trained'), untrained: of('untrained'), pixels: of('pixels'), pca: of('pca') },
    };
  }

  /** Jaccard index of the best head, the mean over scenes. */
  async function overlap(weights: typeof untrained): Promise<number> {
    const [count, seed, side] = [50, SCENES.test.seed, backbone.attentionSide];
    const scenes = scenesSource({ count, seed, size });
    const grid = { rows: side, columns: side, patch: backbone.patch };
    let sum = 0;
    for await (const { indices, pixels } of evalImages(scenes, { size, batch: count })) {
      const maps = await backbone.attention(weights, pixels);
      const each = maps.length / indices.length;
      for (const [i, index] of indices.entries()) {
        const object = { width: size, height: size, data: renderScene(seed, index, size).mask };
        sum += bestHeadJaccard(maps.subarray(i * each, (i + 1) * each), grid, object, MASK_SHARE);
      }
    }
    return sum / count;
  }
});

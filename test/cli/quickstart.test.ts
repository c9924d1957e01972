/** A short real training must learn something: a small part of the quickstart, on one thread. */
import { expect, it } from 'vitest';
import { SCENES, sceneOptions } from '../../src/cli/quickstart/quickstart-scenes.ts';
import { scenesSource } from '../../src/data/scenes-source.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { knnReport } from '../../src/eval/classify/knn-report.ts';
import { evalImages } from '../../src/features/eval-images.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { untrainedWeights, weightsUnder } from '../../src/features/network-weights.ts';
import { renderScene } from '../../src/scenes/scene.ts';
import { backboneOf } from '../../src/train/build.ts';
import { evalSizeOf } from '../../src/train/config.ts';
import { follow, startRun } from '../run/tiny-run.ts';

it('200 steps tell the scenes apart better than pixels and their components, and a head looks at the objects', async () => {
  const source = scenesSource({ count: 2000, seed: SCENES.train.seed, size: SCENES.size });
  const options = { ...sceneOptions, steps: 200, evalEvery: 0, threads: 1, numWorkers: 1 };
  const session = await startRun(options, { source });
  await follow(session);
  const { config } = session.record;
  const [network, size] = [backboneOf(config), evalSizeOf(config)];
  const backbone = new FrozenBackbone(network, size, ortNode, { threads: 1 });
  const trained = weightsUnder(await session.trainer.evaluatedWeights(), 'backbone.');
  const untrained = untrainedWeights(network, size, config.seed);
  const { top1 } = await accuracies();
  expect(top1.trained).toBeGreaterThan(top1.untrained + 10);
  expect(top1.trained).toBeGreaterThan(Math.max(top1.pixels, top1.pca) + 10);
  const [now, then] = [await onObjects(trained), await onObjects(untrained)];

  expect(now).toBeGreaterThan(then + 0.05);
  await backbone.dispose();

  async function accuracies() {
    const report = await knnReport({
      train: scenesSource({ count: 600, seed: SCENES.bank.seed, size: SCENES.size }),
      test: scenesSource({ count: 200, seed: SCENES.test.seed, size: SCENES.size }),
      ...{ backbone, trained, untrained, ks: [20], temperature: 0.07, engine: ortNode },
    });
    const of = (name: 'trained' | 'untrained' | 'pixels' | 'pca'): number => report[name].top1[20] ?? 0;
    return {
      top1: { trained: of('trained'), untrained: of('untrained'), pixels: of('pixels'), pca: of('pca') },
    };
  }

  /** The share of a head's attention that lies on objects, the mean over scenes, of the head where it is largest. */
  async function onObjects(weights: typeof untrained): Promise<number> {
    const [count, seed, side] = [50, SCENES.test.seed, backbone.attentionSide];
    const scenes = scenesSource({ count, seed, size });
    const shares = new Float64Array(backbone.heads);
    for await (const { indices, pixels } of evalImages(scenes, { size, batch: count })) {
      const maps = await backbone.attention(weights, pixels);
      const each = maps.length / indices.length;
      for (const [i, index] of indices.entries()) {
        const { mask } = renderScene(seed, index, size);
        for (let at = 0; at < each; at++) {
          const [row, column] = [Math.floor(at / side) % side, at % side];
          const pixel = (row + 0.5) * backbone.patch * size + (column + 0.5) * backbone.patch;
          if (mask[pixel] === 1) shares[Math.floor(at / side ** 2)]! += maps[i * each + at]! / count;
        }
      }
    }
    return Math.max(...shares);
  }
}, 600_000); // half a minute on two free cores, minutes on busy ones

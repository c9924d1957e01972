/** Features of a batch of images that are tensors already, by ViT-S/16. */
import { ortNode } from '../../src/engine/ort-node.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { plainWeights, vitSmall } from './plain-weights.ts';
import { serve } from './protocol.ts';
import { groupedRows } from './rows.ts';

await serve(async ({ batch = 32, threads = 2 }) => {
  const backbone = new FrozenBackbone(vitSmall, 224, ortNode, { threads: Number(threads) });
  const weights = plainWeights();
  const pixels = groupedRows(Number(batch) * 3 * 224, 224, 7);
  return async () => {
    const features = await backbone.features(weights, pixels);
    return { first: features[0] ?? Number.NaN, magnitude: features.reduce((sum, x) => sum + Math.abs(x), 0) };
  };
});

/** A ViT-S/16 whose weights both sides make alike, so that what they compute can be compared. */
import { untrainedWeights, type Weights } from '../../src/features/network-weights.ts';
import type { BackboneConfig } from '../../src/model/backbone.ts';
import { groupedRows } from './rows.ts';

export const vitSmall: BackboneConfig = {
  kind: 'vit',
  imageSize: 224,
  patchSize: 16,
  channels: 3,
  dim: 384,
  depth: 12,
  heads: 6,
  mlpRatio: 4,
};

/** Small numbers in the order of the names; 1 is added to the scales of norms. */
export function plainWeights(): Weights {
  const shapes = untrainedWeights(vitSmall, 224, 0);
  const names = [...shapes.keys()].sort();
  const total = names.reduce((sum, name) => sum + (shapes.get(name)?.length ?? 0), 0);
  const draws = groupedRows(total, 1, 1);
  let at = 0;
  return new Map(
    names.map((name) => {
      const size = shapes.get(name)?.length ?? 0;
      const scale = /norm\d?\.weight$/.test(name) ? 1 : 0;
      const values = draws.slice(at, at + size).map((x) => 0.06 * x + scale);
      at += size;
      return [name, values];
    }),
  );
}

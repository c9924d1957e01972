/** Fixture attention: maps, masks and Jaccard indices of visualize_attention. */
import { z } from 'zod';
import {
  classTokenMaps,
  enlargeMap,
  enlargeMask,
  meanHead,
  patchView,
} from '../src/eval/attention/attention-maps.ts';
import {
  attentionMask,
  attentionMasks,
  bestHeadJaccard,
  jaccard,
  jaccardTable,
  objectScores,
} from '../src/eval/attention/attention-masks.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { masksOf, pixelsOf } from './masks.ts';

const schema = z.object({
  cases: z.array(
    z.object({
      heads: z.number(),
      patch_size: z.number(),
      image_size: z.array(z.number()),
      threshold: z.number(),
      grid: z.array(z.number()),
    }),
  ),
  results: z.object({
    jaccard: z.array(
      z.object({
        best_head: z.array(z.number()),
        best: z.array(z.number()),
        mean_of_best: z.number(),
        mean_over_heads_and_objects: z.number(),
        mean_of_mean_head: z.number(),
      }),
    ),
  }),
});

/** What the fixtures promise of plain arithmetic, relative to the largest value. */
const TOLERANCE = 1e-5;

export function attention(fixture: Fixture, comparison: Comparison): void {
  const config = fixture.config(schema);
  for (const [
    i,
    { heads, patch_size: patch, image_size, threshold, grid: wantedGrid },
  ] of config.cases.entries()) {
    const at = `case ${i}`;
    const name = (tensor: string): string => `case/${i}/${tensor}`;
    const view = patchView(fixture.image(name('image')), image_size, patch);
    const { grid } = view;
    comparison.identical('grid', at, [grid.rows, grid.columns], wantedGrid);
    comparison.tensor('network input', at, view.pixels, fixture.floats(name('network_input')), TOLERANCE);

    const tokens = fixture.floats(name('attention'));
    const maps = classTokenMaps(tokens, heads);
    const patches = maps.length / heads;
    const enlarged = Array.from({ length: heads }, (_, h) =>
      enlargeMap(maps.subarray(h * patches, (h + 1) * patches), grid),
    );
    comparison.tensor('maps', at, joined(enlarged), fixture.floats(name('maps')), TOLERANCE);

    const masks = attentionMasks(maps, heads, threshold);
    comparison.identical('patch masks', at, masks, fixture.numbers(name('patch_masks')));
    const pixelMasks = Array.from({ length: heads }, (_, h) =>
      enlargeMask(masks.subarray(h * patches, (h + 1) * patches), grid),
    );
    comparison.identical('masks', at, pixelsOf(pixelMasks), fixture.numbers(name('masks')));

    const meanMap = classTokenMaps(meanHead(tokens, heads), 1);
    const wantedMean = fixture.floats(name('mean_head_map'));
    comparison.tensor('mean head map', at, enlargeMap(meanMap, grid), wantedMean, TOLERANCE);
    const meanMask = attentionMask(meanMap, threshold);
    const meanPixels = enlargeMask(meanMask, grid).data;
    comparison.identical('mean head mask', at, meanPixels, fixture.numbers(name('mean_head_mask')));

    const objects = masksOf(fixture, name('objects'));
    const table = jaccardTable(masks, heads, grid, objects);
    const wanted = fixture.numbers(name('jaccard'));
    comparison.exact('jaccard', at, table, wanted);
    const byPixel = objects.flatMap((object) => pixelMasks.map((mask) => jaccard(mask, object)));
    comparison.exact('jaccard by pixel', at, byPixel, wanted);
    const meanTable = jaccardTable(meanMask, 1, grid, objects);
    comparison.exact('jaccard of the mean head', at, meanTable, fixture.numbers(name('jaccard_mean_head')));

    const results = config.results.jaccard[i];
    const scores = objectScores(table, heads);
    comparison.identical('best head', at, scores.bestHeads, results?.best_head ?? []);
    comparison.exact('jaccard of the best head', at, scores.best, results?.best ?? []);
    const best = objects.map((object) => bestHeadJaccard(maps, grid, object, threshold));
    comparison.exact('jaccard of the best head', at, best, results?.best ?? []);
    comparison.exact(
      'mean jaccard',
      at,
      [scores.meanOfBest, scores.mean, objectScores(meanTable, 1).mean],
      [
        results?.mean_of_best ?? Number.NaN,
        results?.mean_over_heads_and_objects ?? Number.NaN,
        results?.mean_of_mean_head ?? Number.NaN,
      ],
    );
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => Array.from(part)));
}

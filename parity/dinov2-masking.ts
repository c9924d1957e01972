/** dinov2_masking: masks from given draws, the masks of a batch, and what many masks of our own look like. */
import { z } from 'zod';
import { input } from '../src/graph/index.ts';
import { blockMask, hiddenList, inOrder, maskRequests, mostHidden } from '../src/method/block-masks.ts';
import { hiddenPatches } from '../src/method/hidden-patches.ts';
import { Random } from '../src/random/random.ts';
import type { Comparison } from './comparison.ts';
import { type Fixture, FixtureError } from './fixture.ts';
import { run } from './network.ts';

/** Standard errors that our samples may be off. */
const SIGMAS = 5;

export async function dinov2Masking(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(
    z.object({
      samples: z.number(),
      collate: z.object({
        batch: z.number(),
        tokens: z.number(),
        grid: z.number(),
        mask_ratio: z.tuple([z.number(), z.number()]),
        mask_probability: z.number(),
      }),
    }),
  );
  replay(fixture, comparison);
  await collate(fixture, comparison, config.collate);
  statistics(fixture, comparison, config.samples);
}

/** Numbers that were drawn before, in order. */
function given(values: ArrayLike<number>): {
  draws: Record<'uniform' | 'integer', () => number>;
  used(): number;
} {
  let at = 0;
  const next = (): number => values[at++] ?? Number.NaN;
  return { draws: { uniform: next, integer: next }, used: () => at };
}

function replay(fixture: Fixture, comparison: Comparison): void {
  const [draws, requests] = [fixture.numbers('replay_draws'), fixture.numbers('replay_requests')];
  const [count = 0, rows = 0, columns = 0] = fixture.shape('replay_masks');
  const masks = fixture.numbers('replay_masks');
  let at = 0;
  for (let i = 0; i < count; i++) {
    const [wanted = 0, number = 0] = requests.subarray(2 * i, 2 * i + 2);
    const { draws: drawn, used } = given(draws.subarray(at, at + number));
    const mask = blockMask(drawn, { rows, columns }, wanted);
    const size = rows * columns;
    comparison.identical('masks from given draws', `${i}`, mask, masks.subarray(i * size, (i + 1) * size));
    comparison.identical('numbers drawn', `${i}`, [used()], [number]);
    at += number;
  }
  const [height = 0, width = 0] = fixture.shape('empty');
  const empty = blockMask(given([]).draws, { rows: height, columns: width }, 0);
  comparison.identical('an empty mask', 'empty', empty, fixture.numbers('empty'));
}

/** The stored masks in their order before the shuffle take the place of drawn ones. */
async function collate(
  fixture: Fixture,
  comparison: Comparison,
  config: { batch: number; tokens: number; mask_ratio: readonly [number, number]; mask_probability: number },
): Promise<void> {
  const { batch, tokens } = config;
  const views = 2 * batch;
  const shares = { probability: config.mask_probability, ratio: config.mask_ratio };
  const requests = maskRequests(given(fixture.numbers('collate_u')).draws, views, tokens, shares);
  comparison.identical('patches asked for', 'collate', requests, fixture.numbers('collate_requests'));
  const bound = mostHidden(views, tokens, shares);
  comparison.identical('upper bound', 'collate', [bound], [fixture.scalar('collate_upperbound')]);
  const [order, stored] = [fixture.numbers('collate_order'), fixture.numbers('collate_masks')];
  const before: Uint8Array[] = [];
  for (const [i, from] of order.entries())
    before[from] = Uint8Array.from(stored.subarray(i * tokens, (i + 1) * tokens));
  const counts = before.map((mask) => mask.reduce((sum, hidden) => sum + hidden, 0));
  comparison.identical(
    'no more than asked for',
    'collate',
    counts.map((count, i) => count <= (requests[i] ?? 0)),
    counts.map(() => true),
  );
  const masks = inOrder(before, order);
  comparison.identical('masks in order', 'collate', masks, stored);
  const wanted = fixture.numbers('collate_mask_indices');
  const list = hiddenList(masks, bound);
  const hidden = fixture.scalar('collate_n_masked_patches');
  if (hidden > bound) throw new FixtureError(`${fixture.name}: more patches are hidden than the bound.`);
  comparison.identical('hidden patches', 'collate', Array.from(list.subarray(0, hidden), Number), wanted);
  comparison.identical(
    'filling',
    'collate',
    Array.from(list.subarray(hidden), Number),
    new Array<number>(bound - hidden).fill(views * tokens),
  );
  const { weights } = hiddenPatches(input('list', [bound], 'i64'), views, tokens);
  const got = await run({ weights }, new Map([['list', list]]));
  comparison.identical('weights', 'collate', got.weights ?? [], [
    ...fixture.floats('collate_masks_weight'),
    ...new Array<number>(bound - hidden).fill(0),
  ]);
}

/** Rows of `statistics`: h, w, n, mean count, deviation, min, max, share with exactly n, neighbors that agree across and down. */
function statistics(fixture: Fixture, comparison: Comparison, samples: number): void {
  const table = fixture.numbers('statistics');
  const columns = fixture.dim('statistics', 1);
  const note = (quantity: string, at: string, off: number, error: number): void =>
    comparison.note(quantity, at, 'standard errors', off / Math.max(error, 1e-9), SIGMAS);
  for (let row = 0; row < table.length / columns; row++) {
    const [h = 0, w = 0, n = 0, mean = 0, deviation = 0, min = 0, max = 0, exact = 0, across = 0, down = 0] =
      table.subarray(row * columns, (row + 1) * columns);
    const at = `${h}x${w}/${n}`;
    const ours = summary(h, w, n, samples, row);
    const both = Math.sqrt(2 / samples);
    note('our counts', at, Math.abs(ours.mean - mean), deviation * both);
    note('our deviations', at, Math.abs(ours.deviation - deviation), (deviation + 0.05) * both * 3);
    note('exact counts', at, Math.abs(ours.exact - exact), Math.sqrt(exact * (1 - exact) + 0.01) * both);
    comparison.identical('counts in range', at, [ours.max <= n, max <= n, min >= 0], [true, true, true]);
    note('agreement across', at, Math.abs(ours.across - across), 0.25 * both);
    note('agreement down', at, Math.abs(ours.down - down), 0.25 * both);
    const wanted = fixture.numbers(`frequency/${at}`);
    for (let i = 0; i < wanted.length; i++) {
      const p = wanted[i] ?? 0;
      note(
        'places',
        `${at} ${i}`,
        Math.abs((ours.places[i] ?? 0) - p),
        Math.sqrt(p * (1 - p) + 0.001) * both,
      );
    }
  }
}

function summary(h: number, w: number, n: number, samples: number, seed: number) {
  const random = new Random(seed, 'masks');
  const places = new Float64Array(h * w);
  const totals = { sum: 0, squares: 0, exact: 0, max: 0, across: 0, down: 0 };
  for (let s = 0; s < samples; s++) {
    const mask = blockMask(random, { rows: h, columns: w }, n);
    const count = mask.reduce((sum, hidden) => sum + hidden, 0);
    totals.sum += count;
    totals.squares += count ** 2;
    totals.exact += count === n ? 1 : 0;
    totals.max = Math.max(totals.max, count);
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) {
        const here = mask[y * w + x];
        places[y * w + x]! += here ?? 0;
        if (x + 1 < w && mask[y * w + x + 1] === here) totals.across++;
        if (y + 1 < h && mask[(y + 1) * w + x] === here) totals.down++;
      }
  }
  const mean = totals.sum / samples;
  return {
    mean,
    deviation: Math.sqrt(Math.max(totals.squares / samples - mean ** 2, 0)),
    exact: totals.exact / samples,
    max: totals.max,
    across: totals.across / (samples * h * (w - 1)),
    down: totals.down / (samples * (h - 1) * w),
    places: places.map((value) => value / samples),
  };
}

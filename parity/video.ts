/** Fixture video: label propagation through a video, and the J and F of its masks. */
import { z } from 'zod';
import { ortNode } from '../src/engine/ort-node.ts';
import { objectMeasures, type SequenceStatistics, videoScores } from '../src/eval/video/davis-measures.ts';
import {
  type FrameTokens,
  type PropagatedFrame,
  propagateLabels,
} from '../src/eval/video/label-propagation.ts';
import type { SparseAffinity } from '../src/eval/video/nearest-patches.ts';
import { scaledChannel } from '../src/eval/video/soft-masks.ts';
import { normalizePlanes, videoFrameSize } from '../src/eval/video/video-frames.ts';
import type { Comparison } from './comparison.ts';
import { type Fixture, FixtureError } from './fixture.ts';
import { masksOf, pixelsOf } from './masks.ts';

const statistics = z.array(z.array(z.number()));
const schema = z.object({
  cases: z.array(
    z.object({
      patch_size: z.number(),
      grid: z.tuple([z.number(), z.number()]),
      original_size: z.tuple([z.number(), z.number()]),
      frames: z.number(),
      objects: z.number(),
      n_last_frames: z.number(),
      size_mask_neighborhood: z.number(),
      topk: z.number(),
      temperature: z.number(),
    }),
  ),
  sizes: z.array(z.tuple([z.number(), z.number()])),
  mean: z.array(z.number()),
  std: z.array(z.number()),
  results: z.object({
    resized_to: z.array(z.array(z.number())),
    scores: z.array(
      z.object({
        J_mean: z.number(),
        F_mean: z.number(),
        JF_mean: z.number(),
        J_per_object_mean_recall_decay: statistics,
        F_per_object_mean_recall_decay: statistics,
      }),
    ),
  }),
});

type Case = z.infer<typeof schema>['cases'][number];

/** What the fixtures promise of plain arithmetic, relative to the largest value. */
const TOLERANCE = 1e-5;

export async function video(fixture: Fixture, comparison: Comparison): Promise<void> {
  const { cases, sizes, mean, std, results } = fixture.config(schema);
  const normalized = normalizePlanes(fixture.floats('preprocess/rgb'), { mean, std });
  const wanted = fixture.floats('preprocess/normalized');
  comparison.tensor('normalized frame', 'preprocess', normalized, wanted, TOLERANCE);
  const resized = sizes.map(([height, width]) => videoFrameSize(height, width));
  comparison.identical(
    'size of a frame',
    'preprocess',
    resized.flatMap(({ height, width }) => [height, width]),
    results.resized_to.flat(),
  );
  for (const [i, settings] of cases.entries()) {
    const name = (tensor: string): string => `case/${i}/${tensor}`;
    const frames = await segment(fixture, name, settings);
    compareMasks(comparison, fixture, i, settings, frames);
    compareScores(comparison, fixture, i, settings, frames, results.scores[i]);
  }
}

async function segment(
  fixture: Fixture,
  name: (tensor: string) => string,
  settings: Case,
): Promise<PropagatedFrame[]> {
  const {
    grid: [rows, columns],
    frames,
  } = settings;
  const [count, tokens = 0, dim = 0] = fixture.shape(name('tokens'));
  if (count !== frames || tokens !== 1 + rows * columns) {
    throw new FixtureError(
      `${name('tokens')} is not ${frames} frames of ${rows} x ${columns} patches and a class token.`,
    );
  }
  const values = fixture.floats(name('tokens'));
  const given = Array.from(
    { length: frames },
    (_, t): FrameTokens => ({
      rows,
      columns,
      dim,
      tokens: values.subarray((t * tokens + 1) * dim, (t + 1) * tokens * dim), // without the class token
    }),
  );
  const [firstMask] = masksOf(fixture, name('masks'));
  if (firstMask === undefined) throw new FixtureError(`${name('masks')} is empty.`);
  const found: PropagatedFrame[] = [];
  for await (const frame of propagateLabels(ortNode, given, firstMask, {
    patchSize: settings.patch_size,
    lastFrames: settings.n_last_frames,
    neighborhood: settings.size_mask_neighborhood,
    topk: settings.topk,
    temperature: settings.temperature,
  })) {
    found.push(frame);
  }
  return found;
}

function compareMasks(
  comparison: Comparison,
  fixture: Fixture,
  i: number,
  { grid: [rows, columns], patch_size, original_size }: Case,
  frames: readonly PropagatedFrame[],
): void {
  const at = `case ${i}`;
  const name = (tensor: string): string => `case/${i}/${tensor}`;
  const [first, ...rest] = frames;
  const firstSoft = first?.soft.values ?? [];
  comparison.identical('first segmentation', at, firstSoft, fixture.numbers(name('first_segmentation')));
  const propagated = rest.flatMap(({ soft }) => Array.from(soft.values));
  comparison.tensor('propagated', at, propagated, fixture.floats(name('propagated')), TOLERANCE);
  if (fixture.has(name('normalized_upsampled'))) {
    const maps = rest.flatMap(({ soft }) =>
      Array.from({ length: soft.channels }, (_, c) => Array.from(scaledChannel(soft, c, patch_size))).flat(),
    );
    const wanted = fixture.floats(name('normalized_upsampled'));
    comparison.tensor('normalized and upsampled', at, maps, wanted, TOLERANCE);
  }
  if (fixture.has(name('affinity_frame2'))) {
    const wanted = fixture.floats(name('affinity_frame2'));
    const affinity = frames[2]?.affinity;
    const got = affinity === undefined ? [] : dense(affinity, 2 * rows * columns);
    comparison.tensor('affinity', at, got, wanted, TOLERANCE);
  }
  const masks = frames.map(({ mask }) => mask);
  const size = masks.flatMap(({ height, width }) => [height, width]);
  comparison.identical(
    'size of the masks',
    at,
    size,
    masks.flatMap(() => original_size),
  );
  comparison.identical('segmentation', at, pixelsOf(masks), fixture.numbers(name('segmentation')));
}

/** [sources, targets] */
function dense({ starts, ends, sources, weights }: SparseAffinity, sourcePatches: number): Float32Array {
  const targets = starts.length;
  const matrix = new Float32Array(sourcePatches * targets);
  for (let target = 0; target < targets; target++) {
    for (let i = starts[target]!; i < ends[target]!; i++)
      matrix[sources[i]! * targets + target] = weights[i]!;
  }
  return matrix;
}

function compareScores(
  comparison: Comparison,
  fixture: Fixture,
  i: number,
  { objects }: Case,
  frames: readonly PropagatedFrame[],
  wanted: z.infer<typeof schema>['results']['scores'][number] | undefined,
): void {
  const at = `case ${i}`;
  const truth = masksOf(fixture, `case/${i}/masks`);
  const measures = objectMeasures(
    truth,
    frames.map(({ mask }) => mask),
    objects,
  );
  comparison.exact('J', at, measures.j, fixture.numbers(`case/${i}/J`));
  comparison.exact('F', at, measures.f, fixture.numbers(`case/${i}/F`));
  const scores = videoScores(measures);
  const flat = (rows: readonly SequenceStatistics[]): number[] =>
    rows.flatMap(({ mean, recall, decay }) => [mean, recall, decay]);
  const wantedJ = wanted?.J_per_object_mean_recall_decay ?? [];
  const wantedF = wanted?.F_per_object_mean_recall_decay ?? [];
  comparison.exact('statistics of J', at, flat(scores.j), wantedJ.flat());
  comparison.exact('statistics of F', at, flat(scores.f), wantedF.flat());
  comparison.exact(
    'means of J, F and both',
    at,
    [scores.jMean, scores.fMean, scores.jAndF],
    wanted === undefined ? [] : [wanted.J_mean, wanted.F_mean, wanted.JF_mean],
  );
}

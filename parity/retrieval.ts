/** Fixtures retrieval and multiscale: rankings, average precision, precision at k; features over scales. */
import { z } from 'zod';
import { ortNode } from '../src/engine/ort-node.ts';
import {
  type QueryTruth,
  type RetrievalLevel,
  rankDatabase,
  retrievalScores,
  truthAtLevel,
} from '../src/eval/retrieval/retrieval.ts';
import { combineScales, type ImageBatch, multiScale } from '../src/features/multi-scale.ts';
import type { FeatureRows } from '../src/rows/feature-rows.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';

const indices = z.array(z.number());
const retrievalSchema = z.object({
  n_database: z.number(),
  n_queries: z.number(),
  gnd: z.array(z.object({ easy: indices, hard: indices, junk: indices })),
  kappas: z.array(z.number()),
  ranking_cases: z.array(
    z.object({
      ranking: z.string(),
      gnd: z.array(z.object({ ok: indices, junk: indices.optional() })),
      kappas: z.array(z.number()),
    }),
  ),
});

/** What the fixtures promise of plain arithmetic, relative to the largest value. */
const TOLERANCE = 1e-5;
const levels: readonly RetrievalLevel[] = ['easy', 'medium', 'hard'];

export async function retrieval(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(retrievalSchema);
  for (const run of ['single', 'multi'] as const) {
    const [database, queries] = imageFeatures(fixture, run, config.n_database);
    const extracted = { train: database, query: queries };
    for (const [part, { values }] of Object.entries(extracted)) {
      const wanted = fixture.numbers(`${run}/${part}_extracted`);
      comparison.tensor('extracted features', `${run}, ${part}`, values, wanted, TOLERANCE);
    }
    const ranking = await rankDatabase(ortNode, database, queries);
    comparison.identical(
      'sizes',
      run,
      [ranking.queries, ranking.database],
      [config.n_queries, config.n_database],
    );
    const similarities = byQuery(fixture, `${run}/similarity`);
    comparison.tensor('similarity', run, ranking.similarities, similarities, TOLERANCE);
    comparison.identical('ranks', run, ranking.ranks, Int32Array.from(byQuery(fixture, `${run}/ranks`)));
    for (const level of levels) {
      const truth = config.gnd.map((query) => truthAtLevel(query, level));
      compareScores(fixture, comparison, `${run}/${level}`, ranking.ranks, truth, config.kappas);
    }
  }
  for (const { ranking, gnd, kappas } of config.ranking_cases) {
    const truth = gnd.map(({ ok, junk }): QueryTruth => ({ positives: ok, ...(junk && { junk }) }));
    const ranks = Int32Array.from(byQuery(fixture, ranking));
    compareScores(fixture, comparison, ranking, ranks, truth, kappas);
  }
}

/** Features of the database and of the queries: of scale 0, or of all scales. */
function imageFeatures(
  fixture: Fixture,
  run: 'single' | 'multi',
  nDatabase: number,
): [FeatureRows, FeatureRows] {
  const all = fixture.floats('features');
  const [scales, dim] = [fixture.dim('features', 1), fixture.dim('features', 2)];
  const images = all.length / (scales * dim);
  const values = new Float32Array(images * dim);
  for (let image = 0; image < images; image++) {
    const of = (scale: number): Float32Array => {
      const start = (image * scales + scale) * dim;
      return all.subarray(start, start + dim);
    };
    const feature = run === 'single' ? of(0) : combineScales(Array.from({ length: scales }, (_, s) => of(s)));
    values.set(feature, image * dim);
  }
  const cut = nDatabase * dim;
  return [
    { values: values.subarray(0, cut), dim },
    { values: values.subarray(cut), dim },
  ];
}

/** `[place, query]` as `[query, place]`. */
function byQuery(fixture: Fixture, name: string): Float64Array {
  const values = fixture.numbers(name);
  const [places, queries] = [fixture.dim(name, 0), fixture.dim(name, 1)];
  return Float64Array.from(values, (_, i) => values[(i % places) * queries + Math.floor(i / places)]!);
}

function compareScores(
  fixture: Fixture,
  comparison: Comparison,
  prefix: string,
  ranks: Int32Array,
  truth: readonly QueryTruth[],
  kappas: readonly number[],
): void {
  const scores = retrievalScores(ranks, truth, kappas);
  const quantities = {
    map: [scores.map],
    ap: scores.averagePrecision,
    mean_precision_at: scores.meanPrecisionAt,
    precision_at: scores.precisionAt,
  };
  for (const [name, got] of Object.entries(quantities)) {
    const wanted = fixture.numbers(`${prefix}/${name}`);
    // NaN is what a query without positives has.
    comparison.identical(
      `${name}: undefined`,
      prefix,
      Array.from(got, Number.isNaN),
      Array.from(wanted, Number.isNaN),
    );
    comparison.tensor(name, prefix, defined(got), defined(wanted), TOLERANCE);
  }
}

function defined(values: ArrayLike<number>): number[] {
  return Array.from(values).filter((value) => !Number.isNaN(value));
}

const multiscaleSchema = z.object({
  cases: z.array(z.object({ batch: z.number(), height: z.number(), width: z.number(), dim: z.number() })),
  scales: z.array(z.number()),
  results: z.object({ sizes: z.array(z.array(z.array(z.number()))) }),
});

export async function multiscale(fixture: Fixture, comparison: Comparison): Promise<void> {
  const { cases, scales, results } = fixture.config(multiscaleSchema);
  for (const [i, { batch, height, width, dim }] of cases.entries()) {
    const at = `case ${i}`;
    const features = fixture.floats(`case/${i}/features`);
    const channels = fixture.dim(`case/${i}/samples`, 1);
    const samples = { values: fixture.floats(`case/${i}/samples`), batch, channels, height, width };
    const given: ImageBatch[] = [];
    const output = await multiScale(
      samples,
      async (images) => {
        const start = given.push(images) - 1;
        return features.subarray(start * batch * dim, (start + 1) * batch * dim);
      },
      scales,
    );
    comparison.tensor('output', at, output, fixture.numbers(`case/${i}/output`), TOLERANCE);
    const sizes = given.flatMap((images) => [images.height, images.width]);
    comparison.identical('sizes', at, sizes, results.sizes[i]?.flat() ?? []);
    for (const [scale, { values }] of given.entries()) {
      const name = scales[scale] === 1 ? `case/${i}/samples` : `case/${i}/resized/${scale}`;
      comparison.tensor('resized', `${at}, scale ${scale}`, values, fixture.numbers(name), TOLERANCE);
    }
  }
}

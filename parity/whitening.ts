/** Fixtures pca and copies: whitening, descriptors, copy detection. Signs of components are free: products are compared. */
import { z } from 'zod';
import { ortNode } from '../src/engine/ort-node.ts';
import { copyAveragePrecision, copydaysPositives, rankCopies } from '../src/eval/copies/copies.ts';
import { rankDatabase } from '../src/eval/retrieval/retrieval.ts';
import { clsGemDescriptors } from '../src/features/cls-gem.ts';
import { type FeatureRows, l2NormalizedRows } from '../src/rows/feature-rows.ts';
import { secondMoment } from '../src/rows/second-moment.ts';
import { learnWhitening, type Whitening, whiten, whiteningOf } from '../src/rows/whitening.ts';
import { ALLOWANCE, type Comparison, UNMEASURED } from './comparison.ts';
import type { Fixture, Numbers } from './fixture.ts';

/** What the fixtures promise of plain arithmetic, relative to the largest value. */
const TOLERANCE = 1e-5;

const pcaSchema = z.object({
  cases: z.array(z.object({ dim: z.number(), whit: z.number() })),
  results: z.object({
    eigenvalues: z.array(z.array(z.number())),
    clamped: z.array(z.number()),
    gram_float32_error: z.array(z.number()),
  }),
});

export async function pca(fixture: Fixture, comparison: Comparison): Promise<void> {
  const { cases, results } = fixture.config(pcaSchema);
  for (const [i, { dim, whit: exponent }] of cases.entries()) {
    const at = `case ${i}`;
    const [features, queries] = [rows(fixture, `case/${i}/features`), rows(fixture, `case/${i}/queries`)];
    const covariance = await secondMoment(ortNode, features, new Float32Array(features.dim));
    comparison.tensor('covariance', at, covariance, fixture.numbers(`case/${i}/covariance`), TOLERANCE);
    const whitening = whiteningOf(covariance, features.dim, { dim, exponent });
    comparison.tensor('eigenvalues', at, whitening.eigenvalues, results.eigenvalues[i] ?? [], TOLERANCE);
    comparison.identical('raised to the floor', at, [whitening.raised], [results.clamped[i]]);
    const metric = metricOf(fixture.numbers(`case/${i}/dvt`), features.dim);
    const own = metricOf(whitening.projection, features.dim);
    comparison.tensor('dvt, as a metric', at, own, metric, metricTolerance(whitening));
    const applied = await whiten(ortNode, { ...whitening, mean: new Float32Array(features.dim) }, queries);
    const tolerance = ALLOWANCE * (results.gram_float32_error[i] ?? 0);
    const gram = gramOf(applied.values, applied.dim);
    for (const name of ['gram', 'gram64'])
      comparison.tensor(name, at, gram, fixture.numbers(`case/${i}/${name}`), tolerance);
    const wanted = gramOf(fixture.numbers(`case/${i}/applied`), fixture.dim(`case/${i}/applied`, 1));
    comparison.tensor('applied, as inner products', at, gram, wanted, tolerance);
  }
}

/** A float32 covariance knows an eigenvalue only to the last place of its largest; below 1e-5 of that none is used. */
function metricTolerance({ eigenvalues, dim }: Whitening): number {
  const [largest = 0, smallest = 0] = [eigenvalues[0], eigenvalues[dim - 1]];
  return Math.max(UNMEASURED, (2 ** -24 * largest) / Math.max(smallest, 1e-5 * largest));
}

const copiesSchema = z.object({
  dim: z.number(),
  blocks: z.array(z.string()),
  block_sizes: z.array(z.number()),
  n_distractors: z.number(),
  n_whitening: z.number(),
  file_names: z.array(z.array(z.string())),
  topk: z.number(),
  whit: z.number(),
  strong_group: z.array(z.number()),
  results: z.object({
    similarity_float32_error: z.number(),
    covariance_eigenvalues: z.array(z.number()),
  }),
});
type CopiesConfig = z.infer<typeof copiesSchema>;

/** Descriptors of the queries and of the database. */
interface Descriptors {
  readonly queries: FeatureRows;
  readonly database: FeatureRows;
}

export async function copies(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(copiesSchema);
  const all = clsGemDescriptors(fixture.floats('tokens'), fixture.dim('tokens', 1), config.dim);
  const nQueries = config.block_sizes.reduce((a, b) => a + b, 0);
  const nOriginals = config.block_sizes[config.blocks.indexOf('original')] ?? 0;
  const firstOriginal = startOf(config, 'original');
  const nDatabase = nQueries + config.n_distractors;
  const plain: Descriptors = {
    queries: cut(all, 0, nQueries),
    database: joined(cut(all, firstOriginal, firstOriginal + nOriginals), cut(all, nQueries, nDatabase)),
  };
  const others = cut(all, nDatabase, nDatabase + config.n_whitening);
  for (const [name, { values }] of Object.entries({ ...plain, whitening: others })) {
    comparison.tensor('descriptors', name, values, fixture.numbers(`features/${name}`), TOLERANCE);
  }
  await compareCopies(fixture, comparison, config, 'plain', plain);
  const whitening = await learnWhitening(ortNode, others, { exponent: config.whit });
  comparison.tensor('mean', 'whitening', whitening.mean, fixture.numbers('whitened/mean'), TOLERANCE);
  const covariance = fixture.numbers('whitened/covariance');
  comparison.tensor('covariance', 'whitening', whitening.covariance, covariance, TOLERANCE);
  const rising = whitening.eigenvalues.toReversed();
  comparison.tensor('eigenvalues', 'whitening', rising, config.results.covariance_eigenvalues, TOLERANCE);
  const metric = metricOf(whitening.projection, all.dim);
  const wantedMetrics = {
    dvt: metricOf(fixture.numbers('whitened/dvt'), all.dim),
    metric: fixture.numbers('whitened/metric'),
    metric64: fixture.numbers('whitened/metric64'),
  };
  for (const [name, wanted] of Object.entries(wantedMetrics))
    comparison.tensor('metric', name, metric, wanted, metricTolerance(whitening));
  await compareCopies(fixture, comparison, config, 'whitened', {
    queries: await whiten(ortNode, whitening, plain.queries),
    database: await whiten(ortNode, whitening, plain.database),
  });
}

async function compareCopies(
  fixture: Fixture,
  comparison: Comparison,
  config: CopiesConfig,
  run: 'plain' | 'whitened',
  { queries, database }: Descriptors,
): Promise<void> {
  const tolerance = run === 'plain' ? TOLERANCE : ALLOWANCE * config.results.similarity_float32_error;
  for (const [name, rows] of Object.entries({ queries, database })) {
    const wanted = fixture.numbers(`${run}/${name}`);
    const { values, dim } = l2NormalizedRows(rows);
    if (run === 'plain') comparison.tensor('normalized descriptors', name, values, wanted, tolerance);
    const products = gramOf(wanted, dim);
    comparison.tensor(`${run}: inner products`, name, gramOf(values, dim), products, tolerance);
  }
  const { similarities } = await rankDatabase(ortNode, database, queries);
  for (const name of ['similarity', 'similarity64'].filter((one) => fixture.has(`${run}/${one}`)))
    comparison.tensor(`${run}: ${name}`, 'all', similarities, fixture.numbers(`${run}/${name}`), tolerance);
  const found = await rankCopies(ortNode, database, queries, config.topk);
  const distances = fixture.numbers(`${run}/distances`);
  comparison.tensor(`${run}: distances`, 'all', found.similarities, distances, tolerance);
  const indices = Int32Array.from(fixture.numbers(`${run}/indices`));
  comparison.identical(`${run}: indices`, 'all', found.rows, indices);
  const names = config.file_names;
  const originals = names[config.blocks.indexOf('original')] ?? [];
  const positives = config.blocks.flatMap((name, i) =>
    copydaysPositives({ name, files: names[i] ?? [] }, originals),
  );
  const counts = Int32Array.from(positives, (list) => list.length);
  comparison.identical(
    `${run}: positives`,
    'all',
    counts,
    Int32Array.from(fixture.numbers(`${run}/positives`)),
  );
  const strong = positives.slice(
    startOf(config, 'strong'),
    startOf(config, 'strong') + config.strong_group.length,
  );
  const agreed = strong.map((list, i) => list.includes(config.strong_group[i] ?? -1));
  comparison.identical(
    'groups of the strong block',
    run,
    agreed,
    config.strong_group.map(() => true),
  );
  const precisions = copyAveragePrecision(found, positives);
  comparison.tensor(`${run}: ap`, 'all', precisions, fixture.numbers(`${run}/ap`), TOLERANCE);
}

/** The row with which a block of queries starts; where there is no such block, the row after the last. */
function startOf({ blocks, block_sizes }: CopiesConfig, name: string): number {
  const index = blocks.indexOf(name);
  return block_sizes.slice(0, index < 0 ? undefined : index).reduce((a, b) => a + b, 0);
}

function rows(fixture: Fixture, name: string): FeatureRows {
  return { values: fixture.floats(name), dim: fixture.dim(name, 1) };
}

function cut({ values, dim }: FeatureRows, start: number, stop: number): FeatureRows {
  return { values: values.subarray(start * dim, stop * dim), dim };
}

function joined(a: FeatureRows, b: FeatureRows): FeatureRows {
  const values = new Float32Array(a.values.length + b.values.length);
  values.set(a.values);
  values.set(b.values, a.values.length);
  return { values, dim: a.dim };
}

/** X X' of rows of width `dim`. */
function gramOf(values: Numbers, dim: number): Float64Array {
  const count = values.length / dim;
  const gram = new Float64Array(count * count);
  for (let a = 0; a < count; a++)
    for (let b = 0; b < count; b++)
      for (let d = 0; d < dim; d++) gram[a * count + b]! += values[a * dim + d]! * values[b * dim + d]!;
  return gram;
}

/** X' X of rows of width `dim`. */
function metricOf(values: Numbers, dim: number): Float64Array {
  const metric = new Float64Array(dim * dim);
  for (let start = 0; start < values.length; start += dim)
    for (let a = 0; a < dim; a++)
      for (let b = 0; b < dim; b++) metric[a * dim + b]! += values[start + a]! * values[start + b]!;
  return metric;
}

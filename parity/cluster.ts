/** Fixture cluster: contingency tables and scores of given assignments, k-means from given centers, silhouettes. */
import { z } from 'zod';
import { ortNode } from '../src/engine/ort-node.ts';
import { clusterScores, contingency } from '../src/eval/cluster/cluster-scores.ts';
import { kMeans } from '../src/eval/cluster/kmeans.ts';
import { silhouette } from '../src/eval/cluster/silhouette.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';

const scores = z.object({
  nmi: z.number(),
  ari: z.number(),
  hungarian_accuracy: z.number(),
  purity: z.number(),
});
const schema = z.object({
  assignments: z.array(z.object({})),
  kmeans: z.array(z.object({ k: z.number(), max_iter: z.number(), tol: z.number() })),
  results: z.object({
    scores: z.array(scores),
    kmeans_results: z.array(
      scores.extend({
        inertia: z.number(),
        n_iter: z.number(),
        silhouette: z.number(),
        smallest_cluster: z.number(),
      }),
    ),
  }),
});

/** What the fixtures promise of plain arithmetic, relative to the largest value. */
const TOLERANCE = 1e-5;

export async function cluster(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(schema);
  for (const i of config.assignments.keys()) {
    const at = `case ${i}`;
    const labels = fixture.numbers(`case/${i}/labels`);
    const assignments = fixture.numbers(`case/${i}/clusters`);
    const table = contingency(labels, assignments);
    const wanted = fixture.numbers(`case/${i}/contingency`);
    comparison.identical('contingency', at, table.counts, Int32Array.from(wanted));
    comparison.identical(
      'classes and clusters',
      at,
      [table.classes.length, table.clusters.length],
      fixture.shape(`case/${i}/contingency`),
    );
    compareScores(comparison, at, labels, assignments, config.results.scores[i]);
  }
  for (const [i, { k, max_iter: maxIterations, tol: tolerance }] of config.kmeans.entries()) {
    const at = `k-means ${i}`;
    const rows = {
      values: fixture.floats(`kmeans/${i}/features`),
      dim: fixture.dim(`kmeans/${i}/features`, 1),
    };
    const initialCenters = fixture.floats(`kmeans/${i}/initial_centres`);
    const found = await kMeans(ortNode, rows, { k, maxIterations, tolerance, initialCenters });
    const { assignments } = found;
    const wanted = config.results.kmeans_results[i];
    const wantedAssignments = fixture.numbers(`kmeans/${i}/assignments`);
    comparison.identical('assignments', at, assignments, Int32Array.from(wantedAssignments));
    comparison.tensor('centers', at, found.centers, fixture.numbers(`kmeans/${i}/centres`), TOLERANCE);
    comparison.identical('iterations', at, [found.iterations], [wanted?.n_iter]);
    comparison.tensor('inertia', at, [found.inertia], [wanted?.inertia ?? Number.NaN], TOLERANCE);
    const sizes = contingency(new Uint8Array(assignments.length), assignments).counts;
    comparison.identical('smallest cluster', at, [Math.min(...sizes)], [wanted?.smallest_cluster]);
    const score = await silhouette(ortNode, rows, assignments);
    comparison.tensor('silhouette', at, [score], [wanted?.silhouette ?? Number.NaN], TOLERANCE);
    compareScores(comparison, at, fixture.numbers(`kmeans/${i}/labels`), assignments, wanted);
  }
}

function compareScores(
  comparison: Comparison,
  at: string,
  labels: ArrayLike<number>,
  clusters: ArrayLike<number>,
  wanted: z.infer<typeof scores> | undefined,
): void {
  const got = clusterScores(labels, clusters);
  const pairs = [
    ['NMI', got.nmi, wanted?.nmi],
    ['ARI', got.ari, wanted?.ari],
    ['Hungarian accuracy', got.hungarianAccuracy, wanted?.hungarian_accuracy],
    ['purity', got.purity, wanted?.purity],
  ] as const;
  for (const [name, value, other] of pairs)
    comparison.tensor(name, at, [value], [other ?? Number.NaN], TOLERANCE);
}

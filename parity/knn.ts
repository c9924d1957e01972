/** Fixture knn: neighbors, votes, ranking and accuracies of the weighted k-NN. */
import { z } from 'zod';
import { ortNode } from '../src/engine/ort-node.ts';
import { knn as classify, knnVotes, rankClasses } from '../src/eval/classify/knn.ts';
import { l2NormalizedRows } from '../src/rows/feature-rows.ts';
import { nearestNeighbors } from '../src/rows/nearest-neighbors.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';

const schema = z.object({
  num_classes: z.number(),
  cases: z.array(z.object({ k: z.number(), T: z.number() })),
  results: z.object({
    results: z.array(z.object({ top1: z.number(), top5: z.number(), top5_width: z.number() })),
  }),
});

/** What the fixtures promise of plain arithmetic, relative to the largest value. */
const TOLERANCE = 1e-5;

export async function knn(fixture: Fixture, comparison: Comparison): Promise<void> {
  const config = fixture.config(schema);
  const dim = fixture.dim('train_features_raw', 1);
  const classes = config.num_classes;
  const raw = {
    train: { values: fixture.floats('train_features_raw'), dim },
    test: { values: fixture.floats('test_features_raw'), dim },
  };
  const labels = { train: fixture.numbers('train_labels'), test: fixture.numbers('test_labels') };
  const [train, test] = [l2NormalizedRows(raw.train), l2NormalizedRows(raw.test)];
  comparison.tensor(
    'normalized features',
    'train',
    train.values,
    fixture.numbers('train_features'),
    TOLERANCE,
  );
  comparison.tensor('normalized features', 'test', test.values, fixture.numbers('test_features'), TOLERANCE);
  for (const [i, { k, T: temperature }] of config.cases.entries()) {
    const at = `k ${k}, T ${temperature}`;
    // Once in one block, once in many small ones that have to be merged.
    for (const [label, blocks] of [
      ['', {}],
      [
        ' (small blocks)',
        { queryBlock: 7, bankBlock: Math.max(1, Math.floor(train.values.length / dim / 5) - 1) },
      ],
    ] as const) {
      const found = await nearestNeighbors(ortNode, train, test, { k, ...blocks });
      comparison.identical(
        `neighbors${label}`,
        at,
        found.rows,
        toIntegers(fixture.numbers(`case/${i}/neighbours`)),
      );
      const similarities = fixture.numbers(`case/${i}/similarities`);
      comparison.tensor(`similarities${label}`, at, found.similarities, similarities, TOLERANCE);
      const votes = knnVotes(found, labels.train, { k, temperature, classes });
      comparison.tensor(`votes${label}`, at, votes, fixture.numbers(`case/${i}/votes`), TOLERANCE);
      const ranking = toIntegers(fixture.numbers(`case/${i}/ranking`));
      comparison.identical(`ranking${label}`, at, rankClasses(votes, classes), ranking);
    }
    const [result] = await classify(
      ortNode,
      { features: raw.train, labels: labels.train },
      { features: raw.test, labels: labels.test },
      { ks: [k], temperature, classes },
    );
    const wanted = config.results.results[i];
    comparison.tensor(
      'accuracies',
      at,
      [result?.top1 ?? 0, result?.top5 ?? 0],
      [wanted?.top1 ?? 0, wanted?.top5 ?? 0],
      TOLERANCE,
    );
    comparison.identical('width of top-5', at, [Math.min(5, k)], [wanted?.top5_width]);
  }
}

function toIntegers(values: ArrayLike<number>): Int32Array {
  return Int32Array.from(values);
}

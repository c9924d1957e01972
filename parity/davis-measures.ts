/** Fixture davis_measures: J, F, boundary maps and the statistics of a sequence. */
import { z } from 'zod';
import { jaccard } from '../src/eval/attention/attention-masks.ts';
import {
  boundaryF,
  boundaryMap,
  boundaryRadius,
  sequenceStatistics,
} from '../src/eval/video/davis-measures.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { masksOf } from './masks.ts';

const schema = z.object({
  cases: z.array(z.object({ height: z.number(), width: z.number(), pairs: z.number() })),
  bound_th: z.number(),
  results: z.object({ radius: z.array(z.number()) }),
});

export function davisMeasures(fixture: Fixture, comparison: Comparison): void {
  const config = fixture.config(schema);
  for (const [i, { height, width, pairs }] of config.cases.entries()) {
    const at = `case ${i}`;
    const name = (tensor: string): string => `case/${i}/${tensor}`;
    const [truth, prediction] = [masksOf(fixture, name('truth')), masksOf(fixture, name('prediction'))];
    comparison.identical('pairs', at, [truth.length, prediction.length], [pairs, pairs]);
    const radius = boundaryRadius(height, width, config.bound_th);
    comparison.identical('radius', at, [radius], [config.results.radius[i]]);
    const both = truth.flatMap((wanted, pair) => {
      const got = prediction[pair];
      return got === undefined ? [] : [[wanted, got] as const];
    });
    const j = both.map(([wanted, got]) => jaccard(wanted, got));
    comparison.exact('J', at, j, fixture.numbers(name('J')));
    const f = both.map(([wanted, got]) => boundaryF(wanted, got, config.bound_th));
    comparison.exact('F', at, f, fixture.numbers(name('F')));
    if (!fixture.has(name('truth_boundary'))) continue;
    const boundaries = truth.flatMap((mask) => Array.from(boundaryMap(mask)));
    comparison.identical('boundary map', at, boundaries, fixture.numbers(name('truth_boundary')));
  }
  const { mean, recall, decay } = sequenceStatistics(fixture.numbers('sequence'));
  const wanted = fixture.numbers('sequence_mean_recall_decay');
  comparison.exact('statistics of a sequence', 'sequence', [mean, recall, decay], wanted);
}

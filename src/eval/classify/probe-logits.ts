/** The logits of one of several classifiers that train side by side, on images enough to judge its probabilities by. */
import { evenly } from '../../data/evenly.ts';
import { chosenRows, type LabeledFeatures } from '../../rows/labeled-features.ts';
import type { LinearProbe } from './linear-probe.ts';
import type { LogitRows } from './temperature.ts';

/** More images would tell no more. */
const MOST = 10_000;

/** @param which of the classifiers */
export async function probeLogits(
  probe: LinearProbe,
  data: LabeledFeatures,
  which: number,
): Promise<LogitRows> {
  const all = data.labels.length;
  const some = all <= MOST ? data : chosenRows(data, evenly(all, MOST));
  const { classes, probes } = probe;
  const logits = new Float32Array(some.labels.length * classes);
  for await (const { start, rows, values } of probe.logits(some.features)) {
    for (let row = 0; row < rows; row++) {
      const from = (row * probes + which) * classes;
      logits.set(values.subarray(from, from + classes), (start + row) * classes);
    }
  }
  return { logits, labels: some.labels };
}

/** One fit of logistic regression. */
import { ortNode } from '../../src/engine/ort-node.ts';
import { LogisticRegression } from '../../src/eval/classify/logistic.ts';
import { serve } from './protocol.ts';
import { groupedRows } from './rows.ts';

await serve(async ({ rows = 20_000, dim = 384, classes = 10, threads = 2 }) => {
  const [count, width, kinds] = [Number(rows), Number(dim), Number(classes)];
  const features = { values: groupedRows(count, width, 5000), dim: width };
  const labels = Int32Array.from({ length: count }, (_, i) => (i % 5000) % kinds);
  const regression = new LogisticRegression(ortNode, { threads: Number(threads) });
  return async () => {
    const { value, iterations } = await regression.fit({ features, labels }, { classes: kinds });
    return { objective: value, iterations };
  };
});

/** Weighted 20-NN of random queries over a bank of random features. */
import { ortNode } from '../../src/engine/ort-node.ts';
import { knn } from '../../src/eval/classify/knn.ts';
import { Random } from '../../src/random/random.ts';
import { serve } from './protocol.ts';

await serve(async ({ bank = 50_000, queries = 10_000, dim = 384, classes = 10, k = 20 }) => {
  const random = new Random(3, 'bench features');
  const rows = (count: number) => ({
    values: Float32Array.from({ length: count * Number(dim) }, () => random.normal()),
    dim: Number(dim),
  });
  const labels = (count: number) => Int32Array.from({ length: count }, () => random.integer(Number(classes)));
  const [bankRows, queryRows] = [rows(Number(bank)), rows(Number(queries))];
  const labeledBank = { features: bankRows, labels: labels(Number(bank)) };
  const labeledQueries = { features: queryRows, labels: labels(Number(queries)) };
  const options = { ks: [Number(k)], temperature: 0.07, classes: Number(classes) };
  return () => knn(ortNode, labeledBank, labeledQueries, options);
});

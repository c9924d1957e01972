/** Lloyd's iterations from given centers, a fixed number of them. */
import { ortNode } from '../../src/engine/ort-node.ts';
import { kMeans } from '../../src/eval/cluster/kmeans.ts';
import { serve } from './protocol.ts';
import { groupedRows } from './rows.ts';

await serve(async ({ rows = 50_000, dim = 384, k = 100, iterations = 20, threads = 2 }) => {
  const values = groupedRows(Number(rows), Number(dim), 5000);
  const options = {
    k: Number(k),
    initialCenters: values.slice(0, Number(k) * Number(dim)),
    maxIterations: Number(iterations),
    tolerance: 0,
    engineOptions: { threads: Number(threads) },
  };
  return async () => {
    const { inertia, iterations: done } = await kMeans(ortNode, { values, dim: Number(dim) }, options);
    return { inertia, iterations: done };
  };
});

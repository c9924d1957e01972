/** t-SNE of grouped rows. */
import { ortNode } from '../../src/engine/ort-node.ts';
import { tsne } from '../../src/eval/map/tsne.ts';
import { serve } from './protocol.ts';
import { groupedRows } from './rows.ts';

await serve(async ({ rows = 5000, dim = 30, perplexity = 20, iterations = 1000 }) => {
  const features = { values: groupedRows(Number(rows), Number(dim), 40), dim: Number(dim) };
  return async () => {
    const { divergence, iterations: done } = await tsne(ortNode, features, {
      perplexity: Number(perplexity),
      iterations: Number(iterations),
    });
    return { divergence, iterations: done };
  };
});

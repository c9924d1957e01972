/**
 * Attention pooling: each head of a learned class token asks every place of a map and takes the weighted mean of its share of
 * the channels (the last layer of a transformer, reduced to its class token's row; Touvron et al. 2021, "Augmenting
 * convolutional networks with attention-based aggregation"). Values are the channels themselves, and the query needs no
 * projection of the keys: it *is* a direction in their space. At the start, with queries near zero, it is the mean.
 */
import { linear, matmul, reshape, softmax, type Tensor, transpose } from '../graph/index.ts';

/**
 * @param x a map, [B, h, w, D]
 * @param query [heads, D]; heads divide D, and head i weights channels i * D / heads and following
 * @returns the pooled feature [B, D], and the attention [B, heads, h * w]
 */
export function attentionPool(
  x: Tensor,
  query: Tensor,
): { readonly feature: Tensor; readonly attention: Tensor } {
  const [b, places, dim, heads] = [x.dim(0), x.dim(1) * x.dim(2), x.dim(3), query.dim(0)];
  const scores = linear(reshape(x, [b * places, dim]), query); // [B hw, heads]
  const attention = softmax(transpose(reshape(scores, [b, places, heads]), [0, 2, 1])); // [B, heads, hw]
  const values = transpose(reshape(x, [b, places, heads, dim / heads]), [0, 2, 1, 3]); // [B, heads, hw, D / heads]
  const pooled = matmul(reshape(attention, [b, heads, 1, places]), values); // [B, heads, 1, D / heads]
  return { feature: reshape(pooled, [b, dim]), attention };
}

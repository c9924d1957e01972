/** A graph that does not fit together: wrong shapes, unknown names, an op without a gradient. */
export class GraphError extends Error {
  override name = 'GraphError';
}

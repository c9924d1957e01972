/** Elements of an array of this shape; one for a scalar, whose shape is empty. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, extent) => count * extent, 1);
}

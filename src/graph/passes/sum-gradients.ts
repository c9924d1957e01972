/** Sums of gradients that arrive for slices of one tensor, with as few passes over memory as can be. */
import { add } from '../ops/elementwise.ts';
import { concat, pad, paddingOf } from '../ops/layout.ts';
import type { Shape, Tensor } from '../tensor.ts';

/**
 * The sum of gradients of one tensor. Gradients of slices arrive padded with zeros; those of one range are added before
 * they are padded, and ranges that tile the tensor are put side by side instead of being padded and added.
 */
export function sumOfGradients(parts: readonly Tensor[]): Tensor {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  const ranges = new Map<string, { axis: number; before: number; inner: Tensor }>();
  const whole: Tensor[] = [];
  for (const part of parts) {
    const range = paddingOf(part);
    if (range === undefined) {
      whole.push(part);
      continue;
    }
    const key = `${range.axis}:${range.before}:${range.inner.dim(range.axis)}`;
    const known = ranges.get(key);
    ranges.set(key, known === undefined ? range : { ...range, inner: add(known.inner, range.inner) });
  }
  const shape = parts[0]?.shape ?? [];
  const pieces = [...ranges.values()];
  const tiles = tiled(pieces, shape);
  const padded =
    tiles === undefined
      ? pieces.map(({ axis, before, inner }) =>
          pad(inner, axis, before, (shape[axis] ?? 0) - before - inner.dim(axis)),
        )
      : [tiles];
  return [...whole, ...padded].reduce((total, part) => add(total, part));
}

/** The pieces side by side, where they follow each other without a gap and fill a shape. */
function tiled(pieces: { axis: number; before: number; inner: Tensor }[], shape: Shape): Tensor | undefined {
  const [first] = pieces;
  if (first === undefined || pieces.length < 2) return undefined;
  const { axis } = first;
  pieces.sort((a, b) => a.before - b.before);
  let end = 0;
  for (const piece of pieces) {
    if (piece.axis !== axis || piece.before !== end) return undefined;
    end += piece.inner.dim(axis);
  }
  return end === shape[axis]
    ? concat(
        pieces.map((piece) => piece.inner),
        axis,
      )
    : undefined;
}

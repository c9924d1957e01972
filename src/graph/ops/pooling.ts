/** Pooling: the largest value or the mean of each window of a map, [images, height, width, channels]. */
import { GraphError } from '../errors.ts';
import { apply, type NodeOf, type Op, type Tensor } from '../tensor.ts';
import { div, equal, where } from './elementwise.ts';
import { reshape } from './layout.ts';
import { scalar } from './leaf.ts';
import { max, mean, sum } from './reduce.ts';
import { collectResults, inPlace, takePixels, type UnfoldOptions, unfold, windowsAlong } from './windows.ts';

/** The lowest finite float32. */
const LOWEST = -3.4028234663852886e38;

type PoolAttributes = { kernel: number; stride: number; padding: number };

export const maxPoolOp: Op<PoolAttributes> = {
  name: 'maxPool',
  infer: ([x], attributes) => {
    const [images, height, width, channels] = x?.shape ?? [];
    if (x === undefined || images === undefined || height === undefined || width === undefined)
      throw new GraphError(`wants [images, height, width, channels], got [${x?.shape.join(', ')}]`);
    const along = (pixels: number): number => windowsAlong(pixels, attributes);
    return [{ dtype: x.dtype, shape: [images, along(height), along(width), channels ?? 1] }];
  },
  // Every pixel collects the gradients of the windows whose largest value it is; ties share theirs equally, as in `max`.
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const [x, y] = [node.input(0), node.output()];
    const { kernel } = node.attributes;
    const chosen = (isLargest: Tensor, value: Tensor): Tensor => where(isLargest, value, scalar(0));
    const winners = chosen(equal(windowsOf(node), reshape(y, windowed(y, 1))), scalar(1));
    const share = div(g, sum(winners, { axes: [3] }));
    const largest = collectResults(y, x, kernel, node.attributes);
    const shares = collectResults(share, x, kernel, node.attributes);
    const gradient = inPlace(largest, x, (phase) => {
      const { pixels, taps } = phase;
      const byTap = [x.dim(0), pixels.length, taps.length, x.dim(3)];
      const own = reshape(takePixels(x, pixels), [x.dim(0), pixels.length, 1, x.dim(3)]);
      const isLargest = equal(own, reshape(phase.collected, byTap));
      const collected = shares[largest.indexOf(phase)]?.collected ?? phase.collected;
      return sum(chosen(isLargest, reshape(collected, byTap)), { axes: [2] });
    });
    return [gradient];
  },
  decompose: (node) => [max(windowsOf(node), { axes: [3] })],
};

/** [B, H', W', kernel * kernel, C]; padding never wins. */
function windowsOf(node: NodeOf<typeof maxPoolOp>): Tensor {
  const { kernel } = node.attributes;
  const view = unfold(node.input(0), { ...node.attributes, fill: LOWEST });
  return reshape(view, windowed(node.output(), kernel * kernel));
}

/** The shape of a map with so many elements of each window. */
const windowed = (y: Tensor, elements: number): number[] => [...y.shape.slice(0, 3), elements, y.dim(3)];

/** Largest value of each window, [B, H, W, C] -> [B, H', W', C]; padding never wins. */
export function maxPool(x: Tensor, { kernel, stride = 1, padding = 0 }: Omit<UnfoldOptions, 'fill'>): Tensor {
  return apply(maxPoolOp, [x], { kernel, stride, padding });
}

/** Mean of each window, [B, H, W, C] -> [B, H', W', C]; padding counts as zeros. */
export function meanPool(x: Tensor, options: Omit<UnfoldOptions, 'fill'>): Tensor {
  const view = unfold(x, options);
  const { kernel } = options;
  return mean(reshape(view, [...view.shape.slice(0, 3), kernel * kernel, x.dim(-1)]), { axes: [3] });
}

/**
 * Position embeddings at other image sizes, exactly as the official `interpolate_pos_encoding`: bicubic with A = -0.75,
 * 0.1 added to the target grid before the scale factor is formed, no antialiasing, taps clamped to the border. DINOv2's
 * networks with registers add nothing and antialias, which is another cubic (A = -0.5) with taps left out at the border.
 */
import { apply, concat, constant, matmul, type NodeOf, type Op, slice, type Tensor } from '../graph/index.ts';

export interface PixelSize {
  readonly height: number;
  readonly width: number;
}

/** Patches, or what stands for them behind a convolutional stem. */
export interface Places {
  readonly rows: number;
  readonly columns: number;
}

export interface PositionOptions {
  /** Added to the target grid before the scale factor is formed; 0.1 unless given. */
  readonly offset?: number;
  readonly antialias?: boolean;
}

/**
 * @param embedding [1, n + 1, D] with the class position first and n a square
 * @param places the side of a patch, pixels, or how many places there are
 * @returns [1, N + 1, D] for an image of this size; the embedding itself where it fits
 */
export function positions(
  embedding: Tensor,
  { height, width }: PixelSize,
  places: number | Places,
  { offset = 0.1, antialias = false }: PositionOptions = {},
): Tensor {
  const trained = embedding.dim(1) - 1;
  const { rows, columns } =
    typeof places === 'number'
      ? { rows: Math.floor(height / places), columns: Math.floor(width / places) }
      : places;
  // The official test is on the pixels: a non-square image of the trained patch count is resized too.
  if (rows * columns === trained && height === width) return embedding;
  const attributes = { height, width, rows, columns, offset, antialias };
  const grid = apply(resizeGridOp, [slice(embedding, 1, 1, trained + 1)], attributes);
  return concat([slice(embedding, 1, 0, 1), grid], 1);
}

type ResizeAttributes = {
  height: number;
  width: number;
  rows: number;
  columns: number;
  offset: number;
  antialias: boolean;
};

/** The positions of the places for an image that they do not fit: [1, n, D] -> [1, rows * columns, D]. */
export const resizeGridOp: Op<ResizeAttributes> = {
  name: 'resizeGrid',
  infer: ([x], { rows, columns }) =>
    x === undefined ? [] : [{ dtype: x.dtype, shape: [1, rows * columns, x.shape[2] ?? 0] }],
  gradient: (node, [g]) => (g === undefined ? [] : [matmul(resizeOf(node), g, { transA: true })]),
  decompose: (node) => [matmul(resizeOf(node), node.input(0))],
};

function resizeOf({ attributes, inputs: [x] }: NodeOf<typeof resizeGridOp>): Tensor {
  const { rows, columns } = attributes;
  const trained = x?.dim(1) ?? 0;
  const matrix = resizeMatrix(Math.sqrt(trained), rows, columns, attributes);
  return constant(matrix, [rows * columns, trained]);
}

/** Weights of every trained position for every wanted one: [rows * columns, side * side]. */
export function resizeMatrix(
  side: number,
  rows: number,
  columns: number,
  { offset = 0.1, antialias = false }: PositionOptions = {},
): Float32Array {
  const taps = antialias ? antialiasedTaps : clampedTaps;
  const vertical = taps(side, rows, (rows + offset) / side);
  const horizontal = taps(side, columns, (columns + offset) / side);
  const matrix = new Float32Array(rows * columns * side * side);
  vertical.forEach((ys, row) => {
    horizontal.forEach((xs, column) => {
      const start = (row * columns + column) * side * side;
      for (const y of ys) {
        for (const x of xs) {
          const at = start + y.position * side + x.position;
          matrix[at] = (matrix[at] ?? 0) + y.weight * x.weight;
        }
      }
    });
  });
  return matrix;
}

interface Tap {
  readonly position: number;
  readonly weight: number;
}

/** The four source positions and weights of each target position of one axis. */
function clampedTaps(side: number, count: number, factor: number): Tap[][] {
  return Array.from({ length: count }, (_, i) => {
    const source = (i + 0.5) / factor - 0.5;
    const first = Math.floor(source);
    return [-1, 0, 1, 2].map((offset) => ({
      position: Math.min(Math.max(first + offset, 0), side - 1),
      weight: cubic(source - first - offset, -0.75),
    }));
  });
}

/** The same with a filter as wide as the reduction; taps beyond the border are left out and the others weigh more. */
function antialiasedTaps(side: number, count: number, factor: number): Tap[][] {
  const width = Math.max(1 / factor, 1);
  return Array.from({ length: count }, (_, i) => {
    const center = (i + 0.5) / factor;
    const start = Math.max(Math.trunc(center - 2 * width + 0.5), 0);
    const end = Math.min(Math.trunc(center + 2 * width + 0.5), side);
    const taps = Array.from({ length: end - start }, (_, j) => ({
      position: start + j,
      weight: cubic((start + j + 0.5 - center) / width, -0.5),
    }));
    const total = taps.reduce((sum, { weight }) => sum + weight, 0);
    return taps.map(({ position, weight }) => ({ position, weight: weight / total }));
  });
}

/** Keys' cubic convolution kernel. */
function cubic(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

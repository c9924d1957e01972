/**
 * Products: each workgroup computes a tile of the result from tiles of the operands in shared memory, each thread 4 x 4 elements. Operands
 * are read by strides, whatever their layout; what follows element by element is done before anything is stored.
 */

import { GraphError } from '../../../errors.ts';
import { freeAxes, productOp } from '../../../ops/product.ts';
import { isOp, type NodeOf, sizeOf, type Tensor } from '../../../tensor.ts';
import type { Emitter } from '../emitter.ts';
import type { Group } from '../groups.ts';
import { mergedAxes } from '../views.ts';
import { powerOfTwo, type Written } from './text.ts';

/** Workgroups that keep a device busy. */
const BUSY = 64;

const tileSide = (size: number): number => Math.min(64, Math.max(16, powerOfTwo(size)));

/** Sides of a tile: the largest of which there are enough. */
function tileOf(rows: number, columns: number, batch: number): readonly [number, number] {
  const tiles = (m: number, n: number): number => Math.ceil(rows / m) * Math.ceil(columns / n) * batch;
  let [m, n] = [tileSide(rows), tileSide(columns)];
  while (tiles(m, n) < BUSY && Math.max(m, n) > 32)
    if (m >= n) m /= 2;
    else n /= 2;
  return [m, n];
}

/** Multiplications up to which each thread computes an element by itself: then a tile is not worth its barriers. */
const SMALL = 2 ** 20;
/** Rows or columns with which most of a tile would be empty. */
const NARROW = 4;

export function productKernel(group: Group, to: Emitter, stored: readonly Tensor[]): Written {
  const sizes = sizesOf(group);
  const { batch, rows, columns, depth } = sizes;
  const isSmall = batch * rows * columns * depth <= SMALL || Math.min(rows, columns) <= NARROW;
  return isSmall ? oneByOne(sizes, to, stored) : inTiles(sizes, to, stored);
}

interface Sizes {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly product: Tensor;
  readonly attributes: NodeOf<typeof productOp>['attributes'];
  readonly freeA: readonly number[];
  readonly freeB: readonly number[];
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

function sizesOf(group: Group): Sizes {
  const node = group.nodes.find((each) => isOp(each, productOp));
  if (node === undefined || !isOp(node, productOp)) throw new GraphError('compile: a product is missing');
  const [a, b] = [node.input(0), node.input(1)];
  const { attributes } = node;
  const { batchA, batchB, contractA, contractB } = attributes;
  const [freeA, freeB] = [freeAxes(a, batchA, contractA), freeAxes(b, batchB, contractB)];
  const of = (x: Tensor, axes: readonly number[]): number => sizeOf(axes.map((axis) => x.dim(axis)));
  return {
    ...{ a, b, product: node.output(), attributes, freeA, freeB },
    ...{ batch: of(a, batchA), rows: of(a, freeA), columns: of(b, freeB), depth: of(a, contractA) },
  };
}

function sumOfIndices(parts: readonly string[]): string {
  return parts.filter((part) => part !== '0u').join(' + ') || '0u';
}

function oneByOne(
  { a, b, product, attributes, freeA, freeB, batch, rows, columns, depth }: Sizes,
  to: Emitter,
  stored: readonly Tensor[],
): Written {
  const { batchA, batchB, contractA, contractB } = attributes;
  const threads = product.size <= 64 ? 64 : 256;
  to.line(`let at = tile * ${threads}u + thread;`);
  to.line(`if (at >= ${product.size}u) { return; }`);
  const column = to.bind(`at % ${columns}u`);
  const row = to.bind(`at / ${columns}u % ${rows}u`);
  to.line(`let batch = at / ${rows * columns}u;`);
  const begin = (x: Tensor, own: readonly number[], free: readonly number[], at: string): string =>
    to.bind(sumOfIndices([operandIndex(to, x, own, 'batch'), operandIndex(to, x, free, at)]));
  const [beginA, beginB] = [begin(a, batchA, freeA, row), begin(b, batchB, freeB, column)];
  to.line('var sum = 0.0f;');
  to.block(`for (var k = 0u; k < ${depth}u; k++)`, () => {
    const [x, y] = [[a, beginA, contractA] as const, [b, beginB, contractB] as const].map(
      ([operand, first, contract]) =>
        to.value(
          to.view(operand).source,
          to.bind(sumOfIndices([first, operandIndex(to, operand, contract, 'k')])),
        ),
    );
    to.line(`sum += ${x} * ${y};`);
  });
  to.fix(product, 'sum');
  const values = stored.map((tensor) => to.value(tensor, 'at'));
  for (const [i, tensor] of stored.entries()) to.store(tensor, 'at', values[i] ?? '');
  return { threads, workgroups: Math.ceil((batch * rows * columns) / threads) };
}

function inTiles(
  { a, b, product, attributes, freeA, freeB, batch, rows, columns, depth }: Sizes,
  to: Emitter,
  stored: readonly Tensor[],
): Written {
  const { batchA, batchB, contractA, contractB } = attributes;
  const [m, n] = tileOf(rows, columns, batch);
  /** Elements of the inner axis in a tile. */
  const deep = m + n > 64 ? 8 : 16;
  const threads = (m / 4) * (n / 4);
  const [tilesM, tilesN] = [Math.ceil(rows / m), Math.ceil(columns / n)];

  const [tileA, tileB, done] = ['tile_a', 'tile_b', to.unique('finish')];
  to.line(`let first_column = tile % ${tilesN}u * ${n}u;`);
  to.line(`let first_row = tile / ${tilesN}u % ${tilesM}u * ${m}u;`);
  to.line(`let batch = tile / ${tilesN * tilesM}u;`);
  to.line(`let column = thread % ${n / 4}u;`);
  to.line(`let row = thread / ${n / 4}u;`);
  const sums = ['sum0', 'sum1', 'sum2', 'sum3'];
  for (const sum of sums) to.line(`var ${sum} = vec4<f32>();`);
  const batchOfA = operandIndex(to, a, batchA, 'batch');
  const batchOfB = operandIndex(to, b, batchB, 'batch');

  /** Tiles are filled in turn in two halves, so that one is read while the other is filled. */
  const half = (quads: number): string => to.bind(`start / ${deep}u % 2u * ${deep * quads}u`);
  /** Fills a tile with four elements of one inner position at a time. */
  const fill = (
    tile: string,
    x: Tensor,
    side: number,
    { base, free, contract, first, size }: Operand,
  ): void => {
    const { strides } = to.view(x);
    const lastStride = (axes: readonly number[]): number =>
      mergedAxes(
        axes.map((axis) => x.dim(axis)),
        axes.map((axis) => strides[axis] ?? 0),
      ).at(-1)?.stride ?? 0;
    // Neighbors read neighbors: along the inner axis where its elements lie side by side.
    const alongDepth = lastStride(contract) === 1 && lastStride(free) !== 1;
    const quads = side / 4;
    to.block(`for (var slot = thread; slot < ${deep * quads}u; slot += ${threads}u)`, () => {
      const inner = to.bind(alongDepth ? `slot % ${deep}u` : `slot / ${quads}u`);
      const quad = to.bind(alongDepth ? `slot / ${deep}u` : `slot % ${quads}u`);
      const k = to.bind(`start + ${inner}`);
      const element = (i: string): string => {
        const place = to.bind(`${first} + ${quad} * 4u + ${i}`);
        const conditions = [
          ...(size % side === 0 ? [] : [`${place} < ${size}u`]),
          ...(depth % deep === 0 ? [] : [`${k} < ${depth}u`]),
        ];
        const read = (): string => {
          const at = to.bind(
            sumOfIndices([base, operandIndex(to, x, free, place), operandIndex(to, x, contract, k)]),
          );
          return to.value(to.view(x).source, at);
        };
        if (conditions.length === 0) return read();
        const name = to.fresh();
        to.line(`var ${name} = 0.0f;`);
        to.block(`if (${conditions.join(' && ')})`, () => to.line(`${name} = ${read()};`));
        return name;
      };
      let elements = 'quad_values';
      // What is computed as it is read would make a long text four times.
      if (to.isInline(to.view(x).source)) {
        to.line(`var ${elements} = vec4<f32>();`);
        to.block('for (var i = 0u; i < 4u; i++)', () => to.line(`${elements}[i] = ${element('i')};`));
      } else elements = `vec4<f32>(${['0u', '1u', '2u', '3u'].map(element).join(', ')})`;
      to.line(`${tile}[${half(quads)} + ${inner} * ${quads}u + ${quad}] = ${elements};`);
    });
  };
  to.block(`for (var start = 0u; start < ${depth}u; start += ${deep}u)`, () => {
    fill(tileA, a, m, {
      base: batchOfA,
      free: freeA,
      contract: contractA,
      first: 'first_row',
      size: rows,
    });
    fill(tileB, b, n, {
      base: batchOfB,
      free: freeB,
      contract: contractB,
      first: 'first_column',
      size: columns,
    });
    to.line('workgroupBarrier();');
    to.block(`for (var k = 0u; k < ${deep}u; k++)`, () => {
      to.line(`let x = ${tileA}[${half(m / 4)} + k * ${m / 4}u + row];`);
      to.line(`let y = ${tileB}[${half(n / 4)} + k * ${n / 4}u + column];`);
      for (const [i, sum] of sums.entries()) to.line(`${sum} = fma(vec4<f32>(x.${'xyzw'[i]}), y, ${sum});`);
    });
  });
  to.line(`let sums = array<vec4<f32>, 4>(${sums.join(', ')});`);
  to.block('for (var i = 0u; i < 4u; i++)', () =>
    to.block('for (var j = 0u; j < 4u; j++)', () =>
      to.line(`${done}(batch, first_row + row * 4u + i, first_column + column * 4u + j, sums[i][j]);`),
    ),
  );
  return {
    threads,
    workgroups: tilesM * tilesN * batch,
    functions: finish(to, stored, { name: done, product, rows, columns, m, n }),
    shared: {
      [tileA]: { type: 'vec4<f32>', length: (deep * m) / 2 },
      [tileB]: { type: 'vec4<f32>', length: (deep * n) / 2 },
    },
  };
}

interface Operand {
  readonly base: string;
  readonly free: readonly number[];
  readonly contract: readonly number[];
  readonly first: string;
  readonly size: number;
}

/** What some axes of an operand add to the element of its source. */
function operandIndex(to: Emitter, x: Tensor, axes: readonly number[], at: string): string {
  const { strides, offset } = to.view(x);
  const own = axes.map((axis) => strides[axis] ?? 0);
  return to.index(
    axes.map((axis) => x.dim(axis)),
    own,
    at === 'batch' ? offset : 0,
    at,
  );
}

/** A function that does with an element of the product what follows. */
function finish(
  to: Emitter,
  stored: readonly Tensor[],
  {
    name,
    product,
    rows,
    columns,
    m,
    n,
  }: Pick<Sizes, 'product' | 'rows' | 'columns'> & { name: string; m: number; n: number },
): string[] {
  const conditions = [
    ...(rows % m === 0 ? [] : [`row < ${rows}u`]),
    ...(columns % n === 0 ? [] : [`column < ${columns}u`]),
  ];
  const part = to.part();
  part.fix(product, 'product');
  if (conditions.length > 0) part.line(`if (!(${conditions.join(' && ')})) { return; }`);
  part.line(`let at = (batch * ${rows}u + row) * ${columns}u + column;`);
  const values = stored.map((tensor) => part.value(tensor, 'at'));
  for (const [i, tensor] of stored.entries()) part.store(tensor, 'at', values[i] ?? '');
  return [`fn ${name}(batch: u32, row: u32, column: u32, product: f32) {`, ...part.lines, '}'];
}

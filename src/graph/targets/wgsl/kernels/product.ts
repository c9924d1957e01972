/**
 * Products: each workgroup computes a tile of the result from tiles of the operands in shared memory, each thread 4 x 4 elements. Operands
 * are read by strides, whatever their layout; what follows element by element is done before anything is stored.
 */

import { GraphError } from '../../../errors.ts';
import { freeAxes, productOp } from '../../../ops/product.ts';
import { isOp, sizeOf, type Tensor } from '../../../tensor.ts';
import type { Emitter } from '../emitter.ts';
import type { Group } from '../groups.ts';
import { mergedAxes } from '../views.ts';
import { kernelText, powerOfTwo, type Written } from './text.ts';

/** Elements of the inner axis in a tile. */
const DEPTH = 16;
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

export function productKernel(group: Group, to: Emitter, stored: readonly Tensor[]): Written {
  const node = group.nodes.find((each) => isOp(each, productOp));
  if (node === undefined || !isOp(node, productOp)) throw new GraphError('compile: a product is missing');
  const [a, b] = [node.input(0), node.input(1)];
  const { batchA, batchB, contractA, contractB } = node.attributes;
  const [freeA, freeB] = [freeAxes(a, batchA, contractA), freeAxes(b, batchB, contractB)];
  const of = (x: Tensor, axes: readonly number[]): number => sizeOf(axes.map((axis) => x.dim(axis)));
  const [batch, rows, columns, depth] = [of(a, batchA), of(a, freeA), of(b, freeB), of(a, contractA)];
  const [m, n] = tileOf(rows, columns, batch);
  const threads = (m / 4) * (n / 4);
  const [tilesM, tilesN] = [Math.ceil(rows / m), Math.ceil(columns / n)];

  to.line(`let first_column = tile % ${tilesN}u * ${n}u;`);
  to.line(`let first_row = tile / ${tilesN}u % ${tilesM}u * ${m}u;`);
  to.line(`let batch = tile / ${tilesN * tilesM}u;`);
  to.line(`let column = thread % ${n / 4}u;`);
  to.line(`let row = thread / ${n / 4}u;`);
  const sums = ['sum0', 'sum1', 'sum2', 'sum3'];
  for (const sum of sums) to.line(`var ${sum} = vec4<f32>();`);
  const batchOfA = operandIndex(to, a, batchA, 'batch');
  const batchOfB = operandIndex(to, b, batchB, 'batch');

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
    to.block(`for (var slot = thread; slot < ${DEPTH * quads}u; slot += ${threads}u)`, () => {
      const inner = to.bind(alongDepth ? `slot % ${DEPTH}u` : `slot / ${quads}u`);
      const quad = to.bind(alongDepth ? `slot / ${DEPTH}u` : `slot % ${quads}u`);
      const k = to.bind(`start + ${inner}`);
      const elements = [0, 1, 2, 3].map((i) => {
        const place = to.bind(`${first} + ${quad} * 4u${i === 0 ? '' : ` + ${i}u`}`);
        const conditions = [
          ...(size % side === 0 ? [] : [`${place} < ${size}u`]),
          ...(depth % DEPTH === 0 ? [] : [`${k} < ${depth}u`]),
        ];
        const read = (): string => {
          const at = to.bind(
            [base, operandIndex(to, x, free, place), operandIndex(to, x, contract, k)]
              .filter((part) => part !== '0u')
              .join(' + ') || '0u',
          );
          return to.value(to.view(x).source, at);
        };
        if (conditions.length === 0) return read();
        const name = to.fresh();
        to.line(`var ${name} = 0.0f;`);
        to.block(`if (${conditions.join(' && ')})`, () => to.line(`${name} = ${read()};`));
        return name;
      });
      to.line(`${tile}[${inner} * ${quads}u + ${quad}] = vec4<f32>(${elements.join(', ')});`);
    });
  };
  to.block(`for (var start = 0u; start < ${depth}u; start += ${DEPTH}u)`, () => {
    fill('tile_a', a, m, {
      base: batchOfA,
      free: freeA,
      contract: contractA,
      first: 'first_row',
      size: rows,
    });
    fill('tile_b', b, n, {
      base: batchOfB,
      free: freeB,
      contract: contractB,
      first: 'first_column',
      size: columns,
    });
    to.line('workgroupBarrier();');
    to.block(`for (var k = 0u; k < ${DEPTH}u; k++)`, () => {
      to.line(`let x = tile_a[k * ${m / 4}u + row];`);
      to.line(`let y = tile_b[k * ${n / 4}u + column];`);
      for (const [i, sum] of sums.entries()) to.line(`${sum} = fma(vec4<f32>(x.${'xyzw'[i]}), y, ${sum});`);
    });
    to.line('workgroupBarrier();');
  });
  for (const [i, sum] of sums.entries())
    for (let j = 0; j < 4; j++)
      to.line(
        `finish(batch, first_row + row * 4u + ${i}u, first_column + column * 4u + ${j}u, ${sum}.${'xyzw'[j]});`,
      );
  const shared = [
    `var<workgroup> tile_a: array<vec4<f32>, ${(DEPTH * m) / 4}>;`,
    `var<workgroup> tile_b: array<vec4<f32>, ${(DEPTH * n) / 4}>;`,
    ...finish(to, stored, { product: node.output(), rows, columns, m, n }),
  ];
  return {
    code: kernelText(to, threads, shared),
    workgroups: tilesM * tilesN * batch,
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
  { product, rows, columns, m, n }: { product: Tensor; rows: number; columns: number; m: number; n: number },
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
  return ['fn finish(batch: u32, row: u32, column: u32, product: f32) {', ...part.lines, '}'];
}

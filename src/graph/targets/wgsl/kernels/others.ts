/** Adding up at positions, and the largest elements. */
import { GraphError } from '../../../errors.ts';
import { scatterAddOp } from '../../../ops/layout.ts';
import { topKOp } from '../../../ops/select.ts';
import { isOp, type Node, type Tensor } from '../../../tensor.ts';
import type { Emitter } from '../emitter.ts';
import type { Written } from './text.ts';

const THREADS = 64;

/** One thread an element of the result, which goes through all positions: nothing is added to by two at a time. */
export function scatterAddKernel(node: Node, to: Emitter): Written {
  if (!isOp(node, scatterAddOp)) throw new GraphError('compile: no sum at positions');
  const [x, index] = [node.input(0), node.input(1)];
  const result = node.output();
  const [rows, columns] = [x.dim(0), result.dim(1)];
  to.line(`let at = tile * ${THREADS}u + thread;`);
  to.line(`if (at >= ${result.size}u) { return; }`);
  const [row, column] = [to.bind(`at / ${columns}u`), to.bind(`at % ${columns}u`)];
  to.line('var sum = 0.0f;');
  to.block(`for (var i = 0u; i < ${rows}u; i++)`, () => {
    to.block(`if (u32(${to.operand(index, index.shape, 'i')}) == ${row})`, () => {
      const at = to.bind(`i * ${columns}u + ${column}`);
      to.line(`sum += ${to.operand(x, x.shape, at)};`);
    });
  });
  to.store(result, 'at', 'sum');
  return { threads: THREADS, workgroups: Math.ceil(result.size / THREADS) };
}

/** One thread a row: each time the largest of those that come after the one before. */
export function topKKernel(node: Node, to: Emitter, stored: readonly Tensor[]): Written {
  if (!isOp(node, topKOp)) throw new GraphError('compile: no largest elements');
  const x = node.input(0);
  const [values, positions] = [node.output(0), node.output(1)];
  const width = x.dim(-1);
  const { k } = node.attributes;
  const rows = x.size / width;
  to.line(`let row = tile * ${THREADS}u + thread;`);
  to.line(`if (row >= ${rows}u) { return; }`);
  to.line('var above = 0.0f;');
  to.line('var above_at = 0u;');
  to.block(`for (var rank = 0u; rank < ${k}u; rank++)`, () => {
    to.line('var best = 0.0f;');
    to.line(`var best_at = ${width}u;`);
    to.block(`for (var i = 0u; i < ${width}u; i++)`, () => {
      const value = to.operand(x, x.shape, to.bind(`row * ${width}u + i`));
      to.line(`let is_left = rank == 0u || ${value} < above || (${value} == above && i > above_at);`);
      to.line(`if (is_left && (best_at == ${width}u || ${value} > best)) { best = ${value}; best_at = i; }`);
    });
    to.line('above = best;');
    to.line('above_at = best_at;');
    const at = to.bind(`row * ${k}u + rank`);
    if (stored.includes(values)) to.store(values, at, 'best');
    if (stored.includes(positions)) to.store(positions, at, 'i32(best_at)');
  });
  return { threads: THREADS, workgroups: Math.ceil(rows / THREADS) };
}

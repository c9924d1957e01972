/** What a program takes before it is built, so that one image of an extreme shape does not end the process. */
import type { Tensor } from '../graph/index.ts';
import { convolutionOp } from '../graph/ops/convolution.ts';
import { depthwiseOp } from '../graph/ops/depthwise.ts';
import { patchProjectionOp } from '../graph/ops/patches.ts';
import { maxPoolOp } from '../graph/ops/pooling.ts';
import { decompose } from '../graph/passes/decompose.ts';
import type { Op } from '../graph/tensor.ts';
import { countUses, topological } from '../graph/traverse.ts';

const WIDTHS = { f32: 4, f16: 2, i64: 8, bool: 1, u8: 1 } as const;

/** Made of arrays larger than what they give: all windows, or all patches. */
const LAID_OUT: ReadonlySet<Op> = new Set<Op>([convolutionOp, depthwiseOp, maxPoolOp, patchProjectionOp]);

/** Bytes of the largest set of results that are held at one time: each lives until its last reader is done. */
export function peakBytes(results: Readonly<Record<string, Tensor>>): number {
  const roots = decompose(Object.values(results), (op) => !LAID_OUT.has(op));
  const order = topological(roots);
  const readers = countUses(roots, order);
  let held = 0;
  let peak = 0;
  for (const { inputs, outputs } of order) {
    for (const output of outputs) if (readers.has(output)) held += bytesOf(output);
    peak = Math.max(peak, held);
    for (const input of inputs) {
      const left = (readers.get(input) ?? 0) - 1;
      readers.set(input, left);
      if (left === 0) held -= bytesOf(input);
    }
  }
  return peak;
}

function bytesOf({ size, dtype }: Tensor): number {
  return size * WIDTHS[dtype];
}

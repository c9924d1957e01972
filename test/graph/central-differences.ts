/** Checks derivatives by central differences: the graph's own gradient against slopes of the graph's own loss. */
import { expect } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';

import { ortNode } from '../../src/engine/ort-node.ts';
import { constant, gradients, input, mul, type Shape, sum, type Tensor } from '../../src/graph/index.ts';
import { Random } from '../../src/random/random.ts';

export interface Operand {
  readonly shape: Shape;
  /** Range of the random values; default -1..1. Choose one that keeps clear of kinks. */
  readonly low?: number;
  readonly high?: number;
}

/**
 * Builds `sum(weights * build(operands))` with fixed random weights, so that every element of the result counts, and
 * compares its gradient with central differences for every element of every operand.
 */
export async function expectGradients(
  operands: readonly Operand[],
  build: (...x: Tensor[]) => Tensor,
  { step = 1e-2, tolerance = 2e-3 } = {},
): Promise<void> {
  const random = new Random(7, 'central differences');
  const leaves = operands.map(({ shape }, i) => input(`x${i}`, shape));
  const result = build(...leaves);
  const weights = Float32Array.from(
    { length: result.size },
    () => random.between(0.5, 1.5) * (random.chance(0.5) ? 1 : -1),
  );
  const loss = sum(mul(result, constant(weights, result.shape)));
  const grads = gradients(loss, leaves);
  const graph = { loss, ...Object.fromEntries(grads.map((g, i) => [`g${i}`, g])) };
  const program = await ortNode.load(graph, { threads: 1 });
  const lossOnly = await ortNode.load({ result }, { threads: 1 });
  const values = operands.map(({ shape, low = -1, high = 1 }) =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.between(low, high)),
  );
  const feeds = (): Record<string, Float32Array> => Object.fromEntries(values.map((v, i) => [`x${i}`, v]));
  const used = (
    all: Record<string, Float32Array>,
    names: ReadonlyMap<string, unknown>,
  ): Record<string, Float32Array> =>
    Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name)));
  const got = await evaluate(program, used(feeds(), program.inputs));
  // The loss is summed here in double precision, so that only the op's own rounding disturbs the slope.
  const slopeLoss = async (): Promise<number> => {
    const { result: r } = await evaluate(lossOnly, used(feeds(), lossOnly.inputs));
    return (r ?? new Float32Array()).reduce((total, value, i) => total + value * (weights[i] ?? 0), 0);
  };
  for (const [i, v] of values.entries()) {
    const g = got[`g${i}`];
    expect(g).toBeDefined();
    const slopes = new Float32Array(v.length);
    for (let j = 0; j < v.length; j++) {
      const x = v[j] ?? 0;
      v[j] = x + step;
      const up = await slopeLoss();
      const xUp = v[j] ?? 0;
      v[j] = x - step;
      const down = await slopeLoss();
      slopes[j] = (up - down) / (xUp - (v[j] ?? 0));
      v[j] = x;
    }
    const largest = Math.max(1e-3, ...slopes.map(Math.abs));
    const worst = Math.max(...slopes.map((s, j) => Math.abs(s - (g?.[j] ?? Number.NaN)) / largest));
    expect(
      worst,
      `gradient of operand ${i}: ${g?.slice(0, 6)} against slopes ${slopes.slice(0, 6)}`,
    ).toBeLessThan(tolerance);
  }
  await program.dispose();
  await lossOnly.dispose();
}

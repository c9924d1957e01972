/** Sinkhorn-Knopp centering against the official formula, step by step in float64, and what it is for. */
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';

import { ortNode } from '../../src/engine/ort-node.ts';
import { input } from '../../src/graph/index.ts';
import { logSinkhornKnopp } from '../../src/method/sinkhorn.ts';
import { Random } from '../../src/random/random.ts';

const [rows, prototypes] = [6, 10];

/** Official `sinkhorn_knopp_teacher`: exp, the whole divided by its sum, then columns and rows three times. [rows][K] */
function official(logits: Float32Array, temperature: number): number[][] {
  let q = Array.from({ length: rows }, (_, i) =>
    Array.from({ length: prototypes }, (_, k) => Math.exp(logits[i * prototypes + k]! / temperature)),
  );
  const total = q.flat().reduce((a, b) => a + b, 0);
  q = q.map((row) => row.map((value) => value / total));
  for (let round = 0; round < 3; round++) {
    const columns = q[0]!.map((_, k) => q.reduce((sum, row) => sum + row[k]!, 0));
    q = q.map((row) => row.map((value, k) => value / columns[k]! / prototypes));
    q = q.map((row) => row.map((value) => value / row.reduce((a, b) => a + b, 0) / rows));
  }
  return q.map((row) => row.map((value) => value * rows));
}

async function ours(logits: Float32Array, temperature: number): Promise<number[][]> {
  const logQ = logSinkhornKnopp(input('logits', [rows, prototypes]), input('temperature', []));
  const program = await ortNode.load({ logQ });
  const { logQ: found } = await evaluate(program, { logits, temperature: Float32Array.of(temperature) });
  return Array.from({ length: rows }, (_, i) =>
    Array.from(found!.subarray(i * prototypes, (i + 1) * prototypes), Math.exp),
  );
}

const random = new Random(1, 'logits');
/** Cosines, as the head gives them; the first prototype is nearest to every image. */
const logits = Float32Array.from({ length: rows * prototypes }, (_, i) =>
  i % prototypes === 0 ? 0.9 + 0.05 * random.normal() : 0.4 * random.normal(),
);

describe('Sinkhorn-Knopp centering', () => {
  it.each([1, 0.1, 0.04])('is the official formula at a temperature of %f', async (temperature) => {
    const [wanted, found] = [official(logits, temperature), await ours(logits, temperature)];
    for (const [i, row] of wanted.entries())
      for (const [k, value] of row.entries()) expect(found[i]![k]).toBeCloseTo(value, 5);
  });

  it('gives every image a distribution, and the prototypes equal shares of them', async () => {
    const found = await ours(logits, 0.1);
    for (const row of found) expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    const shares = found[0]!.map((_, k) => found.reduce((sum, row) => sum + row[k]!, 0));
    for (const share of shares) expect(share).toBeGreaterThan((0.5 * rows) / prototypes);
    for (const share of shares) expect(share).toBeLessThan((1.6 * rows) / prototypes);
  });

  it('stays finite where exp(logits / temperature) would not', async () => {
    const far = logits.map((value) => 40 * value);
    const found = await ours(far, 0.02);
    for (const row of found) expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);
  });
});

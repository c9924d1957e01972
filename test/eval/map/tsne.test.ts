import { describe, expect, it } from 'vitest';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { mapAccuracy } from '../../../src/eval/map/feature-map.ts';
import { TsneDescent, tsne } from '../../../src/eval/map/tsne.ts';
import { calibrate, nearestRows, symmetrize } from '../../../src/eval/map/tsne-affinities.ts';
import { Random } from '../../../src/random/random.ts';
import { blobs } from '../blobs.ts';

const COUNT = 60;
const { rows } = blobs(COUNT, 5, 3, 0.5);
const random = new Random(5, 'positions');
const positions = Float64Array.from({ length: 2 * COUNT }, () => random.normal());
const affinities = async () => {
  const nearest = await nearestRows(ortNode, rows, 16);
  return symmetrize(nearest, calibrate(nearest, 5));
};

/** The definition: all pairs. */
function exactGradient(p: Float64Array): Float64Array {
  const gradient = new Float64Array(2 * COUNT);
  const kernel = (i: number, j: number): number =>
    1 /
    (1 + (positions[2 * i]! - positions[2 * j]!) ** 2 + (positions[2 * i + 1]! - positions[2 * j + 1]!) ** 2);
  let total = 0;
  for (let i = 0; i < COUNT; i++) for (let j = 0; j < COUNT; j++) if (i !== j) total += kernel(i, j);
  for (let i = 0; i < COUNT; i++) {
    for (let j = 0; j < COUNT; j++) {
      if (i === j) continue;
      const force = 4 * (p[i * COUNT + j]! - kernel(i, j) / total) * kernel(i, j);
      for (let d = 0; d < 2; d++)
        gradient[2 * i + d]! += force * (positions[2 * i + d]! - positions[2 * j + d]!);
    }
  }
  return gradient;
}

async function dense(): Promise<Float64Array> {
  const { starts, columns, values } = await affinities();
  const p = new Float64Array(COUNT * COUNT);
  for (let i = 0; i < COUNT; i++)
    for (let at = starts[i]!; at < starts[i + 1]!; at++) p[i * COUNT + columns[at]!] = values[at]!;
  return p;
}

const largest = (values: Iterable<number>): number =>
  [...values].reduce((a, b) => Math.max(a, Math.abs(b)), 0);

describe('the affinities of t-SNE', () => {
  it('look at the exact nearest rows, and give each the wanted perplexity', async () => {
    const found = await nearestRows(ortNode, rows, 16);
    for (const row of [0, 17, 59]) {
      const all = Array.from({ length: COUNT }, (_, other) => {
        let square = 0;
        for (let d = 0; d < 5; d++) square += (rows.values[row * 5 + d]! - rows.values[other * 5 + d]!) ** 2;
        return { other, square };
      })
        .filter(({ other }) => other !== row)
        .sort((a, b) => a.square - b.square);
      expect([...found.rows.subarray(row * 16, row * 16 + 16)]).toEqual(all.slice(0, 16).map((x) => x.other));
    }
    const distributions = calibrate(found, 5);
    for (let start = 0; start < distributions.length; start += 16) {
      const entropy = distributions
        .subarray(start, start + 16)
        .reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);
      expect(Math.exp(entropy)).toBeCloseTo(5, 3);
    }
  });

  it('are symmetric and sum to 1', async () => {
    const p = await dense();
    expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
    for (let i = 0; i < COUNT; i++)
      for (let j = 0; j < i; j++) expect(p[i * COUNT + j]).toBe(p[j * COUNT + i]);
  });
});

describe('t-SNE', () => {
  it('has the gradient of the definition with theta 0, and nearly with theta 0.5', async () => {
    const wanted = exactGradient(await dense());
    for (const [theta, tolerance] of [
      [0, 1e-12],
      [0.5, 0.02],
    ] as const) {
      const gradient = new Float64Array(2 * COUNT);
      new TsneDescent(await affinities(), positions.slice(), theta).gradient(1, gradient);
      expect(largest(gradient.map((x, i) => x - wanted[i]!))).toBeLessThan(tolerance * largest(wanted));
    }
  });

  it('brings the divergence down', async () => {
    const seen: number[] = [];
    const { divergence } = await tsne(ortNode, rows, {
      perplexity: 5,
      iterations: 500,
      onProgress: (done, _, value) => void (done > 250 && seen.push(value)),
    });
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.at(-1)).toBeLessThan(seen[0]! + 1e-9);
    expect(divergence).toBe(seen.at(-1));
    const start = new TsneDescent(
      await affinities(),
      positions.map((x) => x * 1e-4),
      0.5,
    );
    expect(divergence).toBeLessThan(start.divergence() / 2);
  });

  it('keeps separate blobs separate', async () => {
    const { rows: far, labels } = blobs(300, 10, 4, 0.2);
    const map = await tsne(ortNode, far, { perplexity: 20 });
    expect(mapAccuracy(map.positions, labels)).toBeGreaterThan(99);
    expect([...map.positions].every(Number.isFinite)).toBe(true);
  });

  it('is the same map again, and another one from another random start', async () => {
    const make = (seed: number) =>
      tsne(ortNode, rows, { perplexity: 5, iterations: 60, start: 'random', seed });
    const [a, b, c] = [await make(1), await make(1), await make(2)];
    expect(b).toEqual(a);
    expect(c.positions).not.toEqual(a.positions);
  });

  it('lowers the perplexity for few rows, and maps one, two and equal rows to finite places', async () => {
    const few = { values: rows.values.subarray(0, 10 * 5), dim: 5 };
    const map = await tsne(ortNode, few, { perplexity: 20, iterations: 300 });
    expect(map.perplexity).toBe(3);
    expect([...map.positions].every(Number.isFinite)).toBe(true);
    for (const count of [1, 2]) {
      const { positions: at } = await tsne(ortNode, { values: few.values.subarray(0, count * 5), dim: 5 });
      expect(at).toHaveLength(2 * count);
      expect([...at].every(Number.isFinite)).toBe(true);
    }
    const doubled = new Float32Array([...few.values, ...few.values, ...new Float32Array(100).fill(3)]);
    const again = await tsne(ortNode, { values: doubled, dim: 5 }, { perplexity: 5, iterations: 300 });
    expect([...again.positions].every(Number.isFinite)).toBe(true);
    const alike = await tsne(ortNode, { values: new Float32Array(60).fill(2), dim: 3 }, { iterations: 300 });
    expect([...alike.positions].every(Number.isFinite)).toBe(true);
  });

  it('says what is wrong with an option or a value', async () => {
    await expect(tsne(ortNode, rows, { perplexity: 0.5 })).rejects.toThrow('A perplexity of 0.5');
    await expect(tsne(ortNode, rows, { theta: 2 })).rejects.toThrow('Theta is 2');
    await expect(tsne(ortNode, rows, { iterations: 0 })).rejects.toThrow('0 iterations');
    await expect(tsne(ortNode, { values: Float32Array.of(1, Number.NaN), dim: 1 })).rejects.toThrow(
      'The features to map hold NaN in row 1',
    );
  });
});

import { describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import { Random } from '../../src/random/random.ts';
import { cosineRows } from '../../src/rows/cosine-rows.ts';
import { type FeatureRows, l2NormalizedRows } from '../../src/rows/feature-rows.ts';
import { NeighborSearch, nearestNeighbors } from '../../src/rows/nearest-neighbors.ts';

const dim = 5;
const random = new Random(4, 'neighbors');
const rowsOf = (count: number): FeatureRows =>
  l2NormalizedRows({ values: Float32Array.from({ length: count * dim }, () => random.normal()), dim });
const [bank, queries] = [rowsOf(70), rowsOf(9)];

/** Bank rows of a query, the most similar first, by plain arithmetic. */
function ranked(query: number): number[] {
  const cosine = (row: number): number =>
    bank.values
      .subarray(row * dim, (row + 1) * dim)
      .reduce((sum, value, d) => sum + value * (queries.values[query * dim + d] ?? 0), 0);
  return Array.from({ length: 70 }, (_, row) => row).sort((a, b) => cosine(b) - cosine(a));
}

const piece = (from: number, to: number): FeatureRows => ({
  values: bank.values.subarray(from * dim, to * dim),
  dim,
});

describe('neighbors', () => {
  it('are those of plain arithmetic, whatever the blocks', async () => {
    for (const blocks of [{}, { queryBlock: 4, bankBlock: 16 }, { queryBlock: 1, bankBlock: 7 }]) {
      const { rows, k } = await nearestNeighbors(ortNode, bank, queries, { k: 6, ...blocks });
      for (let query = 0; query < 9; query++)
        expect([...rows.subarray(query * k, (query + 1) * k)]).toEqual(ranked(query).slice(0, 6));
    }
  });

  it('are the same in a bank that comes in pieces of any size, and all of it while that is small', async () => {
    const whole = await nearestNeighbors(ortNode, bank, queries, { k: 6 });
    const search = new NeighborSearch(ortNode, queries, { k: 6, bankBlock: 16 });
    await search.add(piece(0, 4), 0);
    expect(search.found()).toMatchObject({ k: 4, queries: 9 });
    await search.add(piece(4, 37), 4);
    await search.add(piece(37, 70), 37);
    await search.dispose();
    const { rows, similarities } = search.found();
    expect(rows).toEqual(whole.rows);
    for (const [i, value] of similarities.entries()) expect(value).toBeCloseTo(whole.similarities[i]!, 5);
  });

  it('of a bank’s own rows leave each one out, even among equal rows', async () => {
    const twins = { values: bank.values.slice(), dim };
    for (const copy of [31, 60]) twins.values.copyWithin(copy * dim, 3 * dim, 4 * dim);
    const { rows, k } = await nearestNeighbors(ortNode, twins, twins, { k: 2, leaveOneOut: true });
    const found = (row: number): number[] => [...rows.subarray(row * k, (row + 1) * k)].sort((a, b) => a - b);
    expect([found(3), found(31), found(60)]).toEqual([
      [31, 60],
      [3, 60],
      [3, 31],
    ]);
  });
});

it('cosines come query by query, of the whole database', async () => {
  const seen: number[] = [];
  await cosineRows(ortNode, { database: bank, queries }, (similarities, query) => {
    seen.push(query);
    const order = Array.from(similarities.keys()).sort((a, b) => similarities[b]! - similarities[a]!);
    expect(order).toEqual(ranked(query));
  });
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

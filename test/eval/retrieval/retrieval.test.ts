import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { folderRetrieval, labelRetrieval } from '../../../src/eval/retrieval/label-retrieval.ts';
import { rankDatabase, retrievalScores, truthAtLevel } from '../../../src/eval/retrieval/retrieval.ts';
import { averagePrecision } from '../../../src/rows/average-precision.ts';
import { rankAmongAll } from '../../../src/rows/rank-among-all.ts';
import { blobs } from '../blobs.ts';

describe('average precision', () => {
  it('is 1 for positives in front, and the trapezoids elsewhere', () => {
    expect(averagePrecision([0, 1, 2], 3)).toBe(1);
    // At place 1: (0 / 1 + 1 / 2) / 2; at place 3: (1 / 3 + 2 / 4) / 2.
    expect(averagePrecision([1, 3], 2)).toBeCloseTo((0.25 + 5 / 12) / 2, 12);
    expect(averagePrecision([0], 4)).toBe(0.25);
    expect(averagePrecision([], 4)).toBe(0);
    expect(averagePrecision([], 0)).toBeNaN();
  });
});

describe('retrieval scores', () => {
  it('pass over junk, and over queries without positives', () => {
    const ranks = Int32Array.of(5, 1, 2, 0, /**/ 0, 1, 2, 5);
    const scores = retrievalScores(ranks, [{ positives: [2], junk: [5, 1] }, { positives: [] }], [1, 3]);
    expect(scores.map).toBe(1);
    expect([...scores.averagePrecision]).toEqual([1, Number.NaN]);
    expect([...scores.precisionAt]).toEqual([1, 1, Number.NaN, Number.NaN]);
    expect([...scores.meanPrecisionAt]).toEqual([1, 1]);
  });

  it('bound the precision at k by the place of the last positive', () => {
    const scores = retrievalScores(Int32Array.of(3, 7, 1, 4), [{ positives: [7, 1] }], [1, 2, 10]);
    expect([...scores.precisionAt]).toEqual([0, 1 / 2, 2 / 3]);
  });

  it('are 0 where no positive is in the ranking, and NaN where no query has positives', () => {
    const missing = retrievalScores(Int32Array.of(3, 7), [{ positives: [1] }], [5]);
    expect([missing.map, missing.precisionAt[0]]).toEqual([0, 0]);
    const none = retrievalScores(Int32Array.of(3, 7), [{ positives: [] }], [5]);
    expect([none.map, none.meanPrecisionAt[0]]).toEqual([Number.NaN, Number.NaN]);
  });

  it('look for what a level names', () => {
    const truth = { easy: [1], hard: [2], junk: [3] };
    expect(truthAtLevel(truth, 'easy')).toEqual({ positives: [1], junk: [3, 2] });
    expect(truthAtLevel(truth, 'medium')).toEqual({ positives: [1, 2], junk: [3] });
    expect(truthAtLevel(truth, 'hard')).toEqual({ positives: [2], junk: [3, 1] });
  });

  it('refuse ranks that do not fit the queries', () => {
    expect(() => retrievalScores(new Int32Array(5), [{ positives: [1] }, { positives: [1] }])).toThrow(
      '5 ranks are no table of 2 queries',
    );
  });
});

describe('a database ranking', () => {
  it('goes by cosine, and by row among duplicates', async () => {
    const database = { values: Float32Array.of(1, 1, 0, 5, 2, 0, 0, 3, 9, 0), dim: 2 };
    const found = await rankDatabase(ortNode, database, { values: Float32Array.of(1, 0, 0, 0.1), dim: 2 });
    expect([...found.ranks]).toEqual([2, 4, 0, 1, 3, /**/ 1, 3, 0, 2, 4]);
    expect(found.similarities[2]).toBe(1);
    expect(found.similarities[0]).toBeCloseTo(Math.SQRT1_2, 6);
  });

  it('is the same whatever the blocks', async () => {
    const { rows } = blobs(700, 6, 3, 1);
    const whole = await rankDatabase(ortNode, rows, rows);
    const some = { values: rows.values.slice(6 * 650), dim: 6 };
    const last = await rankDatabase(ortNode, rows, some);
    expect(last.ranks).toEqual(whole.ranks.slice(650 * 700));
  });

  it('refuses NaN and different widths in one sentence', async () => {
    const good = { values: Float32Array.of(1, 0), dim: 2 };
    const broken = { values: Float32Array.of(1, Number.NaN), dim: 2 };
    await expect(rankDatabase(ortNode, broken, good)).rejects.toThrow(
      'The database features hold NaN in row 0',
    );
    await expect(rankDatabase(ortNode, good, broken)).rejects.toThrow('The query features hold NaN in row 0');
    await expect(rankDatabase(ortNode, good, { values: new Float32Array(3), dim: 3 })).rejects.toThrow(
      'The queries have 3 numbers a row and the database has 2',
    );
  });
});

describe('places among all', () => {
  it('are those of a sorted list, with any ties', () => {
    const similarity = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.float({ noNaN: true, min: -1, max: 1 }));
    const rows = fc.array(fc.tuple(similarity, fc.boolean()), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(rows, (list) => {
        const similarities = Float32Array.from(list, ([value]) => value);
        const wanted = list.flatMap(([, is], row) => (is ? [row] : []));
        const order = [...similarities.keys()].sort((a, b) => similarities[b]! - similarities[a]! || a - b);
        const found = rankAmongAll(similarities, wanted);
        const places = order.flatMap((row, place) => (wanted.includes(row) ? [place] : []));
        expect([...found.places]).toEqual(places);
        expect([...found.rows]).toEqual(places.map((place) => order[place]));
      }),
    );
  });
});

describe('retrieval by label', () => {
  it('scores every image of a folder as sorting all others would', async () => {
    const { rows, labels } = blobs(300, 5, 4, 2);
    labels[7] = 99; // nothing to be found
    const found = await folderRetrieval(ortNode, { features: rows, labels }, { ks: [1, 3] });
    const { ranks } = await rankDatabase(ortNode, rows, rows);
    const precisions: number[] = [];
    const hits = [0, 0];
    let near = 0;
    for (let query = 0; query < 300; query++) {
      const ranking = [...ranks.subarray(query * 300, (query + 1) * 300)];
      near += ranking.slice(0, 4).filter((row) => labels[row] === labels[query]).length;
      const others = ranking.filter((row) => row !== query);
      const places = others.flatMap((row, place) => (labels[row] === labels[query] ? [place] : []));
      precisions.push(averagePrecision(places, places.length));
      if (places[0] === 0) hits[0]!++;
      if ((places[0] ?? 9) < 3) hits[1]!++;
    }
    expect([...found.averagePrecision]).toEqual(precisions);
    const defined = precisions.filter((value) => !Number.isNaN(value));
    expect(found.queriesWithPositives).toBe(299);
    expect(found.map).toBeCloseTo(defined.reduce((a, b) => a + b, 0) / 299, 12);
    expect(found.recallAt).toEqual([
      { k: 1, recall: hits[0]! / 299 },
      { k: 3, recall: hits[1]! / 299 },
    ]);
    expect(found.nsScore).toBe(near / 300);
  });

  it('has the full N-S score for objects of four images that are alike', async () => {
    const values = Float32Array.from({ length: 12 * 3 }, (_, i) => (Math.floor(i / 12) === i % 3 ? 1 : 0));
    const labels = Array.from({ length: 12 }, (_, i) => Math.floor(i / 4));
    const found = await folderRetrieval(ortNode, { features: { values, dim: 3 }, labels });
    expect([found.nsScore, found.map]).toEqual([4, 1]);
  });

  it('takes duplicates in the order of their rows', async () => {
    const values = Float32Array.from({ length: 8 }, (_, i) => 1 - (i % 2));
    const found = await folderRetrieval(ortNode, { features: { values, dim: 2 }, labels: [0, 1, 1, 0] });
    // Rows 0, 1, 2, 3 are equal: the positive of row 0 is third among the others, those of 1 and 2 second, that of 3 first.
    const at = (place: number): number => (0 / Math.max(place, 1) + 1 / (place + 1)) / 2;
    expect([...found.averagePrecision]).toEqual([at(2), at(1), at(1), 1]);
  });

  it('finds all of a database that is smaller than k, and tells of queries without positives', async () => {
    const database = { values: Float32Array.of(1, 0, 0, 1), dim: 2 };
    const queries = { values: Float32Array.of(1, 1, 2, 1, 0, 1), dim: 2 };
    const labeled = { features: database, labels: [0, 1] };
    const asked = (labels: number[]) => ({ features: queries, labels });
    const found = await labelRetrieval(ortNode, labeled, asked([1, 1, 5]), { ks: [1, 10] });
    expect(found.recallAt).toEqual([
      { k: 1, recall: 0 },
      { k: 10, recall: 1 },
    ]);
    expect(found.queriesWithPositives).toBe(2);
    expect(found.averagePrecision[2]).toBeNaN();
    const none = await labelRetrieval(ortNode, labeled, asked([7, 8, 9]));
    expect([none.map, none.recallAt[0]?.recall, none.queriesWithPositives]).toEqual([
      Number.NaN,
      Number.NaN,
      0,
    ]);
  });

  it('is perfect with one class', async () => {
    const { rows } = blobs(20, 3, 1, 1);
    const found = await folderRetrieval(ortNode, { features: rows, labels: new Array(20).fill(3) });
    expect([found.map, found.nsScore, found.recallAt[0]?.recall]).toEqual([1, 4, 1]);
  });

  it('refuses labels that do not fit', async () => {
    const { rows } = blobs(20, 3, 1, 1);
    await expect(folderRetrieval(ortNode, { features: rows, labels: [1, 2] })).rejects.toThrow(
      '2 image labels do not fit 20 rows',
    );
  });
});

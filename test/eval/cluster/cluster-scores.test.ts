import { describe, expect, it } from 'vitest';
import { clusterScores, contingency, pairClusters } from '../../../src/eval/cluster/cluster-scores.ts';
import { Random } from '../../../src/random/random.ts';
import { largestMatching } from '../../../src/rows/matching.ts';

describe('cluster scores', () => {
  it('are all 1 for the same partition under other names', () => {
    expect(clusterScores([0, 0, 1, 1, 7], [5, 5, 3, 3, -2])).toEqual({
      nmi: 1,
      ari: 1,
      hungarianAccuracy: 1,
      purity: 1,
    });
  });

  it('are all 1 for one class in one cluster, and for a single sample', () => {
    const perfect = { nmi: 1, ari: 1, hungarianAccuracy: 1, purity: 1 };
    expect(clusterScores([4, 4, 4], [0, 0, 0])).toEqual(perfect);
    expect(clusterScores([4], [0])).toEqual(perfect);
  });

  it('see nothing shared between one class and several clusters', () => {
    expect(clusterScores([1, 1, 1, 1], [0, 1, 2, 2])).toEqual({
      nmi: 0,
      ari: 0,
      hungarianAccuracy: 0.5,
      purity: 1,
    });
  });

  it('count samples of clusters without a class as wrong', () => {
    const labels = [0, 0, 0, 1, 1, 1];
    const clusters = [0, 0, 2, 1, 1, 3];
    expect(clusterScores(labels, clusters).hungarianAccuracy).toBeCloseTo(4 / 6, 12);
    expect(pairClusters(contingency(labels, clusters))).toEqual([
      { class: 0, cluster: 0, samples: 2 },
      { class: 1, cluster: 1, samples: 2 },
    ]);
    // More classes than clusters: the third class has no partner.
    expect(pairClusters(contingency([0, 1, 2, 2], [0, 1, 1, 1]))).toHaveLength(2);
  });

  it('refuse lists of different lengths and no samples', () => {
    expect(() => clusterScores([0, 1], [0])).toThrow('2 labels cannot be compared with 1 cluster');
    expect(() => clusterScores([], [])).toThrow(RangeError);
  });
});

describe('the largest matching', () => {
  const best = (weights: readonly number[], rows: number, columns: number): number => {
    const from = (row: number, taken: ReadonlySet<number>): number => {
      if (row === rows) return 0;
      let most = rows > columns ? from(row + 1, taken) : Number.NEGATIVE_INFINITY;
      for (let column = 0; column < columns; column++)
        if (!taken.has(column))
          most = Math.max(
            most,
            weights[row * columns + column]! + from(row + 1, new Set([...taken, column])),
          );
      return most;
    };
    return from(0, new Set());
  };

  it('is as large as that found by trying all', () => {
    const random = new Random(3, 'matching test');
    for (let trial = 0; trial < 200; trial++) {
      const [rows, columns] = [1 + random.integer(5), 1 + random.integer(5)];
      const weights = Array.from({ length: rows * columns }, () => random.integer(6));
      const partners = largestMatching(weights, rows, columns);
      const matched = [...partners].filter((column) => column >= 0);
      expect(matched).toHaveLength(Math.min(rows, columns));
      expect(new Set(matched).size).toBe(matched.length);
      const sum = [...partners].reduce(
        (total, column, row) => (column < 0 ? total : total + weights[row * columns + column]!),
        0,
      );
      expect(sum).toBe(best(weights, rows, columns));
    }
  });

  it('finds a hidden pairing of 300 rows', () => {
    const random = new Random(4, 'matching test');
    const size = 300;
    const order = random.permutation(size);
    const weights = Int32Array.from({ length: size * size }, () => random.integer(50));
    for (let row = 0; row < size; row++) weights[row * size + order[row]!] = 100;
    expect([...largestMatching(weights, size, size)]).toEqual([...order]);
  });
});

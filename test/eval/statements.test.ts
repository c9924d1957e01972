/** What evaluations say of a report: pure functions, which need no network, no folder and no images. */
import { describe, expect, it } from 'vitest';
import { attendStatement } from '../../src/eval/attention/attend-section.ts';
import { knnStatement } from '../../src/eval/classify/knn-section.ts';
import { largestClass, largestShare } from '../../src/eval/classify/largest-class.ts';
import { clusterStatement } from '../../src/eval/cluster/section.ts';
import { comparedNames, forBaselines } from '../../src/features/baselines.ts';
import { attentionTitle } from '../../src/model/backbone.ts';
import type { PicturedImages } from '../../src/report/picture.ts';
import { tinyHybrid, tinyVit } from '../model/tiny-networks.ts';

const facts = { feature: 'class token', size: 32 };
const near = { low: 0, high: 0 };
/** A value for each thing that is compared, by its place among them. */
const ofAll = <Value>(make: (rank: number) => Value) => {
  const of = (name: (typeof comparedNames)[number]): Value => make(comparedNames.indexOf(name));
  return { trained: of('trained'), ...forBaselines(of) };
};

const pictures: PicturedImages = {
  key: (index) => `image ${index}`,
  pictureOf: async (index) => ({ mime: 'image/png', bytes: Uint8Array.of(index), width: 1, height: 1 }),
};

describe('the statement of k-NN', () => {
  const top1 = ofAll((rank) => ({ top1: { 10: 80 - 20 * rank, 20: 81.26 - 20 * rank } }));
  const statement = knnStatement(
    {
      ...top1,
      intervals: ofAll((rank) => ({ 10: near, 20: { low: 80 - 20 * rank, high: 82 - 20 * rank } })),
      gains: forBaselines(() => ({ 20: { low: 15, high: 25 } })),
      bankImages: 500,
      testImages: 100,
      skipped: [],
      leaveOneOut: false,
    },
    { ...facts, temperature: 0.07 },
  );

  it('has the numbers of its bars in its table, the official k first', () => {
    expect(statement.table[1]?.slice(1)).toEqual(['80.0 (0.0 to 0.0)', '81.3 (80.0 to 82.0)']);
    expect(statement.section?.blocks).toEqual([
      expect.objectContaining({ kind: 'scores', title: 'Top-1 with 20 neighbors' }),
    ]);
    const [bars] = statement.section?.blocks ?? [];
    expect(bars?.kind === 'scores' && bars.rows.map(({ value }) => value)).toEqual(
      comparedNames.map((_, i) => 81.26 - 20 * i),
    );
  });

  it('says how it was measured, on the terminal and on the page, and what is to be thought of it', () => {
    expect(statement.protocol).toContain('100 images against 500: class token at 32 pixels');
    expect(statement.section?.intro.startsWith(statement.protocol)).toBe(true);
    expect(statement.finding?.severity).toBe('ok');
  });
});

describe('very unequal classes', () => {
  const labels = Int32Array.of(0, 1, 1, 1, 1, 1, 1, 2, 1, 1);

  it('have a largest one whose share stands beside the scores, where it is above 1.5 of an equal share', () => {
    expect(largestShare(labels, 3)).toEqual({ label: 1, top1: 80 });
    expect(largestShare(Int32Array.of(0, 0, 0, 1), 2)).toBeUndefined();
    expect(largestShare(Int32Array.of(0, 0, 0, 0, 1), 2)).toEqual({ label: 0, top1: 80 });
    const allWrong = largestClass(labels, 3, new Float64Array(10));
    expect(allWrong?.top1).toBe(80);
    expect(allWrong?.gain.high).toBeLessThan(-40);
    const right = largestClass(
      labels,
      3,
      Float64Array.from(labels, (label) => (label === 1 ? 100 : 0)),
    );
    expect(right?.gain).toEqual({ low: 0, high: 0 });
  });

  it('show in the table, in the bars and in what is thought of it', () => {
    const of = (top: number) => ({ top1: { 20: top } });
    const { table, section, finding } = knnStatement(
      {
        ...{ trained: of(79), untrained: of(60), pixels: of(50), pca: of(50) },
        intervals: ofAll(() => ({ 20: near })),
        gains: forBaselines(() => ({ 20: { low: 15, high: 25 } })),
        largest: { 20: { top1: 80, gain: { low: -4, high: 2 } } },
        ...{ bankImages: 500, testImages: 100, skipped: [], leaveOneOut: false },
      },
      { ...facts, temperature: 0.07 },
    );
    expect(table.at(-1)).toEqual(['largest class', '80.0']);
    expect(section?.blocks[0]).toMatchObject({
      rows: [{ value: 79 }, {}, {}, {}, { name: 'largest class', value: 80 }],
    });
    expect(finding).toMatchObject({
      severity: 'warning',
      title: 'Training has not helped: it is no better than the largest class',
    });
  });
});

describe('the statement of clustering', () => {
  const report = {
    k: 2,
    tried: [
      { k: 2, silhouette: 0.51234 },
      { k: 3, silhouette: 0.25 },
    ],
    skipped: [],
    clustering: {
      centers: new Float64Array(2),
      assignments: Int32Array.of(0, 1, 0),
      inertia: 1,
      k: 2,
      dim: 1,
      converged: true,
      iterations: 2,
    },
    indices: Int32Array.of(4, 5, 9),
    members: [Int32Array.of(2, 0), Int32Array.of(1)],
  };

  it('without classes shows the numbers of groups that were tried, and the images of each group', async () => {
    const { table, section, finding } = await clusterStatement(
      report,
      { ...facts, restarts: 3, classes: [] },
      pictures,
    );
    expect(table).toEqual([
      ['groups', 'silhouette'],
      ['2', '0.512'],
      ['3', '0.250'],
    ]);
    expect(finding).toBeUndefined();
    const [chart, tiles] = section?.blocks ?? [];
    expect(chart?.kind === 'chart' && chart.series[0]?.y).toEqual([0.51234, 0.25]);
    expect(
      tiles?.kind === 'tiles' &&
        tiles.groups.map(({ title, tiles }) => [title, tiles.map(({ name }) => name)]),
    ).toEqual([
      ['Group 1: 2 images', ['image 9', 'image 4']],
      ['Group 2: 1 image', ['image 5']],
    ]);
  });

  it('says where the number of groups that was chosen says little', async () => {
    const tried = [
      { k: 2, silhouette: 0.1 },
      { k: 3, silhouette: 0.104 },
    ];
    const { finding } = await clusterStatement(
      { ...report, k: 3, tried },
      { ...facts, restarts: 3, classes: [] },
      pictures,
    );
    expect(finding).toMatchObject({ severity: 'info', title: 'Hardly any groups' });
    expect(finding?.detail).toContain('is 0.10, with 3 groups, the most that were tried: below 0.25');
  });
});

describe('the statement of attention in images', () => {
  it.each([tinyVit, tinyHybrid])('uses the words of its network, a $kind', (network) => {
    const facts = {
      attention: attentionTitle(network),
      size: [32],
      threshold: 0.6,
      patch: 8,
      written: '1 image',
    };
    const { section } = attendStatement([{ trained: [10, 20], untrained: [30, 40] }], facts, []);
    const own = { vit: 'attention of the last layer', convnet: 'attention of the pooling heads' }[
      network.kind
    ];
    expect(section?.intro).toContain(`Where the network looks, by the ${own}: 60 % of a head's attention`);
    expect(section?.intro).not.toContain('class token');
  });
});

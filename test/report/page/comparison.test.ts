import { describe, expect, it } from 'vitest';
import type { Measured } from '../../../src/report/blocks.ts';
import type { Report } from '../../../src/report/model.ts';
import { renderComparison } from '../../../src/report/page/comparison.ts';
import { scoreGroups } from '../../../src/report/page/score-table.ts';
import { elementNames } from './html-checker.ts';
import { sampleReport } from './sample.ts';

const scored = (value: number, intro = 'k-NN of 20 images', measured?: Measured): Report => ({
  ...sampleReport(),
  evaluations: [
    {
      title: 'k-NN',
      intro,
      ...(measured === undefined ? {} : { measured }),
      blocks: [
        {
          kind: 'scores',
          title: 'Top-1',
          top: 100,
          unit: ' %',
          rows: [{ name: 'trained', value, low: value - 1, high: value + 1 }],
        },
        { kind: 'text', text: 'no score' },
      ],
    },
  ],
});

describe('runs beside each other', () => {
  const first = scored(41.26);
  const second: Report = {
    ...scored(52),
    recipe: [
      { name: 'out_dim', value: '4096', reason: 'as before' },
      { name: 'lr', value: '0.01', reason: 'given' },
    ],
    curves: { loss: { steps: [0, 2], values: [8, 4] } },
    findings: [],
  };
  const page = renderComparison([
    { name: 'a', address: 'runs/a/report.html', report: first },
    { name: 'b<', address: 'runs/b%3C/report.html', report: second },
  ]);

  it('are one well-formed page without scripts or requests', () => {
    expect(elementNames(page)).toContain('table');
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<script|https?:|NaN|undefined/);
    expect(page).toContain('<a href="runs/b%3C/report.html">b&lt;</a>');
  });

  it('have their scores in one row, and what was not measured is said', () => {
    expect(page).toContain('<td>41.3 % (40.3 to 42.3)</td><td>52.0 % (51.0 to 53.0)</td>');
    const groups = scoreGroups([first, { title: 'empty' }, second]);
    const knn = groups.find(({ title }) => title === 'k-NN: Top-1');
    expect(knn).toEqual({
      title: 'k-NN: Top-1',
      note: '',
      rows: [{ name: 'trained', cells: ['41.3 % (40.3 to 42.3)', undefined, '52.0 % (51.0 to 53.0)'] }],
    });
    const last = groups.find(({ title }) => title === 'At the end of training');
    expect(last?.rows).toEqual([
      { name: 'k-NN top-1', cells: ['60.0\u202f%', undefined, undefined] },
      { name: 'k-NN top-1 before training', cells: ['28.0\u202f%', undefined, undefined] },
    ]);
  });

  it('have intervals at the end of training, by the number of images, and stand beside raw pixels', () => {
    const { curves } = sampleReport();
    const title = 'At the end of training';
    expect(
      scoreGroups([
        { title: 'a', curves: { ...curves, evaluationImages: 100, knnPixels: 0.5 } },
        { title: 'b', curves: { ...curves, evaluationImages: 400 } },
      ]),
    ).toEqual([
      {
        title,
        note: 'not measured alike: images 100',
        rows: [
          { name: 'k-NN top-1', cells: ['60.0\u202f% (50.2 to 69.1)', undefined] },
          { name: 'k-NN top-1 before training', cells: ['28.0\u202f% (20.1 to 37.5)', undefined] },
          { name: 'k-NN top-1 of raw pixels', cells: ['50.0\u202f% (40.4 to 59.6)', undefined] },
        ],
      },
      {
        title,
        note: 'not measured alike: images 400',
        rows: [
          { name: 'k-NN top-1', cells: [undefined, '60.0\u202f% (55.1 to 64.7)'] },
          { name: 'k-NN top-1 before training', cells: [undefined, '28.0\u202f% (23.8 to 32.6)'] },
        ],
      },
    ]);
  });

  it('have no interval where too few samples were measured for one', () => {
    const unknown = { name: 'trained', value: 0.5, low: Number.NaN, high: Number.NaN };
    const [group] = scoreGroups([
      {
        title: 'a',
        evaluations: [{ title: 'Clusters', intro: '', blocks: [{ kind: 'scores', rows: [unknown] }] }],
      },
    ]);
    expect(group?.rows).toEqual([{ name: 'trained', cells: ['0.500'] }]);
  });

  it('have rows of their own where they were measured on other images or in another way, which are named', () => {
    const on = (test: string, size: string): Measured => ({
      data: { train: '/data/train', test },
      protocol: { size, k: '[20]' },
    });
    const groups = scoreGroups([
      scored(1, 'a', on('/data/test', '56')),
      scored(2, 'b', {
        protocol: { k: '[20]', size: '56' },
        data: { test: '/data/test', train: '/data/train' },
      }),
      scored(3, 'a', on('/data/photos', '56')),
      scored(4, 'a', on('/data/test', '64')),
    ]).filter(({ title }) => title === 'k-NN: Top-1');
    expect(groups.map(({ note, rows }) => [note, rows[0]?.cells])).toEqual([
      [
        'not measured alike: train /data/train; test /data/test; size 56',
        ['1.0 % (0.0 to 2.0)', '2.0 % (1.0 to 3.0)', undefined, undefined],
      ],
      [
        'not measured alike: train /data/train; test /data/photos; size 56',
        [undefined, undefined, '3.0 % (2.0 to 4.0)', undefined],
      ],
      [
        'not measured alike: train /data/train; test /data/test; size 64',
        [undefined, undefined, undefined, '4.0 % (3.0 to 5.0)'],
      ],
    ]);
    const alike = scoreGroups([
      scored(1, 'a', on('/data/test', '56')),
      scored(2, 'a', on('/data/test', '56')),
    ]);
    expect(alike.find(({ title }) => title === 'k-NN: Top-1')?.note).toBe(
      'train /data/train; test /data/test',
    );
    const other = renderComparison([
      { name: 'a', address: 'a', report: scored(1) },
      { name: 'b', address: 'b', report: scored(2, 'k-NN of 99 images') },
    ]);
    expect(other).toContain('not measured alike');
    expect(page).not.toContain('not measured alike');
  });

  it('share charts, and keep their colors where one has no curve', () => {
    const [loss = '', knn = ''] = page.split('<figure class="chart">').slice(1);
    expect(loss).toContain('<li class="s0">a</li><li class="s1">b&lt;</li>');
    expect(loss).toContain('class="line s1"');
    expect(knn).toContain('k-NN accuracy');
    expect(knn).toContain('<li class="s0">a</li></ul>');
    const swapped = renderComparison([
      { name: 'b', address: 'b', report: second },
      { name: 'a', address: 'a', report: first },
    ]);
    const [, , lone = ''] = swapped.split('<figure class="chart">');
    expect(lone).toContain('<li class="s1">a</li></ul>');
    expect(lone).not.toContain('class="line s0"');
  });

  it('have one color where they belong together, and are told apart where they are many', () => {
    const reports = Array.from({ length: 12 }, (_, i) => ({ name: `r${i}`, address: '', report: second }));
    const many = renderComparison(reports);
    const classes = [...many.matchAll(/<path class="line (s[^"]*)"/g)].map(([, name]) => name);
    expect(new Set(classes).size).toBe(12);
    expect(classes.filter((_, i) => i % 5 === 1)).toEqual(['s1', 's1 dashed', 's1 dotted']);
    expect(many).toContain('<li class="s0 dotted"><a href="">r10</a>');
    const seeds = renderComparison(reports.slice(0, 2).map((run) => ({ ...run, color: 3 })));
    expect([...seeds.matchAll(/<path class="line (s[^"]*)"/g)].map(([, name]) => name)).toEqual(['s3', 's3']);
  });

  it('do not share a chart of what is read in two ways', () => {
    const withLoss = (caption: string): Report => ({
      title: 'a',
      curves: { loss: { caption, steps: [0, 2], values: [8, 4] } },
    });
    const drawn = renderComparison([
      { name: 'one', address: 'a', report: withLoss('It begins near 4.') },
      { name: 'two', address: 'b', report: withLoss('It begins near 1.') },
      { name: 'three', address: 'c', report: withLoss('It begins near 4.') },
    ]);
    const [both = '', alone = '', ...more] = drawn.split('<figure class="chart">').slice(1);
    expect(both).toContain('Loss of one, three');
    expect(both).toContain('It begins near 4.');
    expect(alone).toContain('Loss of two');
    expect(alone).toContain('It begins near 1.');
    expect(more).toEqual([]);
  });

  it('have captions that say only what holds for all', () => {
    const { curves } = sampleReport();
    const drawn = (images: number, pixels: number): string =>
      renderComparison(
        [
          { evaluationImages: 95, knnPixels: 0.2 },
          { evaluationImages: images, knnPixels: pixels },
        ].map((own, i) => ({
          name: `${i}`,
          address: 'a',
          report: { title: 'a', curves: { ...curves, ...own } },
        })),
      );
    expect(drawn(95, 0.2)).toContain('Of 95 images only: it says little. It should rise above the line.');
    expect(drawn(9, 0.25)).toContain('at every online evaluation. It should rise. If');
    expect(drawn(9, 0.25)).not.toContain('>raw pixels');
  });

  it('show the choices in which they differ, and no others', () => {
    const differing = page.slice(page.indexOf('What differs'));
    expect(differing).toContain('<th scope="row">lr</th><td>not set</td><td>0.01</td>');
    expect(differing).not.toContain('out_dim');
  });

  it('have what the doctor said in one row for each topic, with its severity', () => {
    const finding = (severity: 'ok' | 'warning', title: string, topic?: string) => ({
      severity,
      title,
      detail: `Only 4 % of ${title}.`,
      ...(topic === undefined ? {} : { topic }),
    });
    const both = renderComparison([
      {
        name: 'a',
        address: 'a',
        report: {
          title: 'a',
          findings: [finding('warning', 'Step 3: few', 'length'), finding('ok', 'Fine')],
        },
      },
      { name: 'b', address: 'b', report: { title: 'b', findings: [finding('ok', 'Enough', 'length')] } },
    ]);
    const table = both.slice(both.indexOf('<h2>Diagnosis</h2>'));
    const said = (severity: string, word: string, title: string): string =>
      `<td><div class="said ${severity}"><span class="severity">${word}</span>${title}<span class="count">Only <span class="whole">4 %</span> of ${title}.</span></div></td>`;
    expect(table).toContain(
      `<tr><th scope="row">length</th>${said('warning', 'Warning', 'Step 3: few')}${said('ok', 'Fine', 'Enough')}</tr>`,
    );
    expect(table).toContain(
      `<tr><th scope="row">Fine</th>${said('ok', 'Fine', 'Fine')}<td>nothing was said</td></tr>`,
    );
  });
});

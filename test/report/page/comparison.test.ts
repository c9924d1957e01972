import { describe, expect, it } from 'vitest';
import type { Report } from '../../../src/report/model.ts';
import { renderComparison } from '../../../src/report/page/comparison.ts';
import { scoreGroups } from '../../../src/report/page/score-table.ts';
import { elementNames } from './html-checker.ts';
import { sampleReport } from './sample.ts';

const scored = (value: number, intro = 'k-NN of 20 images'): Report => ({
  ...sampleReport(),
  evaluations: [
    {
      title: 'k-NN',
      intro,
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
      alike: true,
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
    const [group] = scoreGroups([
      { title: 'a', curves: { ...curves, evaluationImages: 100, knnPixels: 0.5 } },
      { title: 'b', curves: { ...curves, evaluationImages: 400 } },
    ]);
    expect(group).toEqual({
      title: 'At the end of training',
      alike: false,
      rows: [
        { name: 'k-NN top-1', cells: ['60.0\u202f% (50.2 to 69.1)', '60.0\u202f% (55.1 to 64.7)'] },
        {
          name: 'k-NN top-1 before training',
          cells: ['28.0\u202f% (20.1 to 37.5)', '28.0\u202f% (23.8 to 32.6)'],
        },
        { name: 'k-NN top-1 of raw pixels', cells: ['50.0\u202f% (40.4 to 59.6)', undefined] },
      ],
    });
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

  it('are marked where they were measured in different ways', () => {
    const [group] = scoreGroups([scored(1), scored(2, 'k-NN of 99 images')]).filter(
      ({ title }) => title === 'k-NN: Top-1',
    );
    expect(group?.alike).toBe(false);
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

  it('show the choices in which they differ, and no others', () => {
    const differing = page.slice(page.indexOf('What differs'));
    expect(differing).toContain('<th scope="row">lr</th><td>not set</td><td>0.01</td>');
    expect(differing).not.toContain('out_dim');
    expect(differing).toContain('<td>nothing was found</td>');
  });
});

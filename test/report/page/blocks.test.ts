import { describe, expect, it } from 'vitest';
import type { EvaluationSection } from '../../../src/report/blocks.ts';
import { unbroken } from '../../../src/report/markup.ts';
import { evaluationSection } from '../../../src/report/page/draw-blocks.ts';
import { decodeSection, encodeSection } from '../../../src/report/page/stored-section.ts';
import { elementNames } from './html-checker.ts';

const picture = { mime: 'image/png', bytes: Uint8Array.of(0, 1, 254, 255), width: 2, height: 1 } as const;
const section: EvaluationSection = {
  title: 'Everything & <more>',
  intro: 'what to look for',
  blocks: [
    { kind: 'text', text: 'a <b> c' },
    {
      kind: 'scores',
      title: 'Scores',
      top: 100,
      unit: ' %',
      rows: [
        { name: 'trained', value: 41.26, low: 40.2, high: 42 },
        { name: 'broken', value: Number.NaN },
      ],
    },
    {
      kind: 'table',
      head: ['name', 'value'],
      rows: [
        ['first', '1'],
        ['second', '2'],
      ],
    },
    { kind: 'chart', title: 'Curve', xName: 'k', series: [{ name: 'y', x: [1, 2, 3], y: [4, 5, 6] }] },
    {
      kind: 'tiles',
      title: 'Tiles',
      groups: [
        { title: 'group', tiles: [{ picture, name: 'a "quoted" name', caption: 'under', mark: 'same' }] },
      ],
    },
    {
      kind: 'tiles',
      compact: true,
      groups: [{ title: 'pair', tiles: [{ picture, name: 'one' }] }],
    },
    { kind: 'matrix', labels: ['cat', 'dog'], counts: Int32Array.of(7, 1, 0, 4) },
    {
      kind: 'scatter',
      groups: ['cat', 'dog'],
      points: [
        { x: 0, y: 0, group: 0, name: 'one' },
        { x: 10, y: 5, group: 1 },
        { x: Number.NaN, y: 5, group: -1 },
      ],
    },
  ],
};

describe('tiles in line', () => {
  it('keep their columns, as many as the longest group has, and scroll where the screen is narrower', () => {
    const tile = { picture, name: 'one' };
    const groups = [{ tiles: [tile] }, { tiles: Array.from({ length: 5 }, () => tile) }];
    const draw = (aligned: boolean): string =>
      evaluationSection({ ...section, blocks: [{ kind: 'tiles', aligned, groups }] }).text;
    const columns = '<ul class="gallery" style="grid-template-columns:repeat(5, minmax(4.6rem, 7rem))">';
    expect(draw(true).split(columns)).toHaveLength(3);
    expect(draw(true)).toContain('<div style="min-width:25.0rem">');
    expect(draw(false)).not.toContain('style=');
  });
});

describe('text for reading', () => {
  it.each([
    ['give --minutes 5 or more', 'give <b>--minutes 5</b> or more'],
    ['with --warmup_steps and --out_dim=64.', 'with <b>--warmup_steps</b> and <b>--out_dim=64</b>.'],
    ['60 % of 1,5 px and 20 pixels', '<b>60 %</b> of <b>1,5 px</b> and <b>20 pixels</b>'],
    ['self-distillation of 3 images, a-b <i>', 'self-distillation of 3 images, a-b &lt;i&gt;'],
    ['in 3 steps', 'in 3 steps'],
    ['top-1 of 20-NN and k-NN', '<b>top-1</b> of <b>20-NN</b> and <b>k-NN</b>'],
  ])('%s keeps flags, numbers and units whole', (text, expected) => {
    expect(unbroken(text).text).toBe(
      expected.replaceAll('<b>', '<span class="whole">').replaceAll('</b>', '</span>'),
    );
  });
});

describe('the blocks of an evaluation', () => {
  const page = evaluationSection(section).text;

  it('are well-formed and escape what is put in', () => {
    const names = elementNames(page);
    for (const name of ['section', 'dl', 'table', 'svg', 'img', 'circle']) expect(names).toContain(name);
    expect(page).toContain('Everything &amp; &lt;more&gt;');
    expect(page).toContain('a &lt;b&gt; c');
    expect(page).toContain('a &quot;quoted&quot; name');
    expect(page).toContain('<div class="compact"><div class="group"><h4>pair</h4>');
  });

  it('show values, intervals and shares', () => {
    expect(page).toContain('41.3 %');
    expect(page).toContain('40.2 to 42.0');
    expect(page).toContain('width:41.3%');
    expect(page).toContain('<dd>none</dd>');
    expect(page).toContain('title="cat taken for dog: 1 of 8"');
    expect(page).toMatch(/--share:88%[^>]*class="right"/);
  });

  it('place the points of a scatter inside the frame, with y upwards, without those that have no place', () => {
    const circles = [...page.matchAll(/<circle class="(g\d?)" cx="([\d.]+)" cy="([\d.]+)"/g)].map((m) =>
      m.slice(1),
    );
    expect(circles).toEqual([
      ['g0', '12.0', '508.0'],
      ['g1', '508.0', '12.0'],
    ]);
  });

  it('come back from JSON as they were', () => {
    const again = decodeSection(encodeSection(section), 'x.json');
    expect(evaluationSection(again).text).toBe(page);
    expect(() => decodeSection('{"title": 3', 'x.json')).toThrow('x.json is damaged');
  });
});

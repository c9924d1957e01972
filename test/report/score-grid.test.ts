import { describe, expect, it } from 'vitest';
import { gridBars, gridTable, type ScoreGrid, transposedTable } from '../../src/report/score-grid.ts';

const grid: ScoreGrid = {
  corner: 'score (95 %)',
  columns: [{ title: 'top-1' }, { title: 'mAP', scale: 100, digits: 2 }],
  rows: [
    {
      name: 'trained',
      cells: [
        { value: 61.24, low: 60, high: 62.5 },
        { value: 0.4321, low: Number.NaN, high: Number.NaN },
      ],
    },
    { name: 'pixels', cells: ['not measured', { value: Number.NaN }] },
    { name: 'untrained', cells: [undefined, { value: 0.1 }] },
  ],
};

describe('scores in a grid', () => {
  it('are printed a row for each name, with intervals that are known', () => {
    expect(gridTable(grid)).toEqual([
      ['score (95 %)', 'top-1', 'mAP'],
      ['trained', '61.2 (60.0 to 62.5)', '43.21'],
      ['pixels', 'not measured', 'none'],
      ['untrained', '', '10.00'],
    ]);
  });

  it('speak of intervals only where there are some', () => {
    const columns = [{ title: 'J&F (95 %)' }, { title: 'F mean' }];
    const headOf = (cell: ScoreGrid['rows'][number]['cells'][number]) =>
      gridTable({
        corner: 'mean, % (95 %)',
        columns,
        rows: [{ name: 'trained', cells: [cell, { value: 1 }] }],
      })[0];
    expect(headOf({ value: 61 })).toEqual(['mean, %', 'J&F', 'F mean']);
    expect(headOf({ value: 61, low: Number.NaN, high: Number.NaN })).toEqual(['mean, %', 'J&F', 'F mean']);
    expect(headOf({ value: 61, low: 60, high: 62 })).toEqual(['mean, % (95 %)', 'J&F (95 %)', 'F mean']);
  });

  it('are printed a row for each measure', () => {
    expect(transposedTable(grid)[1]).toEqual(['top-1', '61.2 (60.0 to 62.5)', 'not measured', '']);
  });

  it('are drawn as the bars of one measure, without the cells that hold words or nothing', () => {
    expect(gridBars(grid, 'top-1', { title: 'Top-1', top: 100 })).toEqual({
      kind: 'scores',
      title: 'Top-1',
      top: 100,
      rows: [{ name: 'trained', value: 61.24, low: 60, high: 62.5 }],
    });
    expect(gridBars(grid, 'mAP', {}).rows.map(({ name }) => name)).toEqual([
      'trained',
      'pixels',
      'untrained',
    ]);
  });
});

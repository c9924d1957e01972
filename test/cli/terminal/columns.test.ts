/** Tables on a terminal: what stands where, and what happens to those that are too wide. */
import { expect, it } from 'vitest';
import { columns } from '../../../src/cli/terminal/columns.ts';

it('numbers stand to the right, words to the left, and a line between rows widens no column', () => {
  expect(
    columns([
      ['name', 'top-1 % (95 %)', 'how', 'size'],
      ['trained', '8.5 (7.1 to 9.9)', 'same pixels', '900 bytes'],
      ['like a picture with a very long name:'],
      ['raw pixels', '41.0', 'mirrored', '1.2 MB'],
      ['PCA', 'none', '', '-'],
    ]),
  ).toEqual([
    'name          top-1 % (95 %)  how               size',
    'trained     8.5 (7.1 to 9.9)  same pixels  900 bytes',
    'like a picture with a very long name:',
    'raw pixels              41.0  mirrored        1.2 MB',
    'PCA                     none                       -',
  ]);
});

it('names that begin with a number are words', () => {
  expect(
    columns([
      ['copy', 'kept'],
      ['b.jpg', '1.jpg'],
      ['c.jpg', '10.jpg'],
    ]),
  ).toEqual(['copy   kept', 'b.jpg  1.jpg', 'c.jpg  10.jpg']);
});

it('a table wider than the terminal goes on below, behind its first column', () => {
  const table = [
    ['', 'k = 5', 'k = 10', 'k = 20'],
    ['trained', '61.0', '62.0', '63.0'],
    ['pixels', '40.0', '41.0', '42.0'],
    ['The map: map.html'],
  ];
  expect(columns(table, 24)).toEqual([
    '         k = 5  k = 10',
    'trained   61.0    62.0',
    'pixels    40.0    41.0',
    '',
    '         k = 20',
    'trained    63.0',
    'pixels     42.0',
    'The map: map.html',
  ]);
  expect(columns(table, 30)).toHaveLength(4);
  // A column that is too wide by itself stands alone.
  expect(columns(table.slice(0, 2), 5)).toHaveLength(8);
});

/** Bars of scores and matrices of counts as SVG files; the page draws both in HTML, which a file cannot hold. */
import { fixed } from '../../numbers/counted.ts';
import { isKnown, type MatrixBlock, type ScoreBlock } from '../blocks.ts';
import { html, type Insert } from '../markup.ts';
import { standaloneSvg } from './standalone-svg.ts';

const BAR = { row: 34, left: 8, right: 412, height: 10 };
const SAME = '#4b3fae';
const OTHER = '#d2552e';

/** Bars of scores with their values and, where there are, their intervals. */
export function scoresSvg({ title = 'Scores', rows, top = 1, unit = '', digits }: ScoreBlock): string {
  const places = digits ?? (unit === '' ? 3 : 1);
  const width = BAR.right - BAR.left;
  const at = (value: number): number => BAR.left + (width * Math.min(top, Math.max(0, value))) / top;
  const bars = rows.map(({ name, value, low, high }, i) => {
    const y = i * BAR.row;
    const known = Number.isFinite(value);
    const interval =
      isKnown(low) && isKnown(high) ? ` (${fixed(low, places)} to ${fixed(high, places)})` : '';
    const bar = y + 19;
    return html`<text x="${BAR.left}" y="${y + 13}">${name}</text><text class="name" x="${BAR.right}" y="${y + 13}">${known ? `${fixed(value, places)}${unit}${interval}` : 'none'}</text><rect x="${BAR.left}" y="${bar}" width="${width}" height="${BAR.height}" fill="#ecebe6"/><rect x="${BAR.left}" y="${bar}" width="${known ? (at(value) - BAR.left).toFixed(1) : 0}" height="${BAR.height}" fill="${i === 0 ? SAME : '#b9b7b0'}"/>${
      isKnown(low) &&
      isKnown(high) &&
      html`<path d="M${at(low).toFixed(1)} ${bar + BAR.height / 2}H${at(high).toFixed(1)}" stroke="#1b1c20" stroke-width="1.5"/>`
    }`;
  });
  const drawing = html`<svg viewBox="0 0 420 ${rows.length * BAR.row + 8}">${bars}</svg>`;
  return standaloneSvg(drawing, title, undefined, []);
}

/** More classes than this have no numbers in their cells. */
const NUMBERED = 20;

/** A matrix of counts: cells are as dark as their share of the row, the diagonal in a color of its own. */
export function matrixSvg({ title = 'Confusion', caption, labels, counts }: MatrixBlock): string {
  const n = labels.length;
  const cell = n <= NUMBERED ? 30 : 14;
  const side = 7 * Math.min(22, Math.max(...labels.map(({ length }) => length))) + 12; // room for names
  const named = (label: string): Insert =>
    label.length > 22 ? html`<title>${label}</title>${`${label.slice(0, 21)}…`}` : label;
  const rows = labels.map((label, row) => {
    const y = side + row * cell;
    const of = Array.from({ length: n }, (_, column) => counts[row * n + column]!);
    const total = of.reduce((sum, count) => sum + count, 0);
    const cells = of.map((count, column) => {
      const share = total === 0 ? 0 : count / total;
      const x = side + column * cell;
      return html`<rect x="${x}" y="${y}" width="${cell - 2}" height="${cell - 2}" fill="${row === column ? SAME : OTHER}" fill-opacity="${(0.06 + 0.94 * share).toFixed(3)}"/>${n <= NUMBERED && html`<text class="x" x="${x + cell / 2 - 1}" y="${y + cell / 2 + 3}" style="fill:${share > 0.55 ? '#fff' : '#1b1c20'};font-size:10px">${count}</text>`}`;
    });
    return html`<text class="name" x="${side - 6}" y="${y + cell / 2 + 3}">${named(label)}</text>${cells}`;
  });
  const columns = labels.map((label, column) => {
    const x = side + column * cell + cell / 2 + 3;
    return html`<text transform="translate(${x} ${side - 6}) rotate(-90)">${named(label)}</text>`;
  });
  const whole = side + n * cell + 8;
  const drawing = html`<svg viewBox="0 0 ${Math.max(whole, 420)} ${whole}">${columns}${rows}</svg>`;
  return standaloneSvg(
    drawing,
    title,
    caption ?? 'Rows are true classes, columns what they were taken for.',
    [],
  );
}

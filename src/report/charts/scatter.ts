/** Points in the plane, colored by group, as inline SVG. */
import { counted } from '../../numbers/counted.ts';
import type { ScatterBlock } from '../blocks.ts';
import { heading, html, type Markup } from '../markup.ts';

const SIDE = 520;
const MARGIN = 12;

export function scatterFigure({ title, caption, groups, points }: ScatterBlock): Markup {
  const drawn = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  const range = (values: readonly number[]): readonly [number, number] => {
    const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return [low, high > low ? high : low + 1];
  };
  const [left, right] = range(drawn.map(({ x }) => x));
  const [bottom, top] = range(drawn.map(({ y }) => y));
  const place = (value: number, low: number, high: number): string =>
    (MARGIN + ((value - low) / (high - low)) * (SIDE - 2 * MARGIN)).toFixed(1);
  const dots = drawn.map(
    ({ x, y, group, name }) =>
      html`<circle class="${groupClass(group)}" cx="${place(x, left, right)}" cy="${place(-y, -top, -bottom)}" r="3">${name !== undefined && html`<title>${name}</title>`}</circle>`,
  );
  const legend =
    groups.length > 0 &&
    html`<ul class="legend dots">${groups.map((name, i) => html`<li class="${groupClass(i)}">${name}</li>`)}</ul>`;
  return html`<figure class="scatter"><figcaption>${heading(title, caption)}</figcaption>${legend}<svg viewBox="0 0 ${SIDE} ${SIDE}" role="img" aria-label="${`${counted(drawn.length, 'point')} in ${counted(groups.length, 'group')}`}">${dots}</svg></figure>`;
}

/** Ten colors, then again from the first. */
function groupClass(group: number): string {
  return group < 0 ? 'g' : `g${group % 10}`;
}

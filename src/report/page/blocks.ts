/**
 * What the section of an evaluation is made of, as plain data: an evaluation says what it found in these blocks, and the page
 * draws them. Few kinds, so that sections look alike and a new evaluation needs no new markup.
 */
import { type LineChart, lineChart } from '../charts/chart.ts';
import { html, type Markup } from './markup.ts';
import type { Picture } from './model.ts';
import { breakable, scrolling } from './scrolling.ts';
import { image, section } from './section.ts';

export interface EvaluationSection {
  readonly title: string;
  /** What it shows and what to look for. */
  readonly intro: string;
  readonly blocks: readonly Block[];
}

export type Block =
  | TextBlock
  | ScoreBlock
  | TableBlock
  | ({ readonly kind: 'chart' } & LineChart)
  | TileBlock
  | MatrixBlock
  | ScatterBlock;

export interface TextBlock {
  readonly kind: 'text';
  readonly text: string;
}

/** One number for each of a few contenders, as bars; the first is the one that matters. */
export interface ScoreBlock {
  readonly kind: 'scores';
  readonly title?: string;
  readonly rows: readonly {
    readonly name: string;
    readonly value: number;
    /** Ends of the 95 % interval. */
    readonly low?: number;
    readonly high?: number;
  }[];
  /** The value of a full bar; 1 unless given. */
  readonly top?: number;
  /** Follows each value, such as ` %`. */
  readonly unit?: string;
  /** Default 1 with a unit, 3 without. */
  readonly digits?: number;
}

export interface TableBlock {
  readonly kind: 'table';
  readonly title?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Images side by side, in groups. */
export interface TileBlock {
  readonly kind: 'tiles';
  readonly title?: string;
  readonly caption?: string;
  /** Groups of two or three beside each other instead of below each other. */
  readonly compact?: boolean;
  /** Tiles as wide as a hand's breadth and as high as their pictures ask, instead of small squares. */
  readonly large?: boolean;
  readonly groups: readonly {
    readonly title?: string;
    readonly tiles: readonly Tile[];
  }[];
}

export interface Tile {
  readonly picture: Picture;
  /** Read by screen readers, and shown on hover. */
  readonly name: string;
  readonly caption?: string;
  /** Name of a file, under the caption. */
  readonly file?: string;
  /** Frames the tile: what was looked for, or not. */
  readonly mark?: 'same' | 'other';
  /** Small pictures are enlarged with sharp edges. */
  readonly pixelated?: boolean;
}

/** How often each class was taken for each. */
export interface MatrixBlock {
  readonly kind: 'matrix';
  readonly title?: string;
  readonly caption?: string;
  readonly labels: readonly string[];
  /** [true, predicted] */
  readonly counts: ArrayLike<number>;
}

export interface ScatterBlock {
  readonly kind: 'scatter';
  readonly title?: string;
  readonly caption?: string;
  /** Names of the groups; a color each. */
  readonly groups: readonly string[];
  readonly points: readonly {
    readonly x: number;
    readonly y: number;
    /** Index of the group, -1 for none. */
    readonly group: number;
    readonly name?: string;
  }[];
}

export function evaluationSection({ title, intro, blocks }: EvaluationSection): Markup {
  return section(title, intro, html`<div class="blocks">${blocks.map(drawBlock)}</div>`);
}

/** One block as it stands in the page. */
export function drawBlock(block: Block): Markup {
  switch (block.kind) {
    case 'text':
      return html`<p>${block.text}</p>`;
    case 'scores':
      return scores(block);
    case 'table':
      return table(block);
    case 'chart':
      return html`<div class="charts">${lineChart(block)}</div>`;
    case 'tiles':
      return tiles(block);
    case 'matrix':
      return matrix(block);
    case 'scatter':
      return scatter(block);
  }
}

/** Whether there is an interval: ends that are not finite say that too few samples were measured for one. */
export function isKnown(end: number | undefined): end is number {
  return end !== undefined && Number.isFinite(end);
}

function heading(title: string | undefined, caption?: string): Markup {
  return html`${title !== undefined && html`<h3>${title}</h3>`}${caption !== undefined && html`<p class="hint">${caption}</p>`}`;
}

function scores({ title, rows, top = 1, unit = '', digits = unit === '' ? 3 : 1 }: ScoreBlock): Markup {
  const bars = rows.map(({ name, value, low, high }, i) => {
    const share = Number.isFinite(value) ? Math.min(100, Math.max(0, (100 * value) / top)).toFixed(1) : '0';
    const number = Number.isFinite(value) ? `${value.toFixed(digits)}${unit}` : 'none';
    const interval =
      isKnown(low) &&
      isKnown(high) &&
      html` <small>${`${low.toFixed(digits)} to ${high.toFixed(digits)}`}</small>`;
    return html`<div${i === 0 && html` class="lead"`}><dt>${name}</dt><dd>${number}${interval}</dd><span class="track"><i style="width:${share}%"></i></span></div>`;
  });
  return html`<div>${heading(title)}<dl class="accuracy">${bars}</dl></div>`;
}

function table({ title, head, rows }: TableBlock): Markup {
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? html`<th scope="row">${cell}</th>` : html`<td>${cell}</td>`));
  const columns = head.map((cell, i) => Math.max(cell.length, ...rows.map((cells) => cells[i]?.length ?? 0)));
  const width = columns.reduce((sum, letters) => sum + 1 + 0.5 * Math.min(letters, 24), 0);
  const drawn = html`<table class="grid-table"><thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead><tbody>${rows.map(
    (cells) => html`<tr>${line(cells)}</tr>`,
  )}</tbody></table>`;
  return html`<div>${heading(title)}${scrolling(title ?? 'Table', width, drawn)}</div>`;
}

function tiles({ title, caption, groups, compact = false, large = false }: TileBlock): Markup {
  const tile = ({ picture, name, caption: under, file, mark, pixelated }: Tile) =>
    html`<li${mark !== undefined && html` class="${mark}"`}>${image(picture, name, pixelated ? 'tile' : '')}${under !== undefined && html`<span class="cut" title="${name}">${breakable(under)}</span>`}${file !== undefined && html`<span class="cut file" title="${file}">${breakable(file)}</span>`}</li>`;
  const drawn = groups.map(
    (group) =>
      html`<div class="group">${group.title !== undefined && html`<h4>${group.title}</h4>`}<ul class="${large ? 'gallery large' : 'gallery'}">${group.tiles.map(tile)}</ul></div>`,
  );
  return html`<div>${heading(title, caption)}${compact ? html`<div class="compact">${drawn}</div>` : drawn}</div>`;
}

function matrix({ title, caption, labels, counts }: MatrixBlock): Markup {
  const n = labels.length;
  const rows = labels.map((label, row) => {
    let total = 0;
    for (let column = 0; column < n; column++) total += counts[row * n + column]!;
    const cells = labels.map((other, column) => {
      const count = counts[row * n + column]!;
      const share = total === 0 ? 0 : count / total;
      const hint = `${label} taken for ${other}: ${count} of ${total}`;
      return html`<td style="--share:${Math.round(100 * share)}%" title="${hint}"${row === column && html` class="right"`}>${count}</td>`;
    });
    return html`<tr><th scope="row">${label}</th>${cells}</tr>`;
  });
  const longest = labels.reduce((most, { length }) => Math.max(most, length), 0);
  const drawn = html`<table class="matrix"><thead><tr><th></th>${labels.map((label) => html`<th scope="col"><span>${label}</span></th>`)}</tr></thead><tbody>${rows}</tbody></table>`;
  return html`<div>${heading(title, caption)}${scrolling(title ?? 'Matrix', 0.4 * longest + 2.2 * n, drawn)}</div>`;
}

const SIDE = 520;
const MARGIN = 12;

function scatter({ title, caption, groups, points }: ScatterBlock): Markup {
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
  return html`<figure class="scatter"><figcaption>${heading(title, caption)}</figcaption>${legend}<svg viewBox="0 0 ${SIDE} ${SIDE}" role="img" aria-label="${`${drawn.length} points in ${groups.length} groups`}">${dots}</svg></figure>`;
}

/** Ten colors, then again from the first. */
function groupClass(group: number): string {
  return group < 0 ? 'g' : `g${group % 10}`;
}

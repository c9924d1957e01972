/** The blocks of an evaluation's section as they stand in the page. */
import { fixed } from '../../numbers/counted.ts';
import {
  type Block,
  type EvaluationSection,
  isKnown,
  type MatrixBlock,
  type ScoreBlock,
  type TableBlock,
  type Tile,
  type TileBlock,
} from '../blocks.ts';
import { lineChart } from '../charts/chart.ts';
import { scatterFigure } from '../charts/scatter.ts';
import { heading, html, type Markup, unbroken } from '../markup.ts';
import { breakable, scrolling } from './scrolling.ts';
import { image, section } from './section.ts';

export function evaluationSection({ title, intro, blocks }: EvaluationSection): Markup {
  return section(title, intro, html`<div class="blocks">${drawBlocks(blocks)}</div>`);
}

/** Charts that follow each other stand beside each other where there is room. */
function drawBlocks(blocks: readonly Block[]): Markup[] {
  const drawn: Markup[] = [];
  for (let at = 0; at < blocks.length; ) {
    const rest = blocks.slice(at);
    const other = rest.findIndex(({ kind }) => kind !== 'chart');
    const charts = other < 0 ? rest : rest.slice(0, other);
    if (charts.length > 0) drawn.push(html`<div class="charts">${charts.map(drawBlock)}</div>`);
    else drawn.push(...rest.slice(0, 1).map(drawBlock));
    at += Math.max(1, charts.length);
  }
  return drawn;
}

/** One block as it stands in the page. */
function drawBlock(block: Block): Markup {
  switch (block.kind) {
    case 'text':
      return html`<p>${unbroken(block.text)}</p>`;
    case 'scores':
      return scores(block);
    case 'table':
      return table(block);
    case 'chart':
      return lineChart(block);
    case 'tiles':
      return tiles(block);
    case 'matrix':
      return matrix(block);
    case 'scatter':
      return scatterFigure(block);
  }
}

function scores({ title, rows, top = 1, unit = '', digits = unit === '' ? 3 : 1 }: ScoreBlock): Markup {
  const bars = rows.map(({ name, value, low, high }, i) => {
    const share = Number.isFinite(value) ? Math.min(100, Math.max(0, (100 * value) / top)).toFixed(1) : '0';
    const number = Number.isFinite(value) ? `${fixed(value, digits)}${unit}` : 'none';
    const interval =
      isKnown(low) &&
      isKnown(high) &&
      html` <small>${`${fixed(low, digits)} to ${fixed(high, digits)}`}</small>`;
    return html`<div${i === 0 && html` class="lead"`}><dt>${name}</dt><dd>${unbroken(number)}${interval}</dd><span class="track"><i style="width:${share}%"></i></span></div>`;
  });
  return html`<div>${heading(title)}<dl class="accuracy">${bars}</dl></div>`;
}

function table({ title, head, rows }: TableBlock): Markup {
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) =>
      i === 0 ? html`<th scope="row">${cellText(cell)}</th>` : html`<td>${cellText(cell)}</td>`,
    );
  const columns = head.map((cell, i) => Math.max(cell.length, ...rows.map((cells) => cells[i]?.length ?? 0)));
  const width = columns.reduce((sum, letters) => sum + 1 + 0.5 * Math.min(letters, 24), 0);
  const drawn = html`<table class="grid-table"><thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead><tbody>${rows.map(
    (cells) => html`<tr>${line(cells)}</tr>`,
  )}</tbody></table>`;
  return html`<div>${heading(title)}${scrolling(title ?? 'Table', width, drawn)}</div>`;
}

/** Words are kept as they are read; a name alone breaks at its joints. */
function cellText(cell: string): Markup {
  return cell.includes(' ') ? unbroken(cell) : breakable(cell);
}

/** Least side of a tile, rem. */
const TILE = 4.6;

function tiles({
  title,
  caption,
  groups,
  compact = false,
  large = false,
  aligned = false,
}: TileBlock): Markup {
  const tile = ({ picture, name, caption: under, file, mark, pixelated }: Tile) =>
    html`<li${mark !== undefined && html` class="${mark}"`}>${image(picture, name, pixelated ? 'tile' : '')}${under !== undefined && html`<span class="cut" title="${name.includes(under) ? name : `${under}: ${name}`}">${breakable(under)}</span>`}${file !== undefined && html`<span class="cut file" title="${file}">${breakable(file)}</span>`}</li>`;
  const columns = Math.max(1, ...groups.map((group) => group.tiles.length));
  const inLine = aligned && html` style="grid-template-columns:repeat(${columns}, minmax(${TILE}rem, 7rem))"`;
  const drawn = groups.map(
    (group) =>
      html`<div class="group">${group.title !== undefined && html`<h4>${group.title}</h4>`}<ul class="${large ? 'gallery large' : 'gallery'}"${inLine}>${group.tiles.map(tile)}</ul></div>`,
  );
  const shown = compact ? html`<div class="compact">${drawn}</div>` : drawn;
  return html`<div>${heading(title, caption)}${aligned ? scrolling(title ?? 'Pictures', (TILE + 0.4) * columns, shown) : shown}</div>`;
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
    return html`<tr><th scope="row" title="${label}"><span>${label}</span></th>${cells}</tr>`;
  });
  const longest = labels.reduce((most, { length }) => Math.max(most, length), 0);
  const drawn = html`<table class="matrix"><thead><tr><th></th>${labels.map((label) => html`<th scope="col" title="${label}"><span>${label}</span></th>`)}</tr></thead><tbody>${rows}</tbody></table>`;
  return html`<div>${heading(title, caption)}${scrolling(title ?? 'Matrix', Math.min(9, 0.4 * longest) + 2.2 * n, drawn)}</div>`;
}

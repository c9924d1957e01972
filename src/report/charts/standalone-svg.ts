/**
 * Charts and scatters of the report as SVG files: title, caption and legend are part of the drawing, and colors stand in it as
 * plain rules, since a file has no page to take them from and many programs that read SVG know no CSS variables.
 */
import type { ScatterBlock } from '../blocks.ts';
import { html, Markup } from '../markup.ts';
import { type LineChart, lineChart } from './chart.ts';
import { scatterFigure } from './scatter.ts';

const seriesColors = ['#4b3fae', '#d2552e', '#16877a', '#a8791a', '#b03a7c'];
const groupColors = [
  ...['#4b6bd6', '#e0802c', '#2f9e62', '#d2443e', '#8a63c7'],
  ...['#9a6a4b', '#d867a9', '#7d838c', '#b3a323', '#22a5b3'],
];
const rules = [
  'text{font:11.5px system-ui,"Helvetica Neue",Arial,sans-serif;fill:#5d606a}',
  'text.x{text-anchor:middle}text.y{text-anchor:end;dominant-baseline:central}text.name{text-anchor:end}',
  'text.reference{text-anchor:end;fill:#1b1c20;font-weight:560;paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}',
  'text.title{font-size:15px;font-weight:620;fill:#1b1c20}',
  'path{fill:none}.grid{stroke:#ecebe6}.base,.tick{stroke:#b9b7b0}path.reference{stroke:#5d606a;stroke-dasharray:4 4}',
  '.line{stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}.faint{stroke-width:1;opacity:.35}.dashed{stroke-dasharray:5 4}.dotted{stroke-dasharray:.5 4}',
  'circle{stroke:#fff;stroke-width:.6}circle.g{fill:#b9b7b0}.hover{opacity:0}',
  ...seriesColors.map((color, i) => `.line.s${i}{stroke:${color}}circle.s${i},.band.s${i}{fill:${color}}`),
  '.band{fill-opacity:.15;stroke:none}',
  ...groupColors.map((color, i) => `circle.g${i}{fill:${color};fill-opacity:.8}`),
].join('');

const LINE = 16;

/** @throws Error if no series has a finite value */
export function chartSvg(chart: LineChart): string {
  const drawn = chart.series.filter(({ y }) => Array.from(y).some(Number.isFinite)); // as the chart does
  const legend = drawn.length > 1 ? drawn.map(({ name }, i) => ({ name, className: `s${i % 5}` })) : [];
  return standaloneSvg(lineChart(chart), chart.title, chart.caption, legend);
}

/** @param block a scatter */
export function scatterSvg(block: ScatterBlock): string {
  const legend = block.groups.map((name, i) => ({ name, className: `g${i % 10}` }));
  return standaloneSvg(scatterFigure(block), block.title ?? '', block.caption, legend);
}

/**
 * A drawing as a file of its own, with what belongs to it in the picture.
 *
 * @param figure markup with one `<svg viewBox="0 0 width height">`
 * @throws Error if there is no drawing in it
 */
export function standaloneSvg(
  figure: Markup,
  title: string,
  caption: string | undefined,
  legend: readonly { readonly name: string; readonly className: string }[],
): string {
  const [, width = '', height = '', drawing] =
    /<svg viewBox="0 0 (\d+) (\d+)"[^>]*>([\s\S]*)<\/svg>/.exec(figure.text) ?? [];
  if (drawing === undefined) throw new Error(`"${title}" has no finite value to draw: leave it out.`);
  const characters = Math.floor(Number(width) / 6.7);
  const lines = caption === undefined ? [] : wrapped(caption, characters);
  const [first = '', ...further] = wrapped(title, Math.floor(Number(width) / 9));
  let y = 22;
  const head = [html`<text class="title" x="8" y="${y}">${first}</text>`];
  for (const line of further) {
    y += LINE + 3;
    head.push(html`<text class="title" x="8" y="${y}">${line}</text>`);
  }
  for (const line of lines) {
    y += LINE;
    head.push(html`<text x="8" y="${y}">${line}</text>`);
  }
  let x = Number.POSITIVE_INFINITY;
  for (const { name, className } of legend) {
    const wide = 26 + 6.5 * name.length;
    if (x + wide > Number(width)) [x, y] = [12, y + LINE + 2];
    head.push(
      html`<circle class="${className}" cx="${x}" cy="${y - 4}" r="4"/><text x="${x + 9}" y="${y}">${name}</text>`,
    );
    x += wide;
  }
  const top = y + 10;
  const whole = top + Number(height);
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${whole}" viewBox="0 0 ${width} ${whole}"><title>${title}</title><style>${new Markup(rules)}</style><rect width="${width}" height="${whole}" fill="#ffffff"/>${head}<g transform="translate(0 ${top})">${new Markup(drawing)}</g></svg>
`.text;
}

function wrapped(text: string, characters: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + word.length >= characters) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}

/**
 * Line charts as inline SVG with an HTML legend: axes with round ticks, horizontal reference lines with their names, and
 * values on hover, without scripts. Colors come from the page's style sheet, so that they follow light and dark.
 */
import { html, type Insert, type Markup, unbroken } from '../markup.ts';
import { logScale, niceScale, type Scale, tickLabel, valueLabel } from './scale.ts';
import { isDrawable, nearestIndex, noise, type Points, runningMean, sortedPoints, thin } from './series.ts';

export interface Series {
  readonly name: string;
  readonly x: ArrayLike<number>;
  /** Values that are not finite leave a gap. */
  readonly y: ArrayLike<number>;
  /** Ends of the range that is shaded around each value. */
  readonly low?: ArrayLike<number>;
  readonly high?: ArrayLike<number>;
  /** Number of its color, so that charts beside each other agree; that of its place among the drawn lines unless given. */
  readonly color?: number;
}

export interface ReferenceLine {
  readonly name: string;
  readonly value: number;
}

export interface LineChart {
  readonly title: string;
  /** What to look for; under the title. */
  readonly caption?: string;
  readonly xName: string;
  /** Makes equal factors of x equal distances; points that are not above 0 are left out. */
  readonly logX?: boolean;
  readonly series: readonly Series[];
  readonly references?: readonly ReferenceLine[];
  /** Lets the axis of values begin at 0. */
  readonly fromZero?: boolean;
  /** Follows each value in tooltips, such as ` %`. */
  readonly unit?: string;
}

const width = 420;
const height = 236;
const plot = { left: 46, right: width - 12, top: 12, bottom: height - 36 };
/** More points than this are drawn as a faint line under their running mean, if they are noisy. */
const smoothAbove = 120;
const drawnPoints = 360;
const smoothPoints = 180;
const hoverColumns = 60;

interface Drawn {
  readonly name: string;
  readonly color: number;
  readonly points: Points;
  /** The running mean, when there are many and noisy points. */
  readonly smooth: Points | undefined;
  readonly band: { readonly low: Points; readonly high: Points } | undefined;
}

/** A chart as a `<figure>`; a series without a finite value is said to have none. */
export function lineChart(chart: LineChart): Markup {
  const references = (chart.references ?? []).filter(({ value }) => isDrawable(value));
  const drawn = chart.series
    .map((series) => prepare(series, chart.logX ?? false))
    .filter(({ points }) => points.y.some(Number.isFinite))
    .map((series, place): Drawn => ({ ...series, color: series.color ?? place }));
  const named = drawn.length > 1 || chart.series.some(({ color }) => color !== undefined);
  const head = html`<h3>${chart.title}</h3>${chart.caption && html`<p>${unbroken(chart.caption)}</p>`}`;
  if (drawn.length === 0) {
    return html`<figure class="chart"><figcaption>${head}</figcaption><p class="empty">No finite value was recorded.</p></figure>`;
  }
  const xRange = range(drawn.map(({ points }) => points.x));
  const bands = drawn.flatMap(({ band }) => (band === undefined ? [] : [band.low.y, band.high.y]));
  const yRange = range([
    ...drawn.map(({ points }) => points.y),
    ...bands,
    references.map(({ value }) => value),
  ]);
  // Steps are whole numbers, so a short run has fewer ticks rather than ticks at half a step.
  const isWhole = drawn.every(({ points }) => points.x.every(Number.isInteger));
  const columns = isWhole ? Math.min(5, Math.max(1, xRange[1] - xRange[0])) : 5;
  const x = chart.logX ? logScale(...xRange) : niceScale(xRange[0], xRange[1], columns, false);
  const y = niceScale(chart.fromZero ? Math.min(0, yRange[0]) : yRange[0], yRange[1], 4);
  const smoothed = drawn.some(({ smooth }) => smooth !== undefined);
  const legend =
    (named || smoothed) &&
    html`<ul class="legend">${named && drawn.map(({ name, color }) => html`<li class="${seriesClass(color)}">${name}</li>`)}${
      smoothed && html`<li class="note">thin: as measured, thick: running mean</li>`
    }</ul>`;
  const svg = html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${summary(chart, drawn)}">${[
    axes(x, y, chart.xName),
    references.map(({ value }) => referenceLine(y, value)),
    drawn.map(({ band, color }) => band && shade(band.low, band.high, x, y, color)),
    drawn.map((series) => lines(series, x, y)),
    referenceLabels(references, y, chart.unit),
    hover(chart, drawn, references, x, y),
  ]}</svg>`;
  return html`<figure class="chart"><figcaption>${head}</figcaption>${legend}${svg}</figure>`;
}

/** Five colors, then the same with dashed lines, then with dotted ones. */
export function seriesClass(color: number): string {
  return `s${color % 5}${['', ' dashed', ' dotted'][Math.floor(color / 5) % 3]}`;
}

function prepare(
  { name, x: xs, y, low, high, color }: Series,
  logX: boolean,
): Omit<Drawn, 'color'> & { color: number | undefined } {
  const x = logX ? Array.from(xs, (value) => (value > 0 ? value : Number.NaN)) : xs;
  const points = sortedPoints(x, y);
  const band =
    low === undefined || high === undefined
      ? undefined
      : { low: sortedPoints(x, low), high: sortedPoints(x, high) };
  const many = points.x.length > smoothAbove;
  const mean = many ? runningMean(points, Math.ceil(points.x.length / 60), smoothPoints) : undefined;
  // A schedule is no noise, and a mean would only round its corners.
  const smooth = mean && noise(points, mean) > 0.004 ? mean : undefined;
  return { name, color, points: thin(points, drawnPoints), smooth, band };
}

function range(lists: readonly ArrayLike<number>[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const list of lists) {
    for (let i = 0; i < list.length; i++) {
      const value = list[i]!;
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return [low, high];
}

function position(scale: Scale, value: number, from: number, to: number): number {
  const place = (x: number): number => (scale.log ? Math.log(x) : x);
  const [min, max] = [place(scale.min), place(scale.max)];
  const at = from + ((place(value) - min) / (max - min)) * (to - from);
  return Math.round(at * 10) / 10;
}

const across = (scale: Scale, value: number) => position(scale, value, plot.left, plot.right);
const up = (scale: Scale, value: number) => position(scale, value, plot.bottom, plot.top);

function axes(x: Scale, y: Scale, xName: string): Insert {
  const rows = y.ticks.map((tick) => {
    const at = up(y, tick);
    return html`<path class="grid" d="M${plot.left} ${at}H${plot.right}"/><text class="y" x="${plot.left - 8}" y="${at}">${tickLabel(tick, y.step)}</text>`;
  });
  const columns = x.ticks.map((tick) => {
    const at = across(x, tick);
    return html`<path class="tick" d="M${at} ${plot.bottom}v4"/><text class="x" x="${at}" y="${plot.bottom + 17}">${tickLabel(tick, x.step)}</text>`;
  });
  const name = html`<text class="name" x="${plot.right}" y="${height - 4}">${xName}</text>`;
  return [rows, html`<path class="base" d="M${plot.left} ${plot.bottom}H${plot.right}"/>`, columns, name];
}

function lines({ points, smooth, color }: Drawn, x: Scale, y: Scale): Insert {
  const raw = line(points, x, y, `line ${seriesClass(color)}${smooth ? ' faint' : ''}`);
  const few = points.x.length <= 30;
  const dots = few && [...points.x].map((at, i) => dot(x, y, at, points.y[i]!, color));
  return [raw, smooth && line(smooth, x, y, `line ${seriesClass(color)}`), dots];
}

/** The area between two lines; points where one has no value are left out. */
function shade(low: Points, high: Points, x: Scale, y: Scale, color: number): Markup {
  const known = [...low.x.keys()].filter((i) => Number.isFinite(low.y[i]) && Number.isFinite(high.y[i]));
  const at = ({ x: xs, y: ys }: Points, i: number): string => `${across(x, xs[i]!)} ${up(y, ys[i]!)}`;
  const there = known.map((i) => at(high, i));
  const back = known.toReversed().map((i) => at(low, i));
  return html`<path class="band s${color % 5}" d="M${[...there, ...back].join('L')}Z"/>`;
}

/** A path with a gap wherever a value is not finite; a point alone between gaps is a dot by its round line cap. */
function line(points: Points, x: Scale, y: Scale, className: string): Markup {
  let path = '';
  let pen = 'M';
  for (let i = 0; i < points.x.length; i++) {
    const value = points.y[i]!;
    if (!Number.isFinite(value)) {
      pen = 'M';
      continue;
    }
    const isAlone = pen === 'M' && !Number.isFinite(points.y[i + 1] ?? Number.NaN);
    path += `${pen}${across(x, points.x[i]!)} ${up(y, value)}${isAlone ? 'h0' : ''}`;
    pen = 'L';
  }
  return html`<path class="${className}" d="${path}"/>`;
}

function dot(x: Scale, y: Scale, at: number, value: number, color: number): Insert {
  return (
    Number.isFinite(value) &&
    html`<circle class="s${color % 5}" cx="${across(x, at)}" cy="${up(y, value)}" r="2.6"/>`
  );
}

function referenceLine(y: Scale, value: number): Markup {
  return html`<path class="reference" d="M${plot.left} ${up(y, value)}H${plot.right}"/>`;
}

/** Each name above its line at the right, or below it where it would touch the one above. */
function referenceLabels(references: readonly ReferenceLine[], y: Scale, unit?: string): Insert {
  const sorted = references.toSorted((a, b) => b.value - a.value);
  let occupied = Number.NEGATIVE_INFINITY;
  return sorted.map(({ name, value }) => {
    const line = up(y, value);
    const fits = line - 17 > occupied;
    const baseline = fits ? line - 5 : Math.max(line + 13, occupied + 13);
    occupied = fits ? line : baseline + 2;
    return html`<text class="reference" x="${plot.right - 2}" y="${baseline}">${name} ${valueText(value, unit)}</text>`;
  });
}

/** A value with its unit; percentages have one digit, as in tables. */
function valueText(value: number, unit = ''): string {
  const isPercent = unit.endsWith('%') && Number.isFinite(value);
  return (isPercent ? value.toFixed(1) : valueLabel(value)) + unit;
}

/** Invisible columns; under the pointer one shows a hairline, and its `<title>` the values there. */
function hover(
  { xName, unit }: LineChart,
  drawn: readonly Drawn[],
  references: readonly ReferenceLine[],
  x: Scale,
  y: Scale,
): Insert {
  const all = Float64Array.from(new Set(drawn.flatMap(({ points }) => [...points.x]))).sort();
  const count = Math.min(hoverColumns, all.length);
  const stops = Array.from(
    { length: count },
    (_, i) => all[Math.round((i * (all.length - 1)) / Math.max(1, count - 1))]!,
  );
  return stops.map((stop, i) => {
    const at = across(x, stop);
    const from = i === 0 ? plot.left : (across(x, stops[i - 1]!) + at) / 2;
    const to = i === count - 1 ? plot.right : (at + across(x, stops[i + 1]!)) / 2;
    const values = drawn.map(({ name, color, points, smooth }) => {
      const { x: xs, y: ys } = smooth ?? points;
      return { name, color, value: ys[nearestIndex(xs, stop)]! };
    });
    const text = [
      `${xName} ${valueLabel(stop)}`,
      ...[...values, ...references].map(({ name, value }) => `${name}: ${valueText(value, unit)}`),
    ].join('\n');
    return html`<g class="hover"><title>${text}</title><rect x="${from.toFixed(1)}" y="${plot.top}" width="${(to - from).toFixed(1)}" height="${plot.bottom - plot.top}"/><path d="M${at} ${plot.top}V${plot.bottom}"/>${values.map(
      ({ value, color }) => dot(x, y, stop, value, color),
    )}</g>`;
  });
}

/** What a reader who cannot see the chart is told: its first, lowest, highest and last value. */
function summary({ title, xName, unit }: LineChart, drawn: readonly Drawn[]): string {
  const sentences = drawn.map(({ name, points, smooth }) => {
    const { x, y } = smooth ?? points;
    const finite = [...y.keys()].filter((i) => Number.isFinite(y[i]));
    const first = finite[0] ?? 0;
    const last = finite.at(-1) ?? 0;
    const [low, high] = range([y]);
    const value = (number: number) => valueText(number, unit);
    return `${name} goes from ${value(y[first]!)} at ${xName} ${valueLabel(x[first]!)} to ${value(y[last]!)} at ${xName} ${valueLabel(x[last]!)}, lowest ${value(low)}, highest ${value(high)}.`;
  });
  return `${title}: ${sentences.join(' ')}`;
}

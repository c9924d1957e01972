/** The scores of several runs beside each other: what the reports found, without a word on who is better. A loss is no score. */
import { counted, fixed } from '../../numbers/counted.ts';
import { shareInterval } from '../../rows/share-interval.ts';
import { isKnown, type Measured, type ScoreBlock } from '../blocks.ts';
import { percentLabel, valueLabel } from '../charts/scale.ts';
import { html, type Markup, unbroken } from '../markup.ts';
import type { Curve, Curves, KnnAccuracy, Report } from '../model.ts';
import { breakable, scrolling } from './scrolling.ts';

/** Rows that were measured together, a cell for each run. */
export interface ScoreGroup {
  readonly title: string;
  /** On what images they were measured, where that is known, and what sets them apart from others of this title. */
  readonly note: string;
  readonly rows: readonly { readonly name: string; readonly cells: readonly (string | undefined)[] }[];
}

/** One run's part of a group. */
interface RunScores {
  readonly title: string;
  readonly on: Measured;
  readonly rows: readonly { readonly name: string; readonly value: string }[];
}

/**
 * In the order in which they appear, first those of the first report. Scores share a row only where they were measured on the
 * same images in the same way; what has the same title and was measured otherwise makes groups of its own.
 */
export function scoreGroups(reports: readonly Report[]): ScoreGroup[] {
  const measured = reports.map(measuredIn);
  const titles = [...new Set(measured.flatMap((groups) => groups.map(({ title }) => title)))];
  return titles.flatMap((title) => {
    const called = measured.map((groups) => groups.filter((group) => group.title === title));
    const all = called.flat().map(({ on }) => on);
    const ways = all.filter((on, i) => all.findIndex((other) => keyOf(other) === keyOf(on)) === i);
    return ways.map((on) => {
      const each = called.map((groups) => groups.find((group) => keyOf(group.on) === keyOf(on)));
      const names = [...new Set(each.flatMap((group) => group?.rows.map(({ name }) => name) ?? []))];
      return {
        title,
        note: noteOf(on, ways),
        rows: names.map((name) => ({
          name,
          cells: each.map((group) => group?.rows.find((row) => row.name === name)?.value),
        })),
      };
    });
  });
}

/** The same for the same images and protocol, in whatever order they are told. */
function keyOf({ data, protocol }: Measured): string {
  const sorted = (told: Readonly<Record<string, string>>) =>
    Object.entries(told).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([sorted(data), sorted(protocol)]);
}

/** The images, and of the protocol what is not the same in all ways of measuring. */
function noteOf({ data, protocol }: Measured, ways: readonly Measured[]): string {
  const differing = Object.entries(protocol).filter(([name, value]) =>
    ways.some((way) => way.protocol[name] !== value),
  );
  const told = [...Object.entries(data), ...differing].map(([name, value]) => `${name} ${value}`).join('; ');
  return ways.length > 1 ? `not measured alike: ${told}` : told;
}

function measuredIn({ accuracy, curves, evaluations = [] }: Report): RunScores[] {
  const groups: RunScores[] = [];
  if (accuracy !== undefined) groups.push(knnGroup(accuracy));
  if (curves !== undefined) {
    const rows = endRows(curves);
    if (rows.length > 0)
      groups.push({
        title: 'At the end of training',
        on: curves.measured ?? { data: {}, protocol: { images: String(curves.evaluationImages ?? '') } },
        rows,
      });
  }
  for (const { title, intro, blocks, measured } of evaluations) {
    for (const block of blocks) {
      if (block.kind === 'scores')
        groups.push({
          title: `${title}: ${block.title ?? 'score'}`,
          on: measured ?? { data: {}, protocol: { protocol: intro } },
          rows: block.rows.map((row) => ({ name: row.name, value: scoreLabel(row, block) })),
        });
    }
  }
  return groups;
}

function knnGroup({ neighbors, bankImages, testImages, ...shares }: KnnAccuracy): RunScores {
  const named = [
    ['trained network', shares.trained],
    ['same network, untrained', shares.untrained],
    ['raw pixels', shares.rawPixels],
    ['PCA of pixels', shares.pixelPca],
  ] as const;
  return {
    title: `k-NN accuracy, ${counted(neighbors, 'neighbor')}`,
    on: { data: {}, protocol: { bank: String(bankImages), test: String(testImages) } },
    rows: named.flatMap(([name, share]) =>
      share === undefined ? [] : [{ name, value: shareLabel(share, testImages) }],
    ),
  };
}

/** What the last online evaluation scored, and what that stands beside: the first one, and raw pixels. */
function endRows({ knn, knnPixels, linear, cluster, evaluationImages }: Curves): RunScores['rows'] {
  const share = (value: number): string => shareLabel(value, evaluationImages);
  const pixels = knnPixels === undefined || Number.isNaN(knnPixels) ? [] : [knnPixels];
  return [
    ...lastAndFirst('k-NN top-1', knn, share),
    ...(knn === undefined
      ? []
      : pixels.map((value) => ({ name: 'k-NN top-1 of raw pixels', value: share(value) }))),
    ...lastAndFirst('linear top-1', linear, share),
    ...lastAndFirst('clusters and classes (NMI)', cluster, valueLabel),
  ];
}

function lastAndFirst(
  name: string,
  curve: Curve | undefined,
  label: (value: number) => string,
): RunScores['rows'] {
  const values = Array.from(curve?.values ?? []);
  const last = values.findLastIndex(Number.isFinite);
  const first = values.findIndex(Number.isFinite);
  if (last < 0) return [];
  const rows = [{ name, value: label(values[last] ?? Number.NaN) }];
  return first === last
    ? rows
    : [...rows, { name: `${name} before training`, value: label(values[first] ?? Number.NaN) }];
}

/** A share of so many images with its 95 % interval. */
function shareLabel(share: number, images: number | undefined): string {
  if (images === undefined || !Number.isFinite(share)) return percentLabel(share);
  const { low, high } = shareInterval(share, images);
  return `${percentLabel(share)} (${fixed(100 * low, 1)} to ${fixed(100 * high, 1)})`;
}

function scoreLabel(
  { value, low, high }: ScoreBlock['rows'][number],
  { unit = '', digits }: ScoreBlock,
): string {
  const places = digits ?? (unit === '' ? 3 : 1);
  if (!Number.isFinite(value)) return 'none';
  const interval = isKnown(low) && isKnown(high) ? ` (${fixed(low, places)} to ${fixed(high, places)})` : '';
  return `${fixed(value, places)}${unit}${interval}`;
}

/** @param names of the runs, in the order of the reports */
export function scoreTable(groups: readonly ScoreGroup[], names: readonly string[]): Markup {
  const columns = names.length + 1;
  const bodies = groups.map(({ title, note, rows }) => {
    const on = note !== '' && html`<span class="count">${breakable(note)}</span>`;
    const lines = rows.map(
      ({ name, cells }) =>
        html`<tr><th scope="row">${unbroken(name)}</th>${cells.map((cell) => html`<td>${cell ?? 'not measured'}</td>`)}</tr>`,
    );
    return html`<tbody><tr><th class="of" scope="rowgroup" colspan="${columns}">${title}${on}</th></tr>${lines}</tbody>`;
  });
  return scrolling(
    'Scores of the runs',
    8 + 10 * names.length,
    html`<table class="grid-table scores"><thead><tr><th scope="col">Score</th>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>${bodies}</table>`,
  );
}

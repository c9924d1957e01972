/** The scores of several runs beside each other: what the reports found, without a word on who is better. A loss is no score. */

import { counted, fixed } from '../../format/counted.ts';
import { shareInterval } from '../../rows/share-interval.ts';
import { isKnown, type ScoreBlock } from '../blocks.ts';
import { percentLabel, valueLabel } from '../charts/scale.ts';
import { html, type Markup } from '../markup.ts';
import type { Curve, Curves, KnnAccuracy, Report } from '../model.ts';
import { scrolling } from './scrolling.ts';

/** Rows that were measured together, a cell for each run. */
export interface ScoreGroup {
  readonly title: string;
  /** Whether all runs that have these scores were measured in the same way, as far as the protocols tell. */
  readonly alike: boolean;
  readonly rows: readonly { readonly name: string; readonly cells: readonly (string | undefined)[] }[];
}

/** One run's part of a group. */
interface Measured {
  readonly title: string;
  readonly protocol: string;
  readonly rows: readonly { readonly name: string; readonly value: string }[];
}

/** In the order in which they appear, first those of the first report. Groups and rows are matched by their titles. */
export function scoreGroups(reports: readonly Report[]): ScoreGroup[] {
  const measured = reports.map(measuredIn);
  const titles = [...new Set(measured.flatMap((groups) => groups.map(({ title }) => title)))];
  return titles.map((title) => {
    const each = measured.map((groups) => groups.find((group) => group.title === title));
    const names = [...new Set(each.flatMap((group) => group?.rows.map(({ name }) => name) ?? []))];
    return {
      title,
      alike: new Set(each.flatMap((group) => group?.protocol ?? [])).size < 2,
      rows: names.map((name) => ({
        name,
        cells: each.map((group) => group?.rows.find((row) => row.name === name)?.value),
      })),
    };
  });
}

function measuredIn({ accuracy, curves, evaluations = [] }: Report): Measured[] {
  const groups: Measured[] = [];
  if (accuracy !== undefined) groups.push(knnGroup(accuracy));
  if (curves !== undefined) {
    const rows = endRows(curves);
    if (rows.length > 0)
      groups.push({
        title: 'At the end of training',
        protocol: curves.evaluationImages === undefined ? '' : counted(curves.evaluationImages, 'image'),
        rows,
      });
  }
  for (const { title, intro, blocks } of evaluations) {
    for (const block of blocks) {
      if (block.kind === 'scores')
        groups.push({
          title: `${title}: ${block.title ?? 'score'}`,
          protocol: intro,
          rows: block.rows.map((row) => ({ name: row.name, value: scoreLabel(row, block) })),
        });
    }
  }
  return groups;
}

function knnGroup({ neighbors, bankImages, testImages, ...shares }: KnnAccuracy): Measured {
  const named = [
    ['trained network', shares.trained],
    ['same network, untrained', shares.untrained],
    ['raw pixels', shares.rawPixels],
    ['PCA of pixels', shares.pixelPca],
  ] as const;
  return {
    title: `k-NN accuracy, ${counted(neighbors, 'neighbor')}`,
    protocol: `${bankImages} ${testImages}`,
    rows: named.flatMap(([name, share]) =>
      share === undefined ? [] : [{ name, value: shareLabel(share, testImages) }],
    ),
  };
}

/** What the last online evaluation scored, and what that stands beside: the first one, and raw pixels. */
function endRows({ knn, knnPixels, linear, cluster, evaluationImages }: Curves): Measured['rows'] {
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
): Measured['rows'] {
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
  const bodies = groups.map(({ title, alike, rows }) => {
    const note =
      !alike && html`<span class="count">not measured alike: see the protocols in the reports</span>`;
    const lines = rows.map(
      ({ name, cells }) =>
        html`<tr><th scope="row">${name}</th>${cells.map((cell) => html`<td>${cell ?? 'not measured'}</td>`)}</tr>`,
    );
    return html`<tbody><tr><th class="of" scope="rowgroup" colspan="${columns}">${title}${note}</th></tr>${lines}</tbody>`;
  });
  return scrolling(
    'Scores of the runs',
    6 * columns,
    html`<table class="grid-table scores"><thead><tr><th scope="col">Score</th>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>${bodies}</table>`,
  );
}

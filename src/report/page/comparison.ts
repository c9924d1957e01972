/**
 * Several runs beside each other on one page: their scores in a table, their curves laid over each other, and the choices in
 * which they differ. A pure function of the runs' reports; it needs no other file and has no script.
 */
import type { EvaluationSection } from '../blocks.ts';
import { type LineChart, lineChart, seriesClass } from '../charts/chart.ts';
import { html, type Markup, unbroken } from '../markup.ts';
import type { Curves, Report, ReportFinding } from '../model.ts';
import { otherCharts, runCharts } from './curves.ts';
import { evaluationSection } from './draw-blocks.ts';
import { severityWords } from './findings.ts';
import { stillPage } from './page-frame.ts';
import { scoreGroups, scoreTable } from './score-table.ts';
import { breakable, scrolling } from './scrolling.ts';
import { section } from './section.ts';

export interface ComparedRun {
  /** What the page calls it; each name once. */
  readonly name: string;
  /** Address of its own report, relative to the page. */
  readonly address: string;
  readonly report: Report;
  /** What it is, in a sentence; the title of its report unless given. */
  readonly about?: string;
  /** Number of its color; that of its place unless given. */
  readonly color?: number;
}

/** What a page says of runs that were made to be compared. */
export interface StudyPage {
  readonly title: string;
  /** Before all else. */
  readonly sections: readonly EvaluationSection[];
}

const pageStyle = `
.scores tbody + tbody th.of { padding-top: 1.4rem; }
.scores th.of { font-weight: 640; }
.scores tbody th:not(.of) { font-weight: 450; color: var(--soft); }
.scores td { white-space: nowrap; }
.scores tbody th:not(.of) { min-width: 8rem; }
.beside tbody th { white-space: nowrap; }
.beside td { min-width: 10rem; }
.said { --c: var(--mute); }
.said.ok { --c: var(--same); } .said.warning { --c: var(--warn); } .said.error { --c: var(--other); }
.said.info .severity { color: var(--soft); }
.runs { margin-top: 1.2rem; display: grid; gap: 0.3rem; }
.runs a { color: inherit; overflow-wrap: anywhere; }
.runs .legend { display: block; margin: 0; font-size: 1rem; }
`;

/** The whole document, to be written as UTF-8. */
export function renderComparison(runs: readonly ComparedRun[], study?: StudyPage): string {
  const names = runs.map(({ name }) => name);
  const reports = runs.map(({ report }) => report);
  const title = study?.title ?? `Runs compared: ${names.join(', ')}`;
  const scores = scoreGroups(reports);
  const shared = sharedReading(reports);
  const charts = overlaid(runs, ({ curves }) =>
    curves === undefined ? [] : runCharts({ ...curves, ...shared }),
  );
  const others = overlaid(runs, ({ curves }) => (curves === undefined ? [] : otherCharts(curves)));
  return stillPage({
    title,
    style: pageStyle,
    body: html`<header><p class="eyebrow">dino-ts comparison</p><h1>${study?.title ?? 'Runs compared'}</h1><ul class="legend runs">${runs.map(
      ({ name, address, report, about, color }, i) =>
        html`<li class="${seriesClass(color ?? i)}"><a href="${address}">${breakable(name)}</a> ${about ?? report.title}</li>`,
    )}</ul></header>
<main>
${study?.sections.map(evaluationSection)}${
  scores.length > 0 &&
  section(
    'Scores',
    'What was measured of each run. A score means something only above the untrained network and the pixels, and a difference only beyond the intervals.',
    scoreTable(scores, names),
  )
}${
  charts.length + others.length > 0 &&
  section(
    'The runs',
    'The same measurement of all runs in one chart. Point at a chart to read the values.',
    html`${charts.length > 0 && html`<div class="charts">${charts.map(lineChart)}</div>`}${
      others.length > 0 &&
      html`<details><summary>Schedules and other measurements</summary><div class="charts">${others.map(lineChart)}</div></details>`
    }`,
  )
}${diagnoses(runs)}${differences(runs)}</main>
<footer>dino-ts</footer>`,
  });
}

/** Without what captions say of one run alone: so many images, a line of raw pixels. */
function sharedReading(reports: readonly Report[]): Pick<Curves, 'evaluationImages' | 'knnPixels'> {
  const all = reports.flatMap(({ curves }) => (curves === undefined ? [] : [curves]));
  const same = (of: (curves: Curves) => number | undefined) =>
    new Set(all.map(of)).size === 1 ? all.map(of)[0] : undefined;
  return {
    evaluationImages: same(({ evaluationImages }) => evaluationImages),
    knnPixels: same(({ knnPixels }) => knnPixels),
  };
}

/**
 * Charts of one title as one chart, a line for each run in the color that it has in all charts. What is read in another way, such as
 * the losses of two methods, has charts of its own.
 */
function overlaid(
  runs: readonly ComparedRun[],
  chartsOf: (report: Report) => readonly LineChart[],
): LineChart[] {
  const all = runs.flatMap(({ name, report, color }, i) =>
    chartsOf(report).map((chart) => ({ name, color: color ?? i, chart })),
  );
  const captionOf = ({ title, caption }: LineChart): string | undefined =>
    caption ?? all.find(({ chart }) => chart.title === title && chart.caption !== undefined)?.chart.caption;
  const readings = [
    ...new Map(all.map(({ chart }) => [`${chart.title} ${captionOf(chart)}`, chart])).values(),
  ].map((chart) => ({ title: chart.title, caption: captionOf(chart) }));
  return readings.flatMap(({ title, caption }) => {
    const parts = all.filter(({ chart }) => chart.title === title && captionOf(chart) === caption);
    const [first] = parts;
    if (first === undefined) return [];
    const isAlone = readings.filter((other) => other.title === title).length === 1;
    const references = (first.chart.references ?? []).filter((reference) =>
      parts.every(({ chart }) =>
        chart.references?.some(({ name, value }) => name === reference.name && value === reference.value),
      ),
    );
    return [
      {
        ...first.chart,
        title: isAlone ? title : `${title} of ${parts.map(({ name }) => name).join(', ')}`,
        references,
        series: parts.flatMap(({ name, color, chart }) =>
          chart.series.map((each) => ({ ...each, name, color })),
        ),
      },
    ];
  });
}

/** What a reader asks before he believes a difference: the facts, the choices that are not the same. */
function differences(runs: readonly ComparedRun[]): Markup | undefined {
  const valuesOf = (
    pick: (report: Report) => readonly { readonly name: string; readonly value: string }[],
  ) => {
    const lists = runs.map(({ report }) => pick(report));
    const names = [...new Set(lists.flatMap((list) => list.map(({ name }) => name)))];
    return names.map((name) => ({
      name,
      cells: lists.map((list) => list.find((each) => each.name === name)?.value ?? 'not set'),
    }));
  };
  const facts = valuesOf(({ facts: list = [] }) => list);
  const choices = valuesOf(({ recipe = [] }) => recipe).filter(({ cells }) => new Set(cells).size > 1);
  const rows = [...facts, ...choices].map(({ name, cells }) => ({ name, cells: cells.map(breakable) }));
  if (rows.length === 0) return undefined;
  return section(
    'What differs',
    `The facts of each run${choices.length > 0 ? ', and the choices in which they differ. All others are the same' : '. Their choices are the same'}.`,
    besideEachOther('Facts and choices of the runs', runs, rows),
  );
}

/** What the doctor said of each run, a row for each topic. */
function diagnoses(runs: readonly ComparedRun[]): Markup | undefined {
  const lists = runs.map(({ report }) => report.findings);
  if (lists.every((list) => list === undefined)) return undefined;
  const topicOf = ({ topic, title }: ReportFinding): string => topic ?? title;
  const topics = [...new Set(lists.flatMap((list) => list?.map(topicOf) ?? []))];
  const rows = topics.map((name) => ({
    name,
    cells: lists.map((list) => said(list?.find((finding) => topicOf(finding) === name))),
  }));
  return section(
    'Diagnosis',
    'What the doctor said of each run.',
    rows.length === 0
      ? html`<p>Nothing was found.</p>`
      : besideEachOther('Diagnosis of the runs', runs, rows),
  );
}

function said(finding: ReportFinding | undefined): Markup {
  if (finding === undefined) return html`nothing was said`;
  const { severity, title, detail } = finding;
  return html`<div class="said ${severity}"><span class="severity">${severityWords[severity]}</span>${unbroken(title)}<span class="count">${unbroken(detail)}</span></div>`;
}

/** A table with a column for each run. */
function besideEachOther(
  label: string,
  runs: readonly ComparedRun[],
  rows: readonly { readonly name: string; readonly cells: readonly Markup[] }[],
): Markup {
  const head = runs.map(({ name }) => html`<th scope="col">${breakable(name)}</th>`);
  const lines = rows.map(
    ({ name, cells }) =>
      html`<tr><th scope="row">${name}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  );
  const table = html`<table class="grid-table beside"><thead><tr><th scope="col">What</th>${head}</tr></thead><tbody>${lines}</tbody></table>`;
  return scrolling(label, 10 + 10 * runs.length, table);
}

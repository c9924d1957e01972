/** The run over time: loss, accuracy, what the method watches, schedules. */
import { counted } from '../../numbers/counted.ts';
import { type LineChart, lineChart } from '../charts/chart.ts';
import { html, type Markup } from '../markup.ts';
import type { Curve, Curves, Reading } from '../model.ts';
import { section } from './section.ts';

/** A score of fewer images is hardly one. */
const FEW = 100;

function readingOf({ caption, references }: Reading = {}): Reading {
  return {
    ...(caption === undefined ? {} : { caption }),
    ...(references === undefined ? {} : { references }),
  };
}

/** The charts that are read first. */
export function runCharts(curves: Curves): LineChart[] {
  const charts: LineChart[] = [];
  const add = (curve: Curve | undefined, name: string, chart: Omit<LineChart, 'xName' | 'series'>) => {
    if (curve === undefined) return;
    const series = [{ name, x: curve.steps, y: curve.values }];
    charts.push({ ...chart, xName: 'step', series });
  };
  add(curves.loss, 'loss', { title: 'Loss', ...readingOf(curves.loss) });
  const few =
    curves.evaluationImages === undefined || curves.evaluationImages >= FEW
      ? ''
      : ` Of ${counted(curves.evaluationImages, 'image')} only: it says little.`;
  add(curves.knn && percent(curves.knn), 'k-NN top-1', {
    title: 'k-NN accuracy, %',
    caption: `On images of the training set, at every online evaluation.${few} It should rise${curves.knnPixels === undefined ? '' : ' above the line'}. If it falls again, an earlier checkpoint is the better one.`,
    references: [{ name: 'raw pixels', value: 100 * (curves.knnPixels ?? Number.NaN) }],
    unit: '\u202f%',
    fromZero: true,
  });
  add(curves.linear && percent(curves.linear), 'linear top-1', {
    title: 'Linear accuracy, %',
    caption: `A linear classifier on the features, quickly fitted.${few} It should rise; its own level says little.`,
    unit: '\u202f%',
    fromZero: true,
  });
  add(curves.cluster, 'NMI', {
    title: 'Clusters and classes (NMI)',
    caption: `How well groups that k-means finds agree with the classes: 0 not at all, 1 entirely.${few}`,
    fromZero: true,
  });
  for (const measure of curves.measures ?? [])
    add(measure, measure.name, { title: measure.title, ...readingOf(measure), fromZero: true });
  return charts;
}

/** What one rarely looks for, and when: a caption for those whose names do not say it. */
const captions: Readonly<Record<string, string>> = {
  'train lr': 'Rises during warm-up, then falls along a cosine.',
  'train wd': 'Rises or stays; it keeps the weights small toward the end.',
  'teacher momentum': 'How much of itself the teacher keeps at each step; it rises to 1.',
  'gradient norm':
    'Single peaks do no harm. A rise that does not end comes before NaN: lower the learning rate.',
  'feature cosine':
    'Mean similarity of features of different images. Near 1 all images look the same to the network.',
  'feature rank': 'How many directions the features use. Near 1 there is nothing left to tell images by.',
  'images per second':
    'Of up to ten steps each. Should be level: dips come from the disk or from other programs.',
};

/** Schedules and other measurements. */
export function otherCharts(curves: Curves): LineChart[] {
  return (curves.others ?? []).map(({ name, steps, values }) => ({
    title: name,
    ...(captions[name] === undefined ? {} : { caption: captions[name] }),
    xName: 'step',
    series: [{ name, x: steps, y: values }],
  }));
}

/** Left out when no curve was recorded. */
export function curvesSection(curves: Curves): Markup | undefined {
  const charts = runCharts(curves).map(lineChart);
  const others = otherCharts(curves).map(lineChart);
  if (charts.length + others.length === 0) return undefined;
  return section(
    'The run',
    'Each point is the mean of up to ten steps; accuracies are measured by online evaluations. Point at a chart to read it.',
    html`${charts.length > 0 && html`<div class="charts">${charts}</div>`}${
      others.length > 0 &&
      html`<details><summary>Schedules and other measurements</summary><div class="charts">${others}</div></details>`
    }`,
  );
}

function percent({ steps, values }: Curve): Curve {
  return { steps, values: Array.from(values, (share) => 100 * share) };
}

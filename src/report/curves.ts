/** The run over time: loss, the two quantities that tell collapse (paper, section 5.3 and figure 7), accuracy, schedules. */
import { type LineChart, lineChart } from './chart.ts';
import { html, type Markup } from './markup.ts';
import type { Curve, Curves, KnnAccuracy } from './model.ts';
import { section } from './section.ts';

/** Left out when no curve was recorded. `accuracy` gives the reference lines of the k-NN chart. */
export function curvesSection(curves: Curves, accuracy: KnnAccuracy | undefined): Markup | undefined {
  const uniform =
    curves.outDim === undefined ? [] : [{ name: `ln ${curves.outDim} =`, value: Math.log(curves.outDim) }];
  const charts: Markup[] = [];
  const add = (curve: Curve | undefined, name: string, chart: Omit<LineChart, 'xName' | 'series'>) => {
    if (curve === undefined) return;
    const series = [{ name, x: curve.steps, y: curve.values }];
    charts.push(lineChart({ ...chart, xName: 'step', series }));
  };
  add(curves.loss, 'loss', {
    title: 'Loss',
    caption:
      'It begins near ln K, which guessing gives, and should leave it. To stay there is uniform collapse.',
    references: uniform,
  });
  add(curves.knn && percent(curves.knn), 'k-NN top-1', {
    title: 'k-NN accuracy, %',
    caption: 'It should rise above both lines. If it falls again, an earlier checkpoint is the better one.',
    references: [
      { name: 'untrained', value: 100 * (accuracy?.untrained ?? Number.NaN) },
      { name: 'raw pixels', value: 100 * (accuracy?.rawPixels ?? Number.NaN) },
    ],
    unit: '\u202f%',
    fromZero: true,
  });
  add(curves.linear && percent(curves.linear), 'linear top-1', {
    title: 'Linear accuracy, %',
    caption:
      'A linear classifier on the features, quickly fitted. It should rise; its own level says little.',
    unit: '\u202f%',
    fromZero: true,
  });
  add(curves.cluster, 'NMI', {
    title: 'Clusters and classes (NMI)',
    caption: 'How well groups that k-means finds agree with the classes: 0 not at all, 1 entirely.',
    fromZero: true,
  });
  add(curves.teacherEntropy, 'entropy', {
    title: 'Entropy of the teacher',
    caption:
      'Healthy between the ends: at 0 every image gives the same single output, at ln K all outputs at once.',
    references: uniform,
    fromZero: true,
  });
  add(curves.divergence, 'KL', {
    title: 'KL (teacher ‖ student)',
    caption: 'How far the student is from its teacher. It falls to 0 in either kind of collapse.',
    fromZero: true,
  });
  const others = (curves.others ?? []).map((curve) =>
    lineChart({
      title: curve.name,
      xName: 'step',
      series: [{ name: curve.name, x: curve.steps, y: curve.values }],
    }),
  );
  if (charts.length + others.length === 0) return undefined;
  return section(
    'The run',
    'Values at each step. Point at a chart to read them.',
    html`${charts.length > 0 && html`<div class="charts">${charts}</div>`}${
      others.length > 0 &&
      html`<details><summary>Schedules and other measurements</summary><div class="charts">${others}</div></details>`
    }`,
  );
}

function percent({ steps, values }: Curve): Curve {
  return { steps, values: Array.from(values, (share) => 100 * share) };
}

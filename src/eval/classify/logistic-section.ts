/** What the evaluation with few labels says of its report. */
import { type ComparedName, comparedNames, comparedTitles, forBaselines } from '../../features/baselines.ts';
import { counted, fixed } from '../../numbers/counted.ts';
import { gridBars, gridTable } from '../../report/score-grid.ts';
import type { FeatureFacts, Statement } from '../statement.ts';
import { verdict } from '../verdict.ts';
import { againstLargest, withLargest } from './largest-class.ts';
import { budgetTitle, type LowShotReport } from './low-shot.ts';

export interface LogisticFacts extends FeatureFacts {
  /** The training images as they were given. */
  readonly train: string;
  readonly c: number;
  /** Random draws of the labeled images. */
  readonly draws: number;
}

export function logisticStatement(
  report: LowShotReport,
  { feature, size, train, c, draws }: LogisticFacts,
): Statement {
  const { classes, curves, gains, largest, trainImages, testImages, heldBack } = report;
  const divided = heldBack
    ? `${counted(testImages, 'image')} held back from ${train}`
    : counted(testImages, 'test image');
  const protocol = `Logistic regression of ${counted(classes.length, 'class', 'classes')} on some of ${counted(trainImages, 'image')}, ${divided}: ${feature} at ${size} pixels, standardized by the labeled images, L2 penalty with C = ${c}, L-BFGS, mean and standard deviation over ${counted(draws, 'draw')}`;
  const titles = report.budgets.map(({ budget }) => budgetTitle(budget));
  const most = titles.at(-1) ?? '';
  const x = report.budgets.map(({ labeled }) => labeled);
  const scored = {
    corner: draws < 2 ? 'top-1 %' : 'top-1 % (± deviation)',
    columns: titles.map((title) => ({ title })),
    rows: comparedNames.map((name) => ({
      name: comparedTitles[name],
      cells: curves[name].map(({ top1, spread, draws: each }) =>
        each.length < 2 ? { value: top1 } : `${fixed(top1, 1)} ± ${fixed(spread, 1)}`,
      ),
    })),
  };
  const table = gridTable(withLargest(scored, largest));
  const against = againstLargest(largest);
  const withMost = (name: ComparedName): number => curves[name].at(-1)?.top1 ?? Number.NaN;
  const best = {
    corner: '',
    columns: [{ title: most }],
    rows: comparedNames.map((name) => ({
      name: comparedTitles[name],
      cells: [{ value: withMost(name), ...curves[name].at(-1)?.interval }],
    })),
  };
  return {
    protocol,
    table,
    finding: verdict({
      scope: 'logistic regression',
      what: `Top-1 (labels: ${most})`,
      images: testImages,
      scores: { trained: withMost('trained'), ...forBaselines(withMost), ...against.scores },
      gains: { ...gains, ...against.gains },
    }),
    section: {
      title: 'How many labels it needs',
      intro: `${protocol}. Read it from left to right: how few labels of the trained network are worth many labels of the pixels?`,
      blocks: [
        {
          kind: 'chart',
          title: 'Top-1 by labeled images',
          caption: 'Mean over draws; shaded: one standard deviation to both sides.',
          xName: 'labeled images',
          logX: true,
          unit: ' %',
          series: comparedNames.map((name) => ({
            name: comparedTitles[name],
            x,
            y: curves[name].map(({ top1 }) => top1),
            low: curves[name].map(({ top1, spread }) => top1 - spread),
            high: curves[name].map(({ top1, spread }) => top1 + spread),
          })),
          references: [
            { name: 'chance', value: 100 / classes.length },
            ...(largest === undefined ? [] : [{ name: 'largest class', value: largest.top1 }]),
          ],
        },
        {
          kind: 'table',
          title: 'Top-1 in percent',
          head: ['labeled images', ...titles],
          rows: [['in all', ...x.map(String)], ...table.slice(1)],
        },
        gridBars(withLargest(best, largest), most, {
          title: `Top-1 with ${most}${most === 'all' ? ' images labeled' : ''}`,
          top: 100,
          unit: ' %',
        }),
      ],
    },
  };
}

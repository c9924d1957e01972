/** What the k-NN evaluation says of its report. */
import { type BaselineName, comparedNames, comparedTitles, forBaselines } from '../../features/baselines.ts';
import { type ViewCount, viewTitles } from '../../features/views.ts';
import { counted } from '../../numbers/counted.ts';
import type { Finding } from '../../report/finding.ts';
import { gridBars, gridTable, type ScoreGrid } from '../../report/score-grid.ts';
import { type Interval, UNKNOWN } from '../../rows/bootstrap.ts';
import type { FeatureFacts, Statement } from '../statement.ts';
import { verdict } from '../verdict.ts';
import type { KnnReport } from './knn-report.ts';
import { againstLargest, withLargest } from './largest-class.ts';

export interface KnnFacts extends FeatureFacts {
  readonly views?: ViewCount;
  readonly temperature: number;
}

/** The number of neighbors that is shown first: the official 20 where it was measured. */
function shownK(report: KnnReport): string {
  const measured = Object.keys(report.trained.top1);
  return measured.includes('20') ? '20' : (measured[0] ?? '');
}

export function knnStatement(
  report: KnnReport,
  { feature, size, views = 1, temperature }: KnnFacts,
): Statement {
  const { bankImages, testImages, leaveOneOut } = report;
  const against = leaveOneOut
    ? `${counted(testImages, 'image')}, each against all others`
    : `${counted(testImages, 'image')} against ${bankImages}`;
  const protocol = `k-NN of ${against}: ${feature} at ${size} pixels${viewTitles[views]}, cosine, votes exp(s / ${temperature})`;
  const grid = knnGrid(report);
  const shown = shownK(report);
  return {
    protocol,
    table: gridTable(grid),
    finding: examineKnn(report, shown),
    section: {
      title: 'k-NN classification',
      intro: `${protocol}. The labels are used for this measurement only. Features are worth something where the trained network beats both the untrained one and the pixels by more than the intervals.`,
      blocks: [
        gridBars(grid, `k = ${shown}`, {
          title: `Top-1 with ${counted(Number(shown), 'neighbor')}`,
          top: 100,
          unit: ' %',
        }),
      ],
    },
  };
}

/** Top-1 in percent by the number of neighbors. */
function knnGrid(report: KnnReport): ScoreGrid {
  const ks = Object.keys(report.trained.top1);
  const grid = {
    corner: 'top-1 % (95 %)',
    columns: ks.map((k) => ({ title: `k = ${k}` })),
    rows: comparedNames.map((name) => ({
      name: comparedTitles[name],
      cells: ks.map((k) => ({ value: report[name].top1[k] ?? Number.NaN, ...report.intervals[name][k] })),
    })),
  };
  return withLargest(grid, report.largest?.[ks[0] ?? '']);
}

/** Whether the trained network is above all that it is compared with. @param k which of the numbers of neighbors counts */
export function examineKnn(report: KnnReport, k: string): Finding | undefined {
  const of = (name: 'trained' | BaselineName): number => report[name].top1[k] ?? Number.NaN;
  const gain = (name: BaselineName): Interval => report.gains[name][k] ?? UNKNOWN;
  const largest = againstLargest(report.largest?.[k]);
  return verdict({
    what: `${k}-NN`,
    images: report.testImages,
    scores: { trained: of('trained'), ...forBaselines(of), ...largest.scores },
    gains: { ...forBaselines(gain), ...largest.gains },
  });
}

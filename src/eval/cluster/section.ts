/** What clustering says of its report. */
import { comparedNames, comparedTitles, forBaselines } from '../../features/baselines.ts';
import { counted, fixed } from '../../numbers/counted.ts';
import type { Block, TileBlock } from '../../report/blocks.ts';
import type { Finding } from '../../report/finding.ts';
import type { PicturedImages } from '../../report/picture.ts';
import { gridBars, gridTable, type ScoreGrid } from '../../report/score-grid.ts';
import type { FeatureFacts, Statement } from '../statement.ts';
import { verdict } from '../verdict.ts';
import { type ClusterReport, type ClusterScoreName, clusterScoreNames } from './cluster-report.ts';

const scoreTitles: Readonly<Record<ClusterScoreName, string>> = {
  nmi: 'NMI',
  ari: 'ARI',
  hungarianAccuracy: 'Hungarian accuracy',
  purity: 'purity',
};
const SHOWN_CLUSTERS = 20;
const SHOWN_IMAGES = 8;

export interface ClusterFacts extends FeatureFacts {
  /** Runs of k-means. */
  readonly restarts: number;
  readonly classes: readonly string[];
}

export async function clusterStatement(
  report: ClusterReport,
  { feature, size, restarts, classes }: ClusterFacts,
  images: PicturedImages,
): Promise<Statement> {
  const { scored, gains, tried, indices } = report;
  const protocol = `k-means of ${counted(indices.length, 'image')} into ${counted(report.k, 'group')}: L2-normalized ${feature} at ${size} pixels, best of ${counted(restarts, 'run')}${tried === undefined ? '' : ', k by the largest silhouette'}`;
  const grid = scored === undefined ? undefined : clusterGrid(scored);
  const silhouette: Block[] = tried === undefined ? [] : [silhouetteChart(tried)];
  return {
    protocol,
    table:
      grid === undefined
        ? [
            ['groups', 'silhouette'],
            ...(tried ?? []).map((each) => [String(each.k), fixed(each.silhouette, 3)]),
          ]
        : gridTable(grid),
    finding:
      scored === undefined || gains === undefined
        ? tried && doubt(report.k, tried)
        : verdict({
            scope: 'clusters',
            what: 'NMI of clusters and classes',
            images: indices.length,
            scale: 'unit',
            scores: {
              trained: scored.trained.scores.nmi,
              ...forBaselines((name) => scored[name].scores.nmi),
            },
            gains,
          }),
    section: {
      title: 'Clusters',
      intro: `${protocol}. No label was used to find the groups.`,
      blocks: [
        ...(grid === undefined
          ? []
          : ([scoreTitles.nmi, scoreTitles.hungarianAccuracy] as const).map((title) =>
              gridBars(grid, title, { title }),
            )),
        ...silhouette,
        {
          kind: 'tiles',
          title: 'The groups',
          caption: 'The images nearest to the center of each group: do they show the same kind of thing?',
          groups: await groupTiles(report, classes, images),
        },
      ],
    },
  };
}

function clusterGrid(scored: NonNullable<ClusterReport['scored']>): ScoreGrid {
  return {
    corner: 'score (95 %)',
    columns: clusterScoreNames.map((name) => ({ title: scoreTitles[name], digits: 3 })),
    rows: comparedNames.map((each) => ({
      name: comparedTitles[each],
      cells: clusterScoreNames.map((name) => ({
        value: scored[each].scores[name],
        ...scored[each].intervals[name],
      })),
    })),
  };
}

/** Kaufman and Rousseeuw (1990): below this no substantial structure was found. */
const STRUCTURE = 0.25;

/** What is said where the number of groups that was chosen says little. */
function doubt(k: number, tried: NonNullable<ClusterReport['tried']>): Finding | undefined {
  const best = tried.find((each) => each.k === k)?.silhouette ?? Number.NaN;
  if (!(best < STRUCTURE)) return undefined;
  const isLast = tried.every((each) => each.k <= k);
  return {
    severity: 'info',
    topic: 'groups',
    title: 'Hardly any groups',
    detail: `The largest silhouette of the numbers that were tried is ${fixed(best, 2)}, with ${counted(k, 'group')}${isLast ? ', the most that were tried' : ''}: below ${STRUCTURE} images lie as near to other groups as to their own, and the number of groups says little.`,
    advice: 'Give --k for as many groups as you want to look through, or train longer.',
  };
}

function silhouetteChart(tried: NonNullable<ClusterReport['tried']>): Block {
  return {
    kind: 'chart',
    title: 'Silhouette',
    caption: 'How much nearer images are to their own group than to the next one, by the number of groups.',
    xName: 'groups',
    series: [{ name: 'silhouette', x: tried.map((each) => each.k), y: tried.map((each) => each.silhouette) }],
  };
}

async function groupTiles(
  { members, majorities, indices }: ClusterReport,
  classes: readonly string[],
  { key, pictureOf }: PicturedImages,
): Promise<TileBlock['groups']> {
  const groups: TileBlock['groups'][number][] = [];
  for (const [i, rows] of members.slice(0, SHOWN_CLUSTERS).entries()) {
    const most = majorities?.[i];
    const tiles = [];
    for (const row of rows.subarray(0, SHOWN_IMAGES)) {
      const index = indices[row] ?? 0;
      tiles.push({ picture: await pictureOf(index), name: key(index) });
    }
    groups.push({
      title: `Group ${i + 1}: ${counted(rows.length, 'image')}${most === undefined ? '' : `, ${(100 * most.share).toFixed(0)} % ${classes[most.label] ?? ''}`}`,
      tiles,
    });
  }
  return groups;
}

/** What video segmentation says of its report. */
import { counted } from '../../numbers/counted.ts';
import type { Block, TileBlock } from '../../report/blocks.ts';
import type { Finding } from '../../report/finding.ts';
import { gridBars, gridTable, type Score, type ScoreGrid } from '../../report/score-grid.ts';
import type { Statement } from '../statement.ts';
import { verdict } from '../verdict.ts';
import { type Clip, type ClipsReport, videoComparedNames, videoComparedTitles } from './clips-report.ts';
import type { SequenceScores, VideoOptions } from './video-report.ts';
import { type VideoSummary, videoSummary } from './video-summary.ts';

const JF = 'J&F (95 %)';
const columns = [JF, 'J mean', 'J recall', 'J decay', 'F mean', 'F recall', 'F decay'];

/** @param groups frames with their masks, for each clip that is shown */
export function videoStatement(
  report: ClipsReport,
  { short, lastFrames, neighborhood, topk }: VideoOptions,
  groups: TileBlock['groups'],
): Statement {
  const { clips, frames, scored, summaries, gains } = report;
  const protocol = `Label propagation through ${counted(frames, 'frame')} of ${counted(clips.length, 'clip')}: short side ${short} pixels, the first and ${lastFrames} earlier frames, neighborhood ${neighborhood}, top ${topk}, exp(cosine / 0.1); J and F as DAVIS 2017, without the first frame and the last`;
  const grid = summaries === undefined ? undefined : videoGrid(summaries);
  return {
    protocol,
    table: grid === undefined ? [['masks of', String(frames), 'frames, not scored']] : gridTable(grid),
    finding: summaries && gains && examineVideo(summaries, gains),
    section: {
      title: 'Video segmentation',
      intro: `${protocol}. Nothing was trained for it: a patch takes the label of the patches of earlier frames that it resembles most. Useful features keep the mask on the object where the untrained network's smear it, and beat the first mask left where it was.`,
      blocks: [
        ...(grid === undefined ? [] : scoreBlocks(grid, scored)),
        {
          kind: 'tiles',
          title: 'Masks over time',
          caption: 'The first mask is given; all others are made.',
          large: true,
          groups,
        },
      ],
    },
  };
}

function videoGrid(summaries: NonNullable<ClipsReport['summaries']>): ScoreGrid {
  return {
    corner: 'video',
    columns: columns.map((title) => ({ title })),
    rows: videoComparedNames.map((name) => ({
      name: videoComparedTitles[name],
      cells: scoresOf(summaries[name]),
    })),
  };
}

/** In percent. */
function scoresOf({ jAndF, j, f, interval }: VideoSummary): Score[] {
  const ends = interval === undefined ? {} : { low: 100 * interval.low, high: 100 * interval.high };
  return [
    { value: 100 * jAndF, ...ends },
    ...[j.mean, j.recall, j.decay, f.mean, f.recall, f.decay].map((share) => ({ value: 100 * share })),
  ];
}

/** Object by object. */
function examineVideo(
  { trained, untrained, kept }: NonNullable<ClipsReport['summaries']>,
  gains: NonNullable<ClipsReport['gains']>,
): Finding | undefined {
  return verdict({
    scope: 'video segmentation',
    what: 'J and F',
    images: trained.objects,
    of: 'objects',
    scale: 'unit',
    scores: { trained: trained.jAndF, untrained: untrained.jAndF, kept: kept.jAndF },
    gains,
  });
}

function scoreBlocks(grid: ScoreGrid, scored: readonly Clip[]): Block[] {
  const [first] = scored;
  const [head = [], ...rows] = gridTable(grid);
  const objects = gridTable({
    corner: 'object',
    columns: columns.map((title) => ({ title })),
    rows: scored.flatMap(({ name, scores }) =>
      scores.trained.objects.map((object) => ({
        name: `${name}, label ${object.label}`,
        cells: scoresOf(videoSummary([object])),
      })),
    ),
  });
  const [objectHead = [], ...objectRows] = objects;
  return [
    gridBars(grid, JF, { title: 'J&F', top: 100, unit: ' %' }),
    { kind: 'table', title: 'Means over objects, %', head, rows },
    ...(first === undefined ? [] : [overTime(first)]),
    { kind: 'table', title: 'Objects, trained network, %', head: objectHead, rows: objectRows },
  ];
}

function overTime({ name, scores }: Clip): Block {
  const jOverTime = ({ frames, objects }: SequenceScores): number[] =>
    frames.map(
      (_, i) => objects.reduce((sum, { jOfFrames }) => sum + (jOfFrames[i] ?? 0), 0) / objects.length,
    );
  return {
    kind: 'chart',
    title: `J over time, ${name}`,
    caption: 'The Jaccard index of each frame, the mean over objects: how long is the mask kept?',
    xName: 'frame',
    fromZero: true,
    series: videoComparedNames.map((each) => ({
      name: videoComparedTitles[each],
      x: [...scores[each].frames],
      y: jOverTime(scores[each]),
    })),
  };
}

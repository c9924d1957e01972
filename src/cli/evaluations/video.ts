/** `dino eval video`: DAVIS label propagation (official `eval_video_segmentation.py`) on anyone's frames, scored here. */
import { rmSync } from 'node:fs';
import { z } from 'zod';
import { findSequences, openSequences } from '../../data/sequences.ts';
import type { SourceOptions } from '../../data/source.ts';
import {
  type SegmentedFrame,
  type SequenceScores,
  segmentVideo,
  type VideoSequence,
} from '../../eval/video-report.ts';
import { type VideoSummary, videoSummary } from '../../eval/video-summary.ts';
import { resizeMask } from '../../image/mask.ts';
import type { Block, Tile, TileBlock } from '../../report/blocks.ts';
import { labelOverlay, labelPalette } from '../../report/label-colors.ts';
import { encodeIndexedPng, encodePng } from '../../report/png.ts';
import { UsageError } from '../flags.ts';
import { defineEvaluation } from './evaluation.ts';
import { smallPicture, spread } from './thumbnails.ts';

const titles = {
  trained: 'trained network',
  untrained: 'the same, untrained',
  kept: 'first mask kept',
} as const;
type Contender = keyof typeof titles;
const contenders = Object.keys(titles) as Contender[];
const SHOWN_CLIPS = 4;
const SHOWN_FRAMES = 6;

/** What is known of one clip. */
interface Clip {
  readonly sequence: VideoSequence;
  readonly scores: Readonly<Record<Contender, SequenceScores>>;
  readonly groups: TileBlock['groups'];
}

const whole = z.number().int();

export const video = defineEvaluation({
  name: 'video',
  summary: 'the first mask of a video carried on by patch features: J and F of DAVIS',
  usage: '<run> (--frames <folder> --masks <folder> | <folder of clips>)',
  words: 1,
  replacesFiles: true,
  fields: {
    frames: z.string().describe('a folder of frames, or of a folder of frames for each clip'),
    masks: z
      .string()
      .describe('a folder of masks, named as their frames: the first one is carried on, others are scored'),
    nLastFrames: whole.min(0).describe('frames before the current one that are sources; 7 unless given'),
    sizeMaskNeighborhood: whole
      .min(0)
      .describe('patches that a source may be away, 0 for no limit; 12 unless given'),
    topk: whole.min(1).describe('sources of each patch; 5 unless given'),
    imageSize: whole.min(64).describe('short side at which frames are read; 480 unless given'),
  },
  async run(options, { subject, backbone, engine, paths, onProgress, warn, write }) {
    const { nLastFrames = 7, sizeMaskNeighborhood = 12, topk = 5, imageSize = 480 } = options;
    backbone.requireAttention('patch tokens to carry masks with');
    const sequences = chooseSequences(paths, subject.imageOptions, options.frames, options.masks);
    const settings = { lastFrames: nLastFrames, neighborhood: sizeMaskNeighborhood, topk, short: imageSize };
    const clips: Clip[] = [];
    // Frames of another clip that was asked about before are not to stand among these.
    for (const part of ['masks', 'overlays'])
      rmSync(subject.folder.file(`eval/video/${part}`), { recursive: true, force: true });
    for (const sequence of sequences) {
      const folder = sequences.length === 1 ? '' : `${sequence.name}/`;
      const strips: Partial<Record<Contender, Tile[]>> = {};
      const scores: Partial<Record<Contender, SequenceScores>> = {};
      const shownFrames = clips.length < SHOWN_CLIPS ? spread(sequence.length, SHOWN_FRAMES) : [];
      for (const contender of contenders) {
        const maker = contender === 'kept' ? 'first mask kept' : subject[contender];
        const strip: Tile[] = [];
        const onFrame = async (frame: SegmentedFrame): Promise<void> => {
          onProgress(`${sequence.name}, ${titles[contender]}`, frame.frame + 1, sequence.length);
          const isShown = shownFrames.includes(frame.frame);
          if (contender !== 'trained' && !isShown) return;
          const overlay = overlayOf(frame);
          if (contender === 'trained') {
            write(`masks/${folder}${frame.name}.png`, await encodeIndexedPng(frame.mask, labelPalette));
            write(`overlays/${folder}${frame.name}.png`, await encodePng(overlay));
          }
          if (!isShown) return;
          const name = `${titles[contender]}, frame ${frame.name}`;
          strip.push({ picture: await smallPicture(overlay), name, caption: `frame ${frame.name}` });
        };
        scores[contender] = await segmentVideo(sequence, backbone, maker, engine, settings, onFrame);
        strips[contender] = strip;
      }
      const { trained, untrained, kept } = scores;
      if (trained === undefined || untrained === undefined || kept === undefined) continue;
      const lead = sequences.length === 1 ? '' : `${sequence.name}: `;
      const groups = (['trained', 'untrained'] as const).flatMap((name) => {
        const tiles = strips[name] ?? [];
        return tiles.length === 0 ? [] : [{ title: lead + titles[name], tiles }];
      });
      clips.push({ sequence, scores: { trained, untrained, kept }, groups });
    }
    const scored = clips.filter(({ scores }) => scores.trained.frames.length > 0);
    const unscored = clips.length - scored.length;
    if (unscored > 0)
      warn(
        `${unscored} of ${clips.length} clips have no mask between the first frame and the last: masks were made for them, without scores.`,
      );
    const frames = sequences.reduce((sum, { length }) => sum + length, 0);
    const protocol = `Label propagation through ${frames} frames of ${clips.length} ${clips.length === 1 ? 'clip' : 'clips'}: short side ${imageSize} pixels, the first and ${nLastFrames} earlier frames, neighborhood ${sizeMaskNeighborhood}, top ${topk}, exp(cosine / 0.1); J and F as DAVIS 2017, without the first frame and the last`;
    const summaries =
      scored.length === 0
        ? undefined
        : Object.fromEntries(
            contenders.map((name) => [
              name,
              videoSummary(scored.flatMap(({ scores }) => scores[name].objects)),
            ]),
          );
    const rows = contenders.flatMap((name) => {
      const summary = summaries?.[name];
      return summary === undefined ? [] : [[titles[name], ...summaryCells(summary)]];
    });
    const blocks: Block[] = [];
    if (summaries !== undefined) blocks.push(...scoreBlocks(summaries, rows, scored));
    blocks.push({
      kind: 'tiles',
      title: 'Masks over time',
      caption: 'The first mask is given; all others are made.',
      large: true,
      groups: clips.flatMap(({ groups }) => groups),
    });
    return {
      protocol,
      shown: 'own',
      table: rows.length > 0 ? [head, ...rows] : [['masks of', String(frames), 'frames, not scored']],
      scores: { clips: clips.length, frames, ...summaries },
      details: {
        protocol: settings,
        sequences: clips.map(({ sequence, scores }) => ({ name: sequence.name, ...scores })),
      },
      section: {
        title: 'Video segmentation',
        intro: `${protocol}. Nothing was trained for it: a patch takes the label of the patches of earlier frames that it resembles most. Useful features keep the mask on the object where the untrained network's smear it, and beat the first mask left where it was.`,
        blocks,
      },
    };
  },
});

const head = ['video', 'J&F (95 %)', 'J mean', 'J recall', 'J decay', 'F mean', 'F recall', 'F decay'];

function summaryCells({ jAndF, j, f, interval }: VideoSummary): string[] {
  const percent = (share: number): string => (100 * share).toFixed(1);
  const sure = interval === undefined ? '' : ` (${percent(interval.low)} to ${percent(interval.high)})`;
  return [
    percent(jAndF) + sure,
    ...[j.mean, j.recall, j.decay, f.mean, f.recall, f.decay].map((share) => percent(share)),
  ];
}

function scoreBlocks(
  summaries: Readonly<Record<string, VideoSummary>>,
  rows: readonly (readonly string[])[],
  scored: readonly Clip[],
): Block[] {
  const [first] = scored;
  const jOverTime = ({ frames, objects }: SequenceScores): number[] =>
    frames.map(
      (_, i) => objects.reduce((sum, { jOfFrames }) => sum + (jOfFrames[i] ?? 0), 0) / objects.length,
    );
  return [
    {
      kind: 'scores',
      title: 'J&F',
      top: 100,
      unit: ' %',
      rows: contenders.flatMap((name) => {
        const summary = summaries[name];
        if (summary === undefined) return [];
        const { jAndF, interval } = summary;
        const bounds = interval === undefined ? {} : { low: 100 * interval.low, high: 100 * interval.high };
        return [{ name: titles[name], value: 100 * jAndF, ...bounds }];
      }),
    },
    { kind: 'table', title: 'Means over objects, %', head, rows },
    ...(first === undefined
      ? []
      : [
          {
            kind: 'chart' as const,
            title: `J over time, ${first.sequence.name}`,
            caption: 'The Jaccard index of each frame, the mean over objects: how long is the mask kept?',
            xName: 'frame',
            fromZero: true,
            series: contenders.map((name) => ({
              name: titles[name],
              x: [...first.scores[name].frames],
              y: jOverTime(first.scores[name]),
            })),
          },
        ]),
    {
      kind: 'table',
      title: 'Objects, trained network, %',
      head: ['object', ...head.slice(1).map((name) => name.replace(' (95 %)', ''))],
      rows: scored.flatMap(({ sequence, scores }) =>
        scores.trained.objects.map((object) => [
          `${sequence.name}, label ${object.label}`,
          ...summaryCells(videoSummary([object])),
        ]),
      ),
    },
  ];
}

/** The masks over their frame, resized to its size. */
function overlayOf({ image, mask }: SegmentedFrame) {
  return labelOverlay(image, resizeMask(mask, image.height, image.width));
}

function chooseSequences(
  paths: readonly string[],
  options: SourceOptions,
  frames?: string,
  masks?: string,
): VideoSequence[] {
  const [folder] = paths;
  if (folder !== undefined && frames === undefined && masks === undefined)
    return findSequences(folder, options);
  if (folder === undefined && frames !== undefined && masks !== undefined)
    return openSequences(frames, masks, options);
  throw new UsageError(
    'Video needs --frames and --masks (two folders), or one folder of clips after the run, each with frames and masks.',
  );
}

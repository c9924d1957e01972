/** `dino eval video`: DAVIS label propagation (official `eval_video_segmentation.py`) on anyone's frames, scored here. */
import { rmSync } from 'node:fs';
import { z } from 'zod';
import { findSequences, openSequences } from '../../data/sequences-node.ts';
import type { SourceOptions } from '../../data/source.ts';
import type { VideoSequence } from '../../data/video-sequence.ts';
import { clipsReport, videoComparedTitles } from '../../eval/video/clips-report.ts';
import { videoStatement } from '../../eval/video/section.ts';
import type { SegmentedFrame } from '../../eval/video/video-report.ts';
import { resizeMask } from '../../image/mask.ts';
import { counted } from '../../numbers/counted.ts';
import type { Tile } from '../../report/blocks.ts';
import { labelOverlay, labelPalette } from '../../report/pictures/label-colors.ts';
import { encodeIndexedPng, encodePng } from '../../report/pictures/png.ts';
import { smallPicture, spread } from '../../report/pictures/thumbnails.ts';
import { UsageError } from '../terminal/flags.ts';
import { defineEvaluation } from './evaluation.ts';

const SHOWN_CLIPS = 4;
const SHOWN_FRAMES = 6;

const whole = z.number().int();

export const video = defineEvaluation({
  name: 'video',
  summary: 'the first mask of a video carried on by patch features: J and F of DAVIS',
  usage: '<run> (--frames <folder> --masks <folder> | <folder of clips>)',
  words: 1,
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
    const sequences = chooseSequences(paths, subject.imageOptions, options.frames, options.masks);
    const settings = { lastFrames: nLastFrames, neighborhood: sizeMaskNeighborhood, topk, short: imageSize };
    // Frames of another clip that was asked about before are not to stand among these.
    for (const part of ['masks', 'overlays'])
      rmSync(subject.folder.file(`eval/video/${part}`), { recursive: true, force: true });
    const single = sequences.length === 1;
    const strips = new Map<string, Tile[]>();
    const shown = new Map(
      sequences.slice(0, SHOWN_CLIPS).map(({ name, length }) => [name, spread(length, SHOWN_FRAMES)]),
    );
    const report = await clipsReport(sequences, {
      ...settings,
      backbone,
      engine,
      trained: subject.trained,
      untrained: subject.untrained,
      onProgress,
      onFrame: async (clip, compared, frame) => {
        const isShown = compared !== 'kept' && shown.get(clip.name)?.includes(frame.frame) === true;
        if (compared !== 'trained' && !isShown) return;
        const overlay = overlayOf(frame);
        if (compared === 'trained') {
          const file = `${single ? '' : `${clip.name}/`}${frame.name}.png`;
          write(`masks/${file}`, await encodeIndexedPng(frame.mask, labelPalette));
          write(`overlays/${file}`, await encodePng(overlay));
        }
        if (!isShown) return;
        const title = `${single ? '' : `${clip.name}: `}${videoComparedTitles[compared]}`;
        const name = `${videoComparedTitles[compared]}, frame ${frame.name}`;
        const tile = { picture: await smallPicture(overlay), name, caption: `frame ${frame.name}` };
        strips.set(title, [...(strips.get(title) ?? []), tile]);
      },
    });
    const { clips, scored, frames, summaries, gains } = report;
    const unscored = clips.length - scored.length;
    if (unscored > 0)
      warn(
        `${unscored} of ${counted(clips.length, 'clip has', 'clips have')} no mask between the first frame and the last: masks were made for them, without scores.`,
      );
    const groups = Array.from(strips, ([title, tiles]) => ({ title, tiles }));
    return {
      ...videoStatement(report, settings, groups),
      shown: 'own',
      scores: { clips: clips.length, frames, ...summaries },
      details: {
        protocol: settings,
        ...(gains === undefined ? {} : { gains }),
        sequences: clips.map(({ name, scores }) => ({ name, ...scores })),
      },
    };
  },
});

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

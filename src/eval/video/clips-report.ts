/**
 * Label propagation through some videos, the trained network beside the untrained one and beside the first mask left where it is:
 * what a still object would score.
 */
import type { VideoSequence } from '../../data/video-sequence.ts';
import type { Engine } from '../../engine/engine.ts';
import { comparedTitles } from '../../features/baselines.ts';
import type { FrozenBackbone } from '../../features/frozen-backbone.ts';
import type { Weights } from '../../features/network-weights.ts';
import type { OnProgress } from '../../features/on-progress.ts';
import type { Interval } from '../../rows/bootstrap.ts';
import { pairedGains } from '../../rows/paired-gains.ts';
import {
  type ObjectScore,
  type SegmentedFrame,
  type SequenceScores,
  segmentVideo,
  type VideoOptions,
} from './video-report.ts';
import { type VideoSummary, videoSummary } from './video-summary.ts';

export const videoComparedTitles = {
  trained: comparedTitles.trained,
  untrained: comparedTitles.untrained,
  kept: 'first mask kept',
} as const;
export type VideoCompared = keyof typeof videoComparedTitles;
/** In the order in which they are shown. */
export const videoComparedNames = [
  'trained',
  'untrained',
  'kept',
] as const satisfies readonly VideoCompared[];

/** What is known of one video. */
export interface Clip {
  readonly name: string;
  readonly scores: Readonly<Record<VideoCompared, SequenceScores>>;
}

export interface ClipsReport {
  readonly clips: readonly Clip[];
  /** Those with a mask between the first frame and the last. */
  readonly scored: readonly Clip[];
  /** Frames of all clips. */
  readonly frames: number;
  /** Over the objects of all clips; absent where none is scored. */
  readonly summaries?: Readonly<Record<VideoCompared, VideoSummary>>;
  /** 95 % intervals of how much higher J and F of the trained network are, object by object; absent where none is scored. */
  readonly gains?: Readonly<Record<Exclude<VideoCompared, 'trained'>, Interval>>;
}

export interface ClipsOptions extends VideoOptions {
  readonly backbone: FrozenBackbone;
  readonly engine: Engine;
  readonly trained: Weights;
  readonly untrained: Weights;
  /** Shown every frame as it is done. */
  readonly onFrame?: (clip: VideoSequence, name: VideoCompared, frame: SegmentedFrame) => Promise<void>;
  readonly onProgress?: OnProgress;
}

/** @throws Error as `segmentVideo` does */
export async function clipsReport(
  sequences: readonly VideoSequence[],
  options: ClipsOptions,
): Promise<ClipsReport> {
  const { backbone, engine, trained, untrained, onFrame, onProgress, ...settings } = options;
  const makers = { trained, untrained, kept: 'first mask kept' } as const;
  const clips: Clip[] = [];
  for (const sequence of sequences) {
    const segment = (name: VideoCompared): Promise<SequenceScores> =>
      segmentVideo(sequence, {
        ...settings,
        backbone,
        engine,
        maker: makers[name],
        onFrame: async (frame) => {
          onProgress?.(`${sequence.name}, ${videoComparedTitles[name]}`, frame.frame + 1, sequence.length);
          await onFrame?.(sequence, name, frame);
        },
      });
    const scores = {
      trained: await segment('trained'),
      untrained: await segment('untrained'),
      kept: await segment('kept'),
    };
    clips.push({ name: sequence.name, scores });
  }
  const scored = clips.filter(({ scores }) => scores.trained.frames.length > 0);
  const objects = (name: VideoCompared): ObjectScore[] =>
    scored.flatMap(({ scores }) => [...scores[name].objects]);
  const jAndF = (name: VideoCompared): number[] => objects(name).map((object) => object.jAndF);
  return {
    clips,
    scored,
    frames: sequences.reduce((sum, { length }) => sum + length, 0),
    ...(scored.length === 0
      ? {}
      : {
          summaries: {
            trained: videoSummary(objects('trained')),
            untrained: videoSummary(objects('untrained')),
            kept: videoSummary(objects('kept')),
          },
          gains: pairedGains(jAndF('trained'), { untrained: jAndF('untrained'), kept: jAndF('kept') }),
        }),
  };
}

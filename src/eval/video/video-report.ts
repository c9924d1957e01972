/**
 * Video object segmentation of a frozen ViT (official `eval_video_segmentation.py`, section 4.2.2 of the paper): the first mask
 * carried through a video by `propagateLabels`, scored with the measures of DAVIS 2017 wherever a frame's true mask is given.
 * The first frame and the last do not count, as there.
 *
 * Frames stream: features of the last frames only are held, whatever the length. Labels keep their numbers; 255 is nobody's
 * where there are others, and counts as background. Objects that the first mask does not show cannot be followed.
 */
import type { VideoSequence } from '../../data/video-sequence.ts';
import type { Engine, EngineOptions } from '../../engine/engine.ts';
import type { FrozenBackbone } from '../../features/frozen-backbone.ts';
import type { Weights } from '../../features/network-weights.ts';
import type { Image } from '../../image/image.ts';
import type { Mask } from '../../image/mask.ts';
import { objectsOf, renumbered, withLabels } from '../../image/object-labels.ts';
import { objectMeasures, type SequenceStatistics, sequenceStatistics } from './davis-measures.ts';
import { type FrameTokens, propagateLabels } from './label-propagation.ts';
import { videoFrame, videoStatisticsFor } from './video-frames.ts';

export interface VideoOptions {
  /** How many frames before the current one are sources, besides the first; official `--n_last_frames`, 7. */
  readonly lastFrames: number;
  /** How many patches away a source may be; official `--size_mask_neighborhood`, 12; 0 for no limit. */
  readonly neighborhood: number;
  /** How many sources a patch has; official `--topk`, 5. */
  readonly topk: number;
  /** Short side at which frames are read, pixels; the official reader has 480. */
  readonly short: number;
  readonly engineOptions?: EngineOptions;
}

export interface SegmentedFrame {
  readonly frame: number;
  readonly name: string;
  readonly image: Image;
  /** With the labels of the first mask, of its size. */
  readonly mask: Mask;
}

/** One object of a sequence. */
export interface ObjectScore {
  readonly label: number;
  readonly j: SequenceStatistics;
  readonly f: SequenceStatistics;
  /** Mean of both means: the benchmark's main number. */
  readonly jAndF: number;
  /** J of every scored frame. */
  readonly jOfFrames: readonly number[];
}

export interface SequenceScores {
  /** Frame numbers that are scored: those between the first and the last that have a mask. */
  readonly frames: readonly number[];
  /** Empty where no frame is scored. */
  readonly objects: readonly ObjectScore[];
}

/** Which masks are scored: the network's, or the first one kept. */
export type MaskMaker = Weights | 'first mask kept';

export interface SegmentOptions extends VideoOptions {
  readonly backbone: FrozenBackbone;
  readonly maker: MaskMaker;
  readonly engine: Engine;
  /** Told every frame's mask, in order; awaited. */
  readonly onFrame?: (frame: SegmentedFrame) => void | Promise<void>;
}

/**
 * Makes the masks of one video and scores them.
 * @throws Error for a video of one frame, a first frame without mask or object, frames or masks of
 *   several sizes (naming the file)
 */
export async function segmentVideo(
  sequence: VideoSequence,
  { backbone, maker, engine, onFrame = () => {}, ...options }: SegmentOptions,
): Promise<SequenceScores> {
  const { lastFrames, neighborhood, topk, short, engineOptions } = options;
  const { patch: patchSize } = backbone;
  const { channels } = backbone.config;
  if (channels !== 3) {
    throw new Error('This network sees gray images, and video is read in RGB: train one on RGB images.');
  }
  if (short % patchSize !== 0 || 64 % patchSize !== 0) {
    throw new Error(
      `Frames with a short side of ${short} and another that is a multiple of 64 pixels do not consist of patches of ${patchSize}: choose an image size that does, and a network whose patch size divides 64.`,
    );
  }
  const statistics = videoStatisticsFor(backbone.preprocessing.statistics);
  const first = await firstMask(sequence);
  const { labels } = objectsOf(first);
  const scored: number[] = [];
  const values = labels.map(() => ({ j: [] as number[], f: [] as number[] }));
  const images: Image[] = []; // read for the network, waiting for its mask
  const frames = framesOf(sequence);
  async function* tokens(weights: Weights): AsyncGenerator<FrameTokens> {
    for await (const image of frames) {
      images.push(image);
      const batch = videoFrame(image, short, statistics);
      yield {
        rows: batch.height / patchSize,
        columns: batch.width / patchSize,
        dim: backbone.dim,
        tokens: await backbone.placeTokens(weights, batch),
      };
    }
  }
  async function* kept(): AsyncGenerator<{ frame: number; mask: Mask }> {
    let frame = 0;
    for await (const image of frames) {
      images.push(image);
      yield { frame: frame++, mask: renumbered(first, labels) };
    }
  }
  const made =
    maker === 'first mask kept'
      ? kept()
      : propagateLabels(engine, tokens(maker), renumbered(first, labels), {
          patchSize,
          lastFrames,
          neighborhood,
          topk,
          ...(engineOptions === undefined ? {} : { engineOptions }),
        });
  for await (const { frame, mask } of made) {
    const image = images.shift();
    if (image === undefined) continue;
    await onFrame({ frame, name: sequence.frameName(frame), image, mask: withLabels(mask, labels) });
    if (frame === 0 || frame === sequence.length - 1) continue;
    const truth = await sequence.readMask(frame);
    if (truth === undefined) continue;
    requireSize(truth, first, sequence.maskFile(frame) ?? '', 'the first mask');
    const { j, f } = objectMeasures([renumbered(truth, labels)], [mask], labels.length);
    scored.push(frame);
    for (const [object, of] of values.entries()) {
      of.j.push(j[object]!);
      of.f.push(f[object]!);
    }
  }
  return {
    frames: scored,
    objects:
      scored.length === 0
        ? []
        : values.map((of, i) => {
            const [j, f] = [sequenceStatistics(of.j), sequenceStatistics(of.f)];
            return { label: labels[i]!, j, f, jAndF: (j.mean + f.mean) / 2, jOfFrames: of.j };
          }),
  };
}

async function firstMask(sequence: VideoSequence): Promise<Mask> {
  const { name, length } = sequence;
  if (length < 2) {
    throw new Error(
      `The video ${name} has one frame, so there is nothing to carry its mask to: give two or more.`,
    );
  }
  const mask = await sequence.readMask(0);
  if (mask === undefined) {
    throw new Error(
      `The first frame of ${name}, ${sequence.frameName(0)}, has no mask: give one of its name, with a label for each object.`,
    );
  }
  if (objectsOf(mask).labels.length > 0) return mask;
  throw new Error(`${sequence.maskFile(0)} has no object to follow: mark objects with any value but 0.`);
}

/** Frames in order, checked to be of one size. */
async function* framesOf(sequence: VideoSequence): AsyncGenerator<Image> {
  let size: { readonly height: number; readonly width: number } | undefined;
  for (let frame = 0; frame < sequence.length; frame++) {
    const { file, image } = await sequence.read(frame);
    size ??= { height: image.height, width: image.width };
    requireSize(image, size, file, 'the first frame');
    yield image;
  }
}

interface Size {
  readonly height: number;
  readonly width: number;
}

function requireSize(given: Size, wanted: Size, file: string, what: string): void {
  if (given.height === wanted.height && given.width === wanted.width) return;
  throw new Error(
    `${file} has ${given.height} x ${given.width} pixels and ${what} ${wanted.height} x ${wanted.width}: bring all of a video to one size.`,
  );
}

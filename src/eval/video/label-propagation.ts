/**
 * Video object segmentation without training (official `eval_video_segmentation.py`; section 4.2.2 of the paper): the mask
 * of the first frame is carried on, frame by frame, along the affinity of patch features. Sources of a frame are the first
 * frame, always, and the n frames before it; what is carried on are the soft masks themselves, not their arg max.
 *
 * Frames come in and masks go out one by one, so a video streams: n + 1 frames are held.
 */
import type { Engine, EngineOptions } from '../../engine/engine.ts';
import type { Mask } from '../../image/mask.ts';
import { l2NormalizedRows } from '../../rows/feature-rows.ts';
import type { SparseAffinity } from './nearest-patches.ts';
import { PatchAffinity, type SourceFrame } from './patch-affinity.ts';
import type { FrameGrid } from './patch-blocks.ts';
import { hardMask, oneHotMasks, type SoftMasks } from './soft-masks.ts';

/** The patch tokens of one frame, of the last block, without the class token. */
export interface FrameTokens extends FrameGrid {
  /** [rows * columns, dim], the patches row by row; not normalized */
  readonly tokens: Float32Array;
}

export interface PropagationOptions {
  /** Side of a patch, pixels of the frame that the network saw. */
  readonly patchSize: number;
  /** How many frames before the current one are sources, besides the first. Default 7. */
  readonly lastFrames?: number;
  /** How many patches away a source may be; 0 for no limit. Default 12. */
  readonly neighborhood?: number;
  /** How many sources a patch has. Default 5. */
  readonly topk?: number;
  /** Default 0.1. */
  readonly temperature?: number;
  /** Size of the masks to make; the default is that of the first mask. */
  readonly size?: { readonly height: number; readonly width: number };
  readonly engineOptions?: EngineOptions;
}

export interface PropagatedFrame {
  /** 0 for the first frame, whose mask is the given one. */
  readonly frame: number;
  readonly mask: Mask;
  /** What is carried on. */
  readonly soft: SoftMasks;
  /** Which patches of the first and of the earlier frames (oldest first) this came from; not for the first frame. */
  readonly affinity?: SparseAffinity;
}

/**
 * Carries the first mask through a video.
 *
 *     for await (const { frame, mask } of propagateLabels(ortNode, frames, firstMask, { patchSize: 16 })) save(frame, mask);
 *
 * @param frames tokens of the frames in order, all of one grid
 * @param firstMask labels of the first frame, of any size
 * @throws RangeError when frames differ in size or a token is not finite
 */
export async function* propagateLabels(
  engine: Engine,
  frames: AsyncIterable<FrameTokens> | Iterable<FrameTokens>,
  firstMask: Mask,
  options: PropagationOptions,
): AsyncGenerator<PropagatedFrame> {
  const {
    lastFrames = 7,
    neighborhood = 12,
    topk = 5,
    temperature = 0.1,
    patchSize,
    engineOptions,
  } = options;
  const { size = firstMask } = options;
  if (!Number.isInteger(lastFrames) || lastFrames < 0)
    throw new RangeError(`${lastFrames} frames before a frame cannot be its sources: give 0 or more.`);
  let first: (FrameGrid & Source) | undefined;
  let affinity: PatchAffinity | undefined;
  const recent: Source[] = [];
  let frame = 0;
  try {
    for await (const given of frames) {
      const features = normalizedTokens(given, frame, first);
      if (first === undefined || affinity === undefined) {
        const { rows, columns, dim } = given;
        affinity = new PatchAffinity(engine, given, {
          neighborhood,
          topk,
          temperature,
          sources: lastFrames + 1,
          ...(engineOptions === undefined ? {} : { engineOptions }),
        });
        const soft = oneHotMasks(firstMask, rows, columns);
        first = { rows, columns, dim, features: affinity.source(features), soft };
        yield { frame: frame++, mask: firstMask, soft };
        continue;
      }
      const sources = [first, ...recent];
      const found = await affinity.find(
        features,
        sources.map((source) => source.features),
      );
      const soft = propagate(
        found,
        sources.map((source) => source.soft),
      );
      yield { frame: frame++, mask: hardMask(soft, patchSize, size), soft, affinity: found };
      recent.push({ features: affinity.source(features), soft });
      if (recent.length > lastFrames) recent.shift();
    }
  } finally {
    await affinity?.dispose();
  }
}

interface Source {
  readonly features: SourceFrame;
  readonly soft: SoftMasks;
}

/** Unit features of a frame's patches, checked. */
function normalizedTokens(given: FrameTokens, frame: number, first: FrameGrid | undefined): Float32Array {
  const { rows, columns, dim, tokens } = given;
  if (tokens.length !== rows * columns * dim || tokens.length === 0) {
    throw new RangeError(
      `Frame ${frame} has ${tokens.length} numbers for ${rows} x ${columns} patches of ${dim}: give the patch tokens without the class token.`,
    );
  }
  if (first !== undefined && (rows !== first.rows || columns !== first.columns || dim !== first.dim)) {
    throw new RangeError(
      `Frame ${frame} has ${rows} x ${columns} patches of ${dim} and the first ${first.rows} x ${first.columns} of ${first.dim}: bring all frames to one size.`,
    );
  }
  if (!tokens.every(Number.isFinite)) {
    throw new RangeError(
      `Frame ${frame} has a feature that is not a finite number, so it resembles nothing: check the network's weights.`,
    );
  }
  return l2NormalizedRows({ values: tokens, dim }).values;
}

/** The soft masks of a frame: those of its sources, weighted. */
function propagate(
  { starts, ends, sources, weights }: SparseAffinity,
  from: readonly SoftMasks[],
): SoftMasks {
  const [first] = from;
  if (first === undefined) throw new RangeError('Labels need at least one source frame to come from.');
  const { channels, rows, columns } = first;
  const patches = rows * columns;
  const values = new Float32Array(channels * patches);
  for (let channel = 0; channel < channels; channel++) {
    for (let target = 0; target < patches; target++) {
      let sum = 0;
      for (let i = starts[target]!; i < ends[target]!; i++) {
        const source = sources[i]!;
        const frame = Math.floor(source / patches);
        sum += weights[i]! * from[frame]!.values[(channel - frame) * patches + source]!;
      }
      values[channel * patches + target] = sum;
    }
  }
  return { channels, rows, columns, values };
}

/**
 * What a linear classifier gets to see of a Vision Transformer (official `eval_linear.py`): the class tokens of the last n
 * blocks side by side (4 for the small ViTs), or the last block's class token and mean patch token (for the base ViTs).
 */
import type { NetworkFeature } from '../../features/descriptors.ts';
import { concat, GraphError, mean, reshape, slice, type Tensor } from '../../graph/index.ts';
import { type BackboneConfig, featureDim, featureTitle, imageFeature } from '../../model/backbone.ts';
import { vit } from '../../model/vit.ts';

export interface ProbeFeatureOptions {
  /** How many blocks' class tokens. */
  readonly lastBlocks: number;
  /** Add the mean patch token of the last block; with one block only. */
  readonly meanPatchToken: boolean;
}

/** Width of the feature of a network whose tokens have `dim` numbers. */
export function probeWidth(dim: number, { lastBlocks, meanPatchToken }: ProbeFeatureOptions): number {
  return dim * (meanPatchToken ? 2 : lastBlocks);
}

/**
 * The feature as a symbolic tensor, for the program that runs the network:
 * `probeFeature(vit(scope, images, config).lastBlocks(4), { lastBlocks: 4, meanPatchToken: false })`.
 *
 * The mean patch token is not put behind the class token but between its numbers, `cls0, avg0, cls1, avg1, ...`, as the
 * official code stacks them: so its released classifiers fit.
 *
 * @param blocks normed outputs of the last blocks, oldest first, the class token first: [B, N, D] each
 * @returns [B, lastBlocks * D] or [B, 2 * D]
 * @throws GraphError when there are fewer blocks than asked for, or more than one with a mean patch token
 */
export function probeFeature(blocks: readonly Tensor[], options: ProbeFeatureOptions): Tensor {
  const { lastBlocks, meanPatchToken } = options;
  const used = blocks.slice(-lastBlocks);
  const [last] = used.slice(-1);
  if (last === undefined || lastBlocks < 1 || used.length !== lastBlocks) {
    throw new GraphError(
      `probeFeature: ${lastBlocks} blocks were asked for and ${blocks.length} given: give as many.`,
    );
  }
  if (meanPatchToken && lastBlocks !== 1) {
    throw new GraphError(
      `probeFeature: the mean patch token goes with the last block alone, not with ${lastBlocks}: ask for 1 block.`,
    );
  }
  const [images, tokens, dim] = [last.dim(0), last.dim(1), last.dim(2)];
  const classToken = (x: Tensor): Tensor => reshape(slice(x, 1, 0, 1), [images, dim]);
  if (!meanPatchToken) return concat(used.map(classToken), 1);
  const average = mean(slice(last, 1, 1, tokens), { axes: [1] }); // [B, D]
  const pairs = [classToken(last), average].map((x) => reshape(x, [images, dim, 1]));
  return reshape(concat(pairs, 2), [images, 2 * dim]);
}

/**
 * The feature that a linear classifier gets of a network: `probeFeature` of a Vision Transformer (of all its blocks where it
 * has fewer than asked for), the image feature of any other network.
 *
 * @throws GraphError when more than one block is asked for with a mean patch token
 */
export function linearFeature(config: BackboneConfig, options: ProbeFeatureOptions): NetworkFeature {
  if (config.kind !== 'vit') {
    return {
      title: featureTitle(config),
      dim: featureDim(config),
      trace: (scope, images) => imageFeature(scope, images, config, 'eval'),
    };
  }
  const used = { ...options, lastBlocks: Math.min(options.lastBlocks, config.depth) };
  const { lastBlocks, meanPatchToken } = used;
  const tokens =
    lastBlocks === 1 ? "the last block's class token" : `class tokens of the last ${lastBlocks} blocks`;
  return {
    title: meanPatchToken ? `${tokens} and mean patch token` : tokens,
    dim: probeWidth(config.dim, used),
    trace: (scope, images) => probeFeature(vit(scope, images, config).lastBlocks(lastBlocks), used),
  };
}

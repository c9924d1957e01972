/**
 * MAE, the masked autoencoder (He et al. 2022): most patches of an image are hidden, the encoder sees the others, and a small decoder
 * predicts the pixels of those that are hidden. One view, no teacher. The encoder's cost falls with the share that is hidden, as hidden
 * patches never enter it.
 *
 * Afterwards the encoder is an ordinary transformer that sees all patches; its class token is the feature of the image. It has no loss of
 * its own, as in the official code.
 */
import { div, mean, scale, shift, slice, sqrt, square, sub, sum, type Tensor } from '../graph/index.ts';
import type { BackboneConfig } from '../model/backbone.ts';
import {
  decodedPatches,
  type MaeDecoderConfig,
  patchPixels,
  shuffled,
  shuffledRows,
  visibleTokens,
} from '../model/masked-autoencoder.ts';
import { patchesAlong, type VitConfig } from '../model/vit.ts';
import { maeHealth, UNEXPLAINED } from './mae-health.ts';
import type { Method, Objective, ObjectiveInputs, SampleInput } from './method.ts';
import { OptionError } from './option-error.ts';

export interface MaeConfig {
  /** A transformer; its image size is the side of the view. */
  readonly backbone: BackboneConfig;
  /** Share of the patches that is hidden, 0.75 in the paper. */
  readonly maskRatio: number;
  /** Pixels of a patch are normalized by their own mean and deviation before they are predicted. */
  readonly normPixLoss: boolean;
  readonly decoder: MaeDecoderConfig;
}

/** @throws OptionError for a network without patches, for a ratio that hides none of them or all, and for widths that do not divide */
export function mae(config: MaeConfig): Method {
  const vit = transformerOf(config.backbone);
  requireWidths(vit, config.decoder);
  const patches = patchesAlong(vit, vit.imageSize) ** 2;
  const visible = visiblePatches(patches, config.maskRatio);
  return {
    name: 'mae',
    views: [{ size: vit.imageSize, count: 1 }],
    stateShapes: {},
    sampleInputs: { shuffle: shuffleInput(patches) },
    scalars: [],
    ...maeHealth(config.normPixLoss),
    isLastLayer: () => false,
    objective: (inputs) => objective(inputs, vit, visible, config),
  };
}

function objective(
  { student, crops, sample, images, batch }: ObjectiveInputs,
  vit: VitConfig,
  visible: number,
  { decoder, normPixLoss }: MaeConfig,
): Objective {
  const shuffle = sample('shuffle'); // [L, B]
  const patches = shuffle.dim(0);
  const latent = visibleTokens(student.at('backbone'), crops(0), vit, shuffle, visible);
  const predicted = decodedPatches(student.at('decoder'), latent, shuffle, vit, decoder); // [L, B, pixels]
  const hidden = slice(shuffle, 0, visible, patches);
  const target = shuffled(patchTargets(crops(0), vit.patchSize, normPixLoss), hidden);
  const loss = maeLoss(slice(predicted, 0, visible, patches), target);
  const variance = mean(square(sub(target, mean(target, { axes: [0, 1], keep: true }))));
  return {
    loss: scale(loss, images / batch),
    sums: {},
    nextState: () => ({}),
    measures: { [UNEXPLAINED]: scale(div(loss, shift(variance, 1e-6)), images / batch) },
  };
}

/** The mean squared error over hidden patches. [hidden, B, pixels] each -> [] */
export function maeLoss(predicted: Tensor, target: Tensor): Tensor {
  return scale(sum(square(sub(predicted, target))), 1 / target.size);
}

/**
 * What is to be predicted of every patch: its pixels, or these less their mean and over their (unbiased) deviation.
 *
 * @returns [L, B, P * P * C]
 */
export function patchTargets(images: Tensor, patchSize: number, normalized: boolean): Tensor {
  const pixels = patchPixels(images, patchSize);
  if (!normalized) return pixels;
  const last = { axes: [-1], keep: true };
  const centered = sub(pixels, mean(pixels, last));
  const variance = scale(sum(square(centered), last), 1 / (pixels.dim(-1) - 1));
  return div(centered, sqrt(shift(variance, 1e-6)));
}

/** The order of an image's patches by one number each, smallest first: those at its beginning are seen. */
export function maskingOrder(noise: ArrayLike<number>): number[] {
  return Array.from(noise, (_, i) => i).sort((a, b) => (noise[a] ?? 0) - (noise[b] ?? 0));
}

/**
 * How many of the patches are seen.
 *
 * @throws OptionError for none, and for all
 */
export function visiblePatches(patches: number, maskRatio: number): number {
  const visible = Math.floor(patches * (1 - maskRatio));
  if (visible < 1 || visible >= patches)
    throw new OptionError(
      `--mask_ratio ${maskRatio} leaves ${visible < 1 ? 'none' : 'all'} of ${patches} patches to be seen: ${visible < 1 ? 'choose a smaller one, or smaller patches' : 'nothing is left to predict, choose 0.75'}.`,
    );
  return visible;
}

function shuffleInput(patches: number): SampleInput {
  return {
    dtype: 'i64',
    shape: (images) => [patches, images],
    values: ({ start, images, random }) =>
      shuffledRows(
        Array.from({ length: images }, (_, i) => {
          const own = random(start + i);
          return maskingOrder(Array.from({ length: patches }, () => own.uniform()));
        }),
      ),
  };
}

function transformerOf(backbone: BackboneConfig): VitConfig {
  if (backbone.kind !== 'vit')
    throw new OptionError(
      'MAE hides patches from a transformer, and a convolutional net has none: choose --arch vit, vit_tiny, vit_small or vit_base.',
    );
  if (backbone.stem === 'conv')
    throw new OptionError(
      'MAE hides patches, and the convolutions in front of this network would show their borders: begin with a network of linear patches, or with none.',
    );
  if ((backbone.registers ?? 0) > 0)
    throw new OptionError(
      `MAE has no register tokens, and this network has ${backbone.registers}: begin with one that has none, or give another --method.`,
    );
  return backbone;
}

/** @throws OptionError for widths that have no quarters, which fixed positions are made of, and for heads that do not share the decoder out */
function requireWidths(vit: VitConfig, { dim, heads }: MaeDecoderConfig): void {
  for (const [flag, width] of [
    ['dim', vit.dim],
    ['decoder_dim', dim],
  ] as const) {
    if (width % 4 !== 0)
      throw new OptionError(
        `--${flag} ${width} is not a multiple of 4, which the sines and cosines of MAE's positions need: choose ${Math.ceil(width / 4) * 4}.`,
      );
  }
  if (dim % heads !== 0)
    throw new OptionError(`--decoder_heads ${heads} does not divide --decoder_dim ${dim}: choose a divisor.`);
}

/** `pretrained_cfg` of timm's `config.json`: how images become the input of the weights beside it. */
import { z } from 'zod';
import { configIssue } from './config-issue.ts';
import { interpolationOf, refusals, type StatedPreprocessing, zoomOf } from './stated-preprocessing.ts';

const number = z.number();
/** Pixels; more would be a damaged file. */
const side = z.number().int().min(1).max(8192);

const pretrainedSchema = z.looseObject({
  input_size: z.tuple([side, side, side]),
  interpolation: z.string().default('bicubic'),
  crop_pct: z.number().gt(0).max(1).nullish(),
  crop_mode: z.string().default('center'),
  mean: z.array(number),
  std: z.array(number.positive()),
});

/** timm's `crop_pct` where a config has none. */
const CROP_PCT = 0.875;

/**
 * `pretrained_cfg` of timm's `config.json` (`timm.data.create_transform`).
 *
 * @param origin the file, for errors
 * @throws Error if it lacks what makes it one
 */
export function statedByTimm(value: unknown, origin: string): StatedPreprocessing {
  const parsed = pretrainedSchema.safeParse(value);
  if (!parsed.success)
    throw new Error(
      `${origin} cannot be understood (${configIssue(parsed.error, 'pretrained_cfg.')}): download it again.`,
    );
  const { input_size: inputSize, interpolation: filter, crop_mode: mode, mean, std } = parsed.data;
  const [, height, width] = inputSize;
  const { all, add: refuse } = refusals(origin);
  if (height !== width) refuse('evalSize', `input_size ${JSON.stringify(inputSize)}`, '--eval_size');
  if (mode !== 'center' && mode !== 'squash')
    refuse('resize', `crop_mode "${mode}"`, '--resize short or --resize square');
  const interpolation = interpolationOf(filter);
  if (interpolation === undefined)
    refuse('interpolation', `interpolation "${filter}"`, '--interpolation bicubic, bilinear or lanczos');
  return {
    origin,
    parts: {
      size: height,
      resize: mode === 'squash' ? 'square' : 'short',
      zoom: zoomOf(height, parsed.data.crop_pct ?? CROP_PCT),
      interpolation,
      keepsFitting: false,
      statistics: { mean, std },
    },
    refused: all,
  };
}

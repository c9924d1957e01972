/** `preprocessor_config.json` of Hugging Face's transformers: how images become the input of the weights beside it. */
import { z } from 'zod';
import type { Preprocessing } from '../image/preprocessing.ts';
import { configIssue } from './config-issue.ts';
import { interpolationOf, refusals, type StatedPreprocessing } from './stated-preprocessing.ts';

const number = z.number();
/** Pixels; more would be a damaged file. */
const side = z.number().int().min(1).max(8192);
/** One number, both sides, or the short side alone. */
const sizeSchema = z.union([
  side.transform((edge) => ({ side: edge, of: 'one' as const })),
  z
    .strictObject({ height: side, width: side })
    .refine(({ height, width }) => height === width)
    .transform(({ height }) => ({ side: height, of: 'both' as const })),
  z
    .strictObject({ shortest_edge: side })
    .transform((size) => ({ side: size.shortest_edge, of: 'short' as const })),
]);

const preprocessorSchema = z.looseObject({
  image_processor_type: z.string().optional(),
  feature_extractor_type: z.string().optional(),
  do_resize: z.boolean().optional(),
  size: z.unknown().optional(),
  resample: z.union([number, z.string()]).nullish(),
  do_center_crop: z.boolean().nullish(),
  crop_size: z.unknown().optional(),
  do_rescale: z.boolean().nullish(),
  rescale_factor: z.number().positive().nullish(),
  do_normalize: z.boolean().nullish(),
  image_mean: z.union([number, z.array(number)]).nullish(),
  image_std: z.union([number.positive(), z.array(number.positive())]).nullish(),
});

type Preprocessor = z.infer<typeof preprocessorSchema>;

/** PIL's numbers of its filters. */
const resamplings = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];

const halves = { mean: [0.5], std: [0.5] };

/** What the classes of transformers take where their file says nothing. */
const processorDefaults: Readonly<Record<string, ProcessorDefaults>> = {
  ViT: { size: 224, one: 'square', crops: false, resample: 2, ...halves },
  DeiT: { size: 256, one: 'square', crops: true, resample: 3, ...halves },
  Bit: {
    size: 224,
    one: 'short',
    crops: true,
    resample: 3,
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
  },
};

interface ProcessorDefaults {
  readonly size: number;
  /** What a `size` of one number is of. */
  readonly one: Preprocessing['resize'];
  readonly crops: boolean;
  readonly resample: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

function defaultsOf({
  image_processor_type: type,
  feature_extractor_type: older,
}: Preprocessor): ProcessorDefaults {
  const name = (type ?? older ?? 'ViT').replace(/(ImageProcessor|FeatureExtractor)(Fast)?$/, '');
  return processorDefaults[name === 'CLIP' ? 'Bit' : name] ?? processorDefaults.ViT!;
}

/** Fields that change the pixels in ways that are not known here, where they are set. */
const UNKNOWN_STEPS = [
  'crop_pct',
  'do_pad',
  'do_thumbnail',
  'do_flip_channel_order',
  'do_align_long_axis',
  'do_grayscale',
  'do_convert_grayscale',
];

/**
 * `preprocessor_config.json`.
 *
 * @param origin the file, for errors
 * @throws Error if it is no such file
 */
export function statedByPreprocessor(value: unknown, origin: string): StatedPreprocessing {
  const parsed = preprocessorSchema.safeParse(value);
  if (!parsed.success)
    throw new Error(
      `${origin} cannot be understood (${configIssue(parsed.error)}): download it again, or take the file away and give --mean and --std.`,
    );
  const config = parsed.data;
  const refused = refusals(origin);
  for (const step of UNKNOWN_STEPS)
    if (config[step] !== undefined && config[step] !== null && config[step] !== false)
      refused.add('resize', `${step} ${JSON.stringify(config[step])}`, '--resize short or --resize square');
  const defaults = defaultsOf(config);
  const resample = config.resample ?? defaults.resample;
  const filter = typeof resample === 'number' ? resamplings[resample] : resample;
  const interpolation = interpolationOf(filter ?? '');
  if (interpolation === undefined)
    refused.add(
      'interpolation',
      `resample ${JSON.stringify(resample)} (${filter ?? 'no filter of PIL'})`,
      '--interpolation bicubic, bilinear or lanczos',
    );
  const geometry = geometryOf(config, defaults, refused.add);
  return {
    origin,
    parts: {
      ...geometry,
      interpolation,
      keepsFitting: false,
      statistics: statisticsOf(config, defaults),
    },
    refused: refused.all,
  };
}

function geometryOf(
  config: Preprocessor,
  defaults: ProcessorDefaults,
  refuse: ReturnType<typeof refusals>['add'],
): Pick<StatedPreprocessing['parts'], 'size' | 'resize' | 'zoom'> {
  const wayOut = '--eval_size, and --resize short or --resize square';
  if (config.do_resize === false) {
    refuse('resize', 'do_resize false', wayOut);
    return {};
  }
  const read = (name: 'size' | 'crop_size', usual: number) => {
    const found = sizeSchema.safeParse(config[name] ?? usual).data;
    if (found === undefined) refuse('resize', `${name} ${JSON.stringify(config[name])}`, wayOut);
    return found;
  };
  const resized = read('size', defaults.size);
  const cropped = (config.do_center_crop ?? defaults.crops) ? read('crop_size', 224) : resized;
  if (resized === undefined || cropped === undefined) return {};
  const one = resized.of === 'one' ? defaults.one : 'square';
  return {
    size: cropped.side,
    resize: resized.of === 'short' ? 'short' : one,
    zoom: resized.side / cropped.side,
  };
}

/** Samples times the factor, minus the mean, over the deviation, as statistics of samples in 0..1. */
function statisticsOf(config: Preprocessor, defaults: ProcessorDefaults): Preprocessing['statistics'] {
  const { do_rescale: rescales, rescale_factor: factor, do_normalize: normalizes } = config;
  const given = 255 * (rescales === false ? 1 : (factor ?? 1 / 255));
  const scale = Math.abs(given - 1) < 1e-6 ? 1 : given; // 1 / 255 is written in many lengths
  const each = (value: number | readonly number[]): number[] =>
    (typeof value === 'number' ? [value] : value).map((x) => x / scale);
  return normalizes === false
    ? { mean: each(0), std: each(1) }
    : { mean: each(config.image_mean ?? defaults.mean), std: each(config.image_std ?? defaults.std) };
}

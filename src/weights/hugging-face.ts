/** The files beside `model.safetensors` in a Hugging Face folder: what makes transformers build the network and see images alike. */
import { type Preprocessing, resizedSide } from '../image/preprocessing.ts';
import type { ConvNetConfig } from '../model/convnet.ts';
import { type BlockKind, EXPANSION } from '../model/residual.ts';
import type { VitConfig } from '../model/vit.ts';

/** `config.json` of a `ViTModel`, or of a `Dinov2Model` with or without registers. */
export function huggingFaceConfig(config: VitConfig): Readonly<Record<string, unknown>> {
  const { layerScale = false, registers = 0, swiglu = false } = config;
  const second = registers > 0 ? 'dinov2_with_registers' : 'dinov2';
  return {
    architectures: [!layerScale ? 'ViTModel' : registers > 0 ? 'Dinov2WithRegistersModel' : 'Dinov2Model'],
    model_type: layerScale ? second : 'vit',
    ...(layerScale ? { mlp_ratio: 4, layerscale_value: 1, use_swiglu_ffn: swiglu } : {}),
    ...(registers > 0 ? { num_register_tokens: registers } : {}),
    hidden_size: config.dim,
    num_hidden_layers: config.depth,
    num_attention_heads: config.heads,
    intermediate_size: config.dim * config.mlpRatio,
    hidden_act: 'gelu',
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0,
    initializer_range: 0.02,
    // The weights were trained with it; the published DINO models say 1e-12 and differ by that.
    layer_norm_eps: config.eps ?? 1e-6,
    image_size: config.imageSize,
    patch_size: config.patchSize,
    num_channels: config.channels,
    qkv_bias: true,
    torch_dtype: 'float32',
  };
}

/**
 * `config.json` of a convolutional net for transformers.js, which then loads the ONNX model beside it. There is no class of
 * exactly this network (a ResNet's own has other names): `resnet` is the nearest, and transformers.js takes nothing of it but how to name results.
 */
export function resNetConfig({
  channels,
  widths,
  blocks,
  block = 'basic',
}: Pick<ConvNetConfig, 'channels' | 'widths' | 'blocks'> & {
  readonly block?: BlockKind;
}): Readonly<Record<string, unknown>> {
  return {
    architectures: ['ResNetModel'],
    model_type: 'resnet',
    num_channels: channels,
    embedding_size: (widths[0] ?? 0) / EXPANSION[block],
    hidden_sizes: widths,
    depths: blocks,
    layer_type: block,
    hidden_act: 'relu',
  };
}

const classifierClasses: Readonly<Record<string, string>> = {
  resnet: 'ResNetForImageClassification',
  dinov2: 'Dinov2ForImageClassification',
  dinov2_with_registers: 'Dinov2WithRegistersForImageClassification',
};

/** What a classifier's `config.json` has besides: the class of the model, and names of the classes. */
export function labelFields(
  { model_type: type }: Readonly<Record<string, unknown>>,
  classes: readonly string[],
): Readonly<Record<string, unknown>> {
  return {
    architectures: [classifierClasses[String(type)] ?? 'ViTForImageClassification'],
    id2label: Object.fromEntries(classes.entries()),
    label2id: Object.fromEntries([...classes.entries()].map(([id, name]) => [name, id])),
  };
}

/** PIL's numbers of its filters. */
const RESAMPLE = { lanczos: 1, bilinear: 2, bicubic: 3 } as const;

/**
 * `preprocessor_config.json`. For a gray network images have to be gray already: no processor makes them so.
 *
 * In Node transformers.js resizes by libvips: bilinear and bicubic without a filter that widens when it shrinks, so that photos
 * alias; Lanczos with one. On photos of horses shrunk to 37 pixels Lanczos is 1.6 levels from PIL's bicubic and "bicubic" 18, on
 * images of 96 pixels enlarged to 110 it is 8.6 against 1.5 (a shift by part of a pixel). So it takes Lanczos unless images are
 * enlarged a little. (In browsers a canvas resizes, and the number has no effect.)
 *
 * @param enlarges whether most images are enlarged on the way, by a small factor
 */
export function huggingFacePreprocessor(
  preprocessing: Preprocessing,
  target: 'huggingface' | 'transformers.js',
  enlarges = false,
): Readonly<Record<string, unknown>> {
  const { size, resize, interpolation, statistics } = preprocessing;
  const side = resizedSide(preprocessing);
  const crop = { do_center_crop: true, crop_size: { height: size, width: size } };
  const square = { size: { height: side, width: side } };
  // Each of these classes of transformers takes its own kind of size.
  const geometry =
    resize === 'short'
      ? { image_processor_type: 'BitImageProcessor', size: { shortest_edge: side }, ...crop }
      : side === size
        ? { image_processor_type: 'ViTImageProcessor', ...square }
        : { image_processor_type: 'DeiTImageProcessor', ...square, ...crop };
  return {
    ...geometry,
    do_convert_rgb: statistics.mean.length === 3,
    do_resize: true,
    resample: RESAMPLE[target === 'transformers.js' && !enlarges ? 'lanczos' : interpolation],
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: statistics.mean,
    image_std: statistics.std,
  };
}

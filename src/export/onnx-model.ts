/**
 * A trained network as an ONNX model: input `pixel_values` [batch, channels, height, width], normalized as in training;
 * outputs named as Hugging Face names them, which transformers.js expects.
 */
import type { ProbeFeatureOptions } from '../eval/classify/linear-features.ts';
import type { Weights } from '../features/network-weights.ts';
import { type BackboneConfig, featureDim } from '../model/backbone.ts';
import { attentionHeads } from '../model/places.ts';
import { onnxConvNet } from './onnx-convnet.ts';
import { OnnxLayers } from './onnx-layers.ts';
import { classToken, type OnnxFeatures, onnxVit } from './onnx-vit.ts';
import { type OnnxModel, OnnxWriter } from './onnx-writer.ts';

/** A linear classifier on frozen or fine-tuned features. */
export interface ClassifierHead {
  readonly classes: readonly string[];
  /** What of a ViT it reads (`eval linear`); the image feature unless given. */
  readonly feature?: ProbeFeatureOptions;
  /** [classes, width of the feature] */
  readonly weight: Float32Array;
  /** [classes] */
  readonly bias: Float32Array;
}

export interface OnnxModelOptions {
  /**
   * Adds `attentions.<i>` [batch, heads, tokens, tokens] for every block of a ViT, `attentions.0` [batch, heads, tokens] for a
   * convolutional net that pools by attention.
   */
  readonly attentions?: boolean;
  /** Gives `logits` [batch, classes] instead of features. */
  readonly classifier?: ClassifierHead;
}

/**
 * Features: `last_hidden_state` [batch, tokens, dim] (of a ViT the class token and the patches after the last norm; of a
 * convolutional net the places of the maps that are pooled) and `pooler_output` [batch, dim], the image feature that evaluations use:
 * the class token, or what is pooled.
 *
 * @throws Error if attention is asked of a network without, or the weights are of another network
 */
export function onnxModel(
  backbone: BackboneConfig,
  weights: Weights,
  { attentions = false, classifier }: OnnxModelOptions = {},
): OnnxModel {
  if (attentions && attentionHeads(backbone) === 0)
    throw new Error(
      'This convolutional net pools its map by the mean and has no attention maps: export it without --attentions.',
    );
  if (backbone.kind === 'vit' && (backbone.layerScale === true || (backbone.registers ?? 0) > 0))
    throw new Error('A DINOv2 network cannot be exported to ONNX yet: export it with --to huggingface.');
  const to = new OnnxWriter();
  const layers = new OnnxLayers(to, weights);
  const pixels = to.input('pixel_values', ['batch', backbone.channels, 'height', 'width']);
  const features =
    backbone.kind === 'vit' ? onnxVit(layers, pixels, backbone) : onnxConvNet(layers, pixels, backbone);
  const dim = featureDim(backbone);
  if (classifier === undefined) {
    to.output('last_hidden_state', features.tokens, ['batch', 'tokens', dim]);
    to.output('pooler_output', features.pooled, ['batch', dim]);
  } else {
    const { classes, weight, bias, feature } = classifier;
    const read =
      feature === undefined || backbone.kind !== 'vit'
        ? features.pooled
        : probeFeature(layers, features, dim, feature);
    const logits = to.op(
      'Gemm',
      [
        read,
        to.weight('classifier.weight', [classes.length, weight.length / classes.length], weight),
        to.weight('classifier.bias', [classes.length], bias),
      ],
      { transB: { int: 1 } },
    );
    to.output('logits', logits, ['batch', classes.length]);
  }
  if (attentions) {
    const shape = backbone.kind === 'vit' ? ['tokens', 'tokens'] : ['tokens'];
    for (const [i, map] of features.attentions.entries())
      to.output(`attentions.${i}`, map, ['batch', attentionHeads(backbone), ...shape]);
  }
  return to.model;
}

/** What a linear classifier reads of a ViT, as `eval/classify/linear-features.ts` puts it together. */
function probeFeature(
  layers: OnnxLayers,
  features: OnnxFeatures,
  dim: number,
  { lastBlocks, meanPatchToken }: ProbeFeatureOptions,
): string {
  const { to } = layers;
  if (!meanPatchToken) {
    const tokens = features.lastBlocks(lastBlocks).map((block) => classToken(layers, block, dim));
    return to.op('Concat', tokens, { axis: { int: 1 } });
  }
  const patches = to.op('Slice', [features.tokens, ...[1, 2 ** 31 - 1, 1].map((at) => to.ints([at]))]);
  const average = to.op('ReduceMean', [patches], { axes: { ints: [1] }, keepdims: { int: 0 } });
  const pairs = [features.pooled, average].map((x) => layers.reshape(x, [0, dim, 1]));
  return layers.reshape(to.op('Concat', pairs, { axis: { int: 2 } }), [0, 2 * dim]);
}

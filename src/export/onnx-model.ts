/**
 * A trained network as an ONNX model: input `pixel_values` [batch, channels, height, width], normalized as in training;
 * outputs named as Hugging Face names them, which transformers.js expects.
 */
import { linearFeature, type ProbeFeatureOptions } from '../eval/classify/linear-features.ts';
import type { Weights } from '../features/network-weights.ts';
import {
  add,
  concat,
  input,
  linear,
  openModel,
  ParameterSet,
  reshape,
  type Scope,
  type Tensor,
} from '../graph/index.ts';
import type { OnnxGraph, OnnxNode } from '../graph/targets/onnx/onnx-file.ts';
import { type BackboneConfig, imageFeature } from '../model/backbone.ts';
import { convNet } from '../model/convnet.ts';
import { fourierOp } from '../model/fourier-positions.ts';
import { attentionHeads, mapPlaces } from '../model/places.ts';
import { resizeGridOp } from '../model/position.ts';
import { resnet } from '../model/resnet.ts';
import { vit } from '../model/vit.ts';
import { xcit } from '../model/xcit.ts';
import { fourierRule } from './fourier-rule.ts';
import { positionRule } from './position-rule.ts';

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
   * convolutional net that pools by attention and for the class attention of an XCiT.
   */
  readonly attentions?: boolean;
  /** Gives `logits` [batch, classes] instead of features. */
  readonly classifier?: ClassifierHead;
}

/** An ONNX model before it is a file. */
export interface OnnxModel {
  readonly graph: OnnxGraph;
  /** Nodes that must stay in float32 in a model of lower precision. */
  readonly precise: ReadonlySet<OnnxNode>;
}

/**
 * Features: `last_hidden_state` [batch, tokens, dim] (of a ViT or XCiT the class token, registers and patches after the last norm; of a
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
  const heads = new Map<string, Float32Array>(
    classifier === undefined
      ? []
      : [
          [CLASSIFIER_WEIGHT, classifier.weight],
          [CLASSIFIER_BIAS, classifier.bias],
        ],
  );
  const antialias = backbone.kind === 'vit' && backbone.positions?.antialias === true;
  const model = openModel(
    (images) => {
      const { scope } = new ParameterSet();
      const { looks, ...features } = featuresOf(scope, images, backbone);
      const results =
        classifier === undefined ? features : { logits: logitsOf(scope, images, backbone, classifier) };
      const maps = attentions ? looks.map((map, i) => [`attentions.${i}`, map] as const) : [];
      return { ...results, ...Object.fromEntries(maps) };
    },
    {
      images: { name: 'pixel_values', channels: backbone.channels },
      rules: [positionRule, fourierRule],
      opset: antialias ? 18 : 17,
      weight: (name) => {
        const values = heads.get(name) ?? weights.get(name);
        if (values === undefined) throw new Error(`The weights lack ${name}: they are of another network.`);
        return values;
      },
    },
  );
  const outputs = model.outputs.map((output) => ({
    ...output,
    shape: output.shape.map((size) => (typeof size === 'number' || size === 'batch' ? size : 'tokens')),
  }));
  return {
    graph: { ...model, outputs },
    precise: new Set(model.nodes.filter(({ op }) => op === resizeGridOp || op === fourierOp)),
  };
}

interface Features {
  readonly last_hidden_state: Tensor;
  readonly pooler_output: Tensor;
  /** Attention maps. */
  readonly looks: readonly Tensor[];
}

function featuresOf(scope: Scope, images: Tensor, backbone: BackboneConfig): Features {
  switch (backbone.kind) {
    case 'vit': {
      const { tokens, cls, attentions } = vit(scope, images, backbone);
      return { last_hidden_state: tokens, pooler_output: cls, looks: attentions };
    }
    case 'xcit': {
      const { cls, patches, clsAttention } = xcit(scope, images, backbone, 'eval');
      const first = reshape(cls, [cls.dim(0), 1, cls.dim(1)]);
      return { last_hidden_state: concat([first, patches], 1), pooler_output: cls, looks: [clsAttention] };
    }
    case 'resnet': {
      const { feature, maps } = resnet(scope, images, backbone, 'eval');
      const { tokens } = mapPlaces({ maps: maps.slice(-1), attentions: [] });
      return { last_hidden_state: tokens, pooler_output: feature, looks: [] };
    }
    case 'convnet': {
      const output = convNet(scope, images, backbone, 'eval');
      const { looks, tokens } = mapPlaces(output);
      return {
        last_hidden_state: tokens,
        pooler_output: output.feature,
        looks: looks.length === 0 ? [] : [concat(looks, 1)],
      };
    }
  }
}

const [CLASSIFIER_WEIGHT, CLASSIFIER_BIAS] = ['classifier.weight', 'classifier.bias'] as const;

function logitsOf(
  scope: Scope,
  images: Tensor,
  backbone: BackboneConfig,
  { classes, weight, feature }: ClassifierHead,
): Tensor {
  const read =
    feature === undefined
      ? imageFeature(scope, images, backbone, 'eval')
      : linearFeature(backbone, feature).trace(scope, images);
  const count = classes.length;
  const products = linear(read, input(CLASSIFIER_WEIGHT, [count, weight.length / count]));
  return add(products, input(CLASSIFIER_BIAS, [count]));
}

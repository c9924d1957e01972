/** What `dino export` writes, by target, as bytes: nothing here knows of files or flags. */
import { statisticsFor } from '../data/assemble.ts';
import type { Weights } from '../eval/frozen-backbone.ts';
import { type StoredTensor, serializeSafetensors } from '../format/safetensors.ts';
import { serializeTorch } from '../format/torch-save.ts';
import { input, ParameterSet } from '../graph/index.ts';
import { encodeOnnx } from '../graph/onnx.ts';
import { type BackboneConfig, imageFeature } from '../model/backbone.ts';
import {
  huggingFaceConfig,
  huggingFacePreprocessor,
  labelFields,
  resNetConfig,
} from '../weights/hugging-face.ts';
import { huggingFaceDinov2, huggingFaceVit } from '../weights/layouts.ts';
import { type NamedTensor, toLayout } from '../weights/to-layout.ts';
import { type ClassifierHead, onnxModel } from './onnx-model.ts';
import { toHalf, toQuantized } from './onnx-precision.ts';

export const exportTargets = [
  'huggingface',
  'transformers.js',
  'onnx',
  'torch',
  'timm',
  'safetensors',
] as const;
export type ExportTarget = (typeof exportTargets)[number];

export interface NetworkToExport {
  readonly backbone: BackboneConfig;
  /** Side of the network's usual input, pixels. */
  readonly size: number;
  readonly weights: Weights;
  /** Makes the export a classifier. */
  readonly classifier?: ClassifierHead;
  /** Text of the model card for a target that has one. */
  card(target: 'huggingface' | 'transformers.js'): string;
}

/** Contents of files by name, in parts. */
export type ExportedFiles = ReadonlyMap<string, readonly Uint8Array[]>;

/**
 * @param attentions adds attention maps to ONNX models
 * @throws Error if the target has no place for this network or classifier
 */
export function exportFiles(network: NetworkToExport, to: ExportTarget, attentions = false): ExportedFiles {
  const { backbone, weights, classifier } = network;
  if (classifier !== undefined && (to === 'torch' || to === 'timm' || to === 'safetensors'))
    throw new Error(
      `--to ${to} is a backbone alone: export a classifier with --to huggingface, onnx or transformers.js.`,
    );
  const options = { attentions, ...(classifier === undefined ? {} : { classifier }) };
  switch (to) {
    case 'huggingface':
      return huggingFaceFiles(network);
    case 'transformers.js': {
      const model = onnxModel(backbone, weights, options);
      return new Map([
        ...descriptions(network, 'transformers.js'),
        ['onnx/model.onnx', [encodeOnnx(model.graph)]],
        ['onnx/model_fp16.onnx', [encodeOnnx(toHalf(model))]],
        ['onnx/model_quantized.onnx', [encodeOnnx(toQuantized(model))]],
      ]);
    }
    case 'onnx':
      return new Map([['model.onnx', [encodeOnnx(onnxModel(backbone, weights, options).graph)]]]);
    case 'torch':
      return new Map([['backbone.pth', serializeTorch(stored(backboneTensors(network)))]]);
    case 'timm':
      if (backbone.kind !== 'vit' || backbone.stem === 'conv')
        throw new Error(
          `timm has no ${backbone.kind === 'vit' ? 'ViT with such a stem' : 'such convolutional network'}: train with --arch vit --stem patch, or export with --to safetensors, torch or onnx.`,
        );
      return safetensorsFile(network);
    case 'safetensors':
      return safetensorsFile(network);
  }
}

/** One file; it says how many attention heads there are, which tensors do not. */
function safetensorsFile(network: NetworkToExport): ExportedFiles {
  const { backbone } = network;
  const heads = backbone.kind === 'vit' ? { heads: String(backbone.heads) } : {};
  const parts = serializeSafetensors(stored(backboneTensors(network)), { format: 'pt', ...heads });
  return new Map([['model.safetensors', parts]]);
}

function huggingFaceFiles(network: NetworkToExport): ExportedFiles {
  const { backbone, classifier } = network;
  if (backbone.kind !== 'vit' || backbone.stem === 'conv') {
    throw new Error(
      `Hugging Face's ViT has no place for ${backbone.kind === 'vit' ? 'a convolutional stem' : 'a convolutional network'}: train with --arch vit --stem patch, or export with --to torch, onnx or transformers.js.`,
    );
  }
  const layout = backbone.layerScale === true ? huggingFaceDinov2 : huggingFaceVit;
  const tensors = toLayout(backboneTensors(network), layout, backbone.depth);
  if (classifier === undefined) {
    return new Map([
      ['model.safetensors', serializeSafetensors(tensors, { format: 'pt', heads: String(backbone.heads) })],
      ...descriptions(network, 'huggingface'),
    ]);
  }
  const { classes, weight, bias } = classifier;
  if (backbone.layerScale === true)
    throw new Error(
      "Hugging Face's classifier of DINOv2 reads the mean patch token too, and ours the class token: export with --to onnx.",
    );
  if (weight.length !== classes.length * backbone.dim)
    throw new Error(
      "Hugging Face's classifier reads the last class token alone: run dino eval linear with --n_last_blocks 1, or export with --to onnx.",
    );
  const all = new Map<string, StoredTensor>([...tensors].map(([name, tensor]) => [`vit.${name}`, tensor]));
  all.set('classifier.weight', { dtype: 'F32', shape: [classes.length, backbone.dim], data: weight });
  all.set('classifier.bias', { dtype: 'F32', shape: [classes.length], data: bias });
  return new Map([
    ['model.safetensors', serializeSafetensors(all, { format: 'pt', heads: String(backbone.heads) })],
    ...descriptions(network, 'huggingface'),
  ]);
}

/** config.json, preprocessor_config.json and the model card. */
function descriptions(
  network: NetworkToExport,
  target: 'huggingface' | 'transformers.js',
): [string, Uint8Array[]][] {
  const { backbone, size, classifier } = network;
  const config = backbone.kind === 'vit' ? huggingFaceConfig(backbone) : resNetConfig(backbone);
  const labelled =
    classifier === undefined ? config : { ...config, ...labelFields(config, classifier.classes) };
  return [
    ['config.json', json(labelled)],
    [
      'preprocessor_config.json',
      json(huggingFacePreprocessor(size, statisticsFor(backbone.channels === 1 ? 1 : 3))),
    ],
    ['README.md', [new TextEncoder().encode(network.card(target))]],
  ];
}

/** The backbone's tensors under our names, which are the official ones, with their shapes. */
function backboneTensors({ backbone, size, weights }: NetworkToExport): Map<string, NamedTensor> {
  const set = new ParameterSet();
  imageFeature(set.scope, input('images', [1, backbone.channels, size, size]), backbone, 'eval');
  return new Map(
    [...set.parameters.values(), ...set.buffers.values()].map(({ name, shape }) => {
      const values = weights.get(name);
      if (values === undefined) throw new Error(`the checkpoint lacks ${name}: it is of another network.`);
      return [name, { shape, values }];
    }),
  );
}

function stored(tensors: ReadonlyMap<string, NamedTensor>): Map<string, StoredTensor> {
  return new Map(
    [...tensors].map(([name, { shape, values }]) => [name, { dtype: 'F32', shape, data: values }]),
  );
}

function json(value: unknown): Uint8Array[] {
  return [new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`)];
}

/** What `dino export` writes, by target, as bytes: nothing here knows of files or flags. */
import type { OnnxEngine } from '../engine/onnx-engine.ts';
import type { Weights } from '../features/network-weights.ts';
import { type StoredTensor, serializeSafetensors } from '../format/safetensors.ts';
import { serializeTorch } from '../format/torch-save.ts';
import { input, ParameterSet } from '../graph/index.ts';
import { encodeOnnx } from '../graph/targets/onnx/onnx-file.ts';
import { type BackboneConfig, imageFeature } from '../model/backbone.ts';
import { resnetWidth } from '../model/resnet.ts';
import {
  huggingFaceConfig,
  huggingFacePreprocessor,
  labelFields,
  resNetConfig,
} from '../weights/hugging-face.ts';
import { huggingFaceDinov2, huggingFaceVit, timmXcit } from '../weights/layouts.ts';
import { encodeOwnFacts, OWN_FACTS, type WrittenNetwork } from '../weights/own-facts.ts';
import { type NamedTensor, toLayout } from '../weights/to-layout.ts';
import { largestValue, type ProbeImages } from './half-range.ts';
import { type ClassifierHead, type OnnxModel, onnxModel } from './onnx-model.ts';
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

export interface NetworkToExport extends WrittenNetwork {
  /** Whether most images are enlarged on the way, by a small factor. */
  readonly enlarges: boolean;
  readonly weights: Weights;
  /** Makes the export a classifier. */
  readonly classifier?: ClassifierHead;
  /** Text of the model card for a library that has one. @param isHalved whether there is a model in float16 */
  card(library: CardLibrary, isHalved: boolean): string;
}

export type CardLibrary = 'huggingface' | 'transformers.js';

export interface ExportOptions {
  /** Adds attention maps to ONNX models. */
  readonly attentions?: boolean;
  /** Finds out whether float16 can hold what the network computes. */
  readonly engine: OnnxEngine;
  /** What the network is tried on. */
  probe(): Promise<ProbeImages>;
}

export interface Exported {
  readonly files: ExportedFiles;
  /** What whoever exports has to know, a sentence each. */
  readonly notes: readonly string[];
}

/** The model in float16. */
export const HALF_MODEL = 'onnx/model_fp16.onnx';

/** Contents of files by name, in parts. */
export type ExportedFiles = ReadonlyMap<string, readonly Uint8Array[]>;

/** @throws Error if the target has no place for this network or classifier */
export async function exportFiles(
  network: NetworkToExport,
  to: ExportTarget,
  options: ExportOptions,
): Promise<Exported> {
  if (to === 'transformers.js') return transformersJsFiles(network, options);
  return { files: plainFiles(network, to, options.attentions ?? false), notes: [] };
}

function plainFiles(
  network: NetworkToExport,
  to: Exclude<ExportTarget, 'transformers.js'>,
  attentions: boolean,
): ExportedFiles {
  const { backbone, weights, classifier } = network;
  if (classifier !== undefined && (to === 'torch' || to === 'timm' || to === 'safetensors'))
    throw new Error(
      `--to ${to} is a backbone alone: export a classifier with --to huggingface, onnx or transformers.js.`,
    );
  switch (to) {
    case 'huggingface':
      return huggingFaceFiles(network);
    case 'onnx': {
      const options = { attentions, ...(classifier === undefined ? {} : { classifier }) };
      return new Map([['model.onnx', [encodeOnnx(onnxModel(backbone, weights, options).graph)]]]);
    }
    case 'torch': {
      const facts = { [OWN_FACTS]: encodeOwnFacts(network) };
      return new Map([['backbone.pth', serializeTorch(stored(backboneTensors(network)), facts)]]);
    }
    case 'timm':
      if (backbone.kind === 'convnet' || (backbone.kind === 'vit' && backbone.stem === 'conv'))
        throw new Error(
          `The timm library has no ${backbone.kind === 'vit' ? 'ViT with such a stem' : 'such convolutional network'}: train with --arch vit --stem patch, or export with --to safetensors, torch or onnx.`,
        );
      return safetensorsFile(
        network,
        backbone.kind === 'xcit'
          ? toLayout(backboneTensors(network), timmXcit)
          : stored(backboneTensors(network)),
      );
    case 'safetensors':
      return safetensorsFile(network, stored(backboneTensors(network)));
  }
}

async function transformersJsFiles(
  network: NetworkToExport,
  { attentions = false, engine, probe }: ExportOptions,
): Promise<Exported> {
  const { backbone, weights, classifier } = network;
  const model = onnxModel(backbone, weights, {
    attentions,
    ...(classifier === undefined ? {} : { classifier }),
  });
  const half = await halved(model, engine, await probe());
  return {
    notes: typeof half === 'string' ? [half] : [],
    files: new Map<string, readonly Uint8Array[]>([
      ...descriptions(network, 'transformers.js', typeof half !== 'string'),
      ['onnx/model.onnx', [encodeOnnx(model.graph)]],
      ...(typeof half === 'string' ? [] : [[HALF_MODEL, [half]] as const]),
      ['onnx/model_quantized.onnx', [encodeOnnx(toQuantized(model))]],
    ]),
  };
}

/** The largest number of float16. */
const HALF_LIMIT = 65504;

/** The model in float16, or why there is none. */
async function halved(
  model: OnnxModel,
  engine: OnnxEngine,
  images: ProbeImages,
): Promise<Uint8Array | string> {
  const without = (cause: string): string =>
    `${HALF_MODEL} is left out, since float16 overflows: ${cause}, and the largest number of float16 is ${HALF_LIMIT}. Use the models in float32 and 8 bits (dtype 'fp32' and 'q8').`;
  const largest = await largestValue(engine, model, images);
  if (!(largest <= HALF_LIMIT))
    return without(`on a probe image the network computes a value of ${largest.toPrecision(3)}`);
  try {
    return encodeOnnx(toHalf(model));
  } catch (error) {
    if (error instanceof RangeError) return without(error.message.replace(/, which.*$/, ''));
    throw error;
  }
}

/** One file; it says what network it is, which tensors do not tell in full, and how images become the input. */
function safetensorsFile(
  network: NetworkToExport,
  tensors: ReadonlyMap<string, StoredTensor>,
): ExportedFiles {
  const { backbone } = network;
  const heads = backbone.kind === 'vit' ? { heads: String(backbone.heads) } : {};
  const facts = { format: 'pt', ...heads, [OWN_FACTS]: encodeOwnFacts(network) };
  return new Map([['model.safetensors', serializeSafetensors(tensors, facts)]]);
}

function huggingFaceFiles(network: NetworkToExport): ExportedFiles {
  const { backbone, classifier } = network;
  if (backbone.kind !== 'vit' || backbone.stem === 'conv') {
    throw new Error(
      `Hugging Face's ViT has no place for ${backbone.kind === 'vit' ? 'a convolutional stem' : backbone.kind === 'xcit' ? 'an XCiT' : 'a convolutional network'}: train with --arch vit --stem patch, or export with --to torch, onnx or transformers.js.`,
    );
  }
  const layout = backbone.layerScale === true ? huggingFaceDinov2 : huggingFaceVit;
  const tensors = toLayout(backboneTensors(network), layout);
  if (classifier === undefined) {
    return new Map([...safetensorsFile(network, tensors), ...descriptions(network, 'huggingface')]);
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
  return new Map([...safetensorsFile(network, all), ...descriptions(network, 'huggingface')]);
}

/** config.json, preprocessor_config.json and the model card. */
function descriptions(
  network: NetworkToExport,
  target: CardLibrary,
  isHalved = false,
): [string, Uint8Array[]][] {
  const { backbone, preprocessing, enlarges, classifier } = network;
  const config = transformersConfig(backbone);
  const labeled =
    classifier === undefined ? config : { ...config, ...labelFields(config, classifier.classes) };
  return [
    ['config.json', json(labeled)],
    ['preprocessor_config.json', json(huggingFacePreprocessor(preprocessing, target, enlarges))],
    ['README.md', [new TextEncoder().encode(network.card(target, isHalved))]],
  ];
}

/** `config.json`. Of an XCiT transformers has no class: a ViT is the nearest, whose results have the same names. */
function transformersConfig(backbone: BackboneConfig): Readonly<Record<string, unknown>> {
  switch (backbone.kind) {
    case 'vit':
      return huggingFaceConfig(backbone);
    case 'xcit':
      return huggingFaceConfig({ imageSize: 224, ...backbone });
    case 'convnet':
      return resNetConfig(backbone);
    case 'resnet':
      return resNetConfig({
        ...backbone,
        widths: backbone.blocks.map((_, stage) => resnetWidth(backbone, stage)),
      });
  }
}

/** The backbone's tensors under our names, which are the official ones, with their shapes. */
function backboneTensors({ backbone, preprocessing, weights }: NetworkToExport): Map<string, NamedTensor> {
  const set = new ParameterSet();
  const { size } = preprocessing;
  imageFeature(set.scope, input('images', [1, backbone.channels, size, size]), backbone, 'eval');
  return new Map(
    [...set.parameters.values(), ...set.buffers.values()].map(({ name, shape }) => {
      const values = weights.get(name);
      if (values === undefined) throw new Error(`The checkpoint lacks ${name}: it is of another network.`);
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

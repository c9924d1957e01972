/** What an evaluation is of: a trained network, and the same network before its first step beside it. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { networkFingerprint } from '../data/feature-bank.ts';
import type { SourceOptions } from '../data/source.ts';
import type { Levels } from '../image/levels.ts';
import type { BackboneConfig } from '../model/backbone.ts';
import { attentionHeads } from '../model/places.ts';
import { backboneOf } from '../train/build.ts';
import { checkpointRun, networkWeights } from '../train/checkpoint.ts';
import { evalSizeOf, levelsOf, type TrainConfig } from '../train/config.ts';
import { RunFolder } from '../train/run-folder-node.ts';
import { parseRecord, type RunRecord, readRecord } from '../train/run-record.ts';
import { openFile } from '../weights/file-source-node.ts';
import { openStateDict } from '../weights/state-dict.ts';
import { checkComplete, findVit } from '../weights/vit-weights.ts';
import { untrainedWeights, type Weights, weightsUnder } from './frozen-backbone.ts';

export interface Subject {
  /** The path as it was given. */
  readonly name: string;
  /** Where results are kept: the run folder, or `<name>-<hash>-eval` of the working directory for weights of other origin. */
  readonly folder: RunFolder;
  /** How it was trained here; undefined for weights of other origin. */
  readonly record: RunRecord | undefined;
  readonly backbone: BackboneConfig;
  /** Side of the network's usual input, pixels. */
  readonly size: number;
  readonly channels: 1 | 3;
  /** How images are decoded for it. */
  readonly imageOptions: SourceOptions;
  /** The teacher's backbone. */
  readonly trained: Weights;
  /** Tensors that the file lacks and that were allowed to be missing: they keep the values of a fresh network. */
  readonly allowed: readonly string[];
  /** What the run's seed started from; for weights of other origin a network of the same shape and seed 0. */
  readonly untrained: Weights;
}

export interface SubjectOptions {
  /** The latest checkpoint of a run, or the one with the best score. Default `last`. */
  readonly checkpoint?: 'last' | 'best';
  /** Which network of an official full checkpoint. Default `teacher`. */
  readonly checkpointKey?: string;
  /** Attention heads, where weights do not tell. */
  readonly heads?: number;
  /** Tensors that may be missing; they keep their initial values. */
  readonly allowMissing?: readonly string[];
  /** Black and white of samples that are not bytes; those of the run unless given. */
  readonly levels?: Levels | undefined;
}

/**
 * Opens a network: a run folder or a checkpoint of one, a Hugging Face folder of a `ViTModel`, or a file of weights
 * (.safetensors, .pth).
 *
 * @throws Error if there is none, or it is damaged or not whole
 */
export function openSubject(path: string, options: SubjectOptions = {}): Subject {
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  const huggingFace = isFile ? undefined : readHuggingFaceConfig(path);
  if (!isFile && huggingFace === undefined) return fromRun(path, options);
  if (options.checkpoint === 'best')
    throw new Error(
      `${path} is no run folder, which alone has a best checkpoint: leave --checkpoint best out.`,
    );
  if (huggingFace !== undefined)
    return fromWeights(path, join(path, 'model.safetensors'), options, huggingFace);
  const beside = basename(path) === 'model.safetensors' ? readHuggingFaceConfig(dirname(path)) : undefined;
  return fromCheckpoint(path, options) ?? fromWeights(path, path, options, beside ?? {});
}

function fromRun(path: string, options: SubjectOptions): Subject {
  const { checkpoint = 'last' } = options;
  const folder = RunFolder.open(path);
  const record = readRecord(folder);
  const { config } = record;
  const file = checkpoint === 'best' ? 'best.safetensors' : 'checkpoint.safetensors';
  if (!folder.has(file)) {
    throw new Error(
      checkpoint === 'best' && folder.has('checkpoint.safetensors')
        ? `${folder.file(file)} does not exist (a run keeps its best checkpoint where images have labels, or where it began with --init): leave --checkpoint best out.`
        : `${folder.file(file)} does not exist: let the run write one first, or choose another --checkpoint.`,
    );
  }
  const network = networkOf(folder.file(file), config, options);
  const weights = networkWeights(folder.read(file), folder.file(file), network);
  return { name: path, folder, record, ...trainedHere(config, options, weightsUnder(weights, 'backbone.')) };
}

/**
 * A checkpoint of `dino train` by itself; undefined for any other file. In its run folder it is of that run.
 *
 * @throws Error if it is damaged
 */
function fromCheckpoint(path: string, options: SubjectOptions): Subject | undefined {
  const source = openFile(path);
  try {
    const { run } = checkpointRun(source) ?? {};
    if (run === undefined) return undefined;
    const record = parseRecord(run, path);
    const { config } = record;
    const network = networkWeights(source.read(0, source.size), path, networkOf(path, config, options));
    const ofRun = existsSync(join(dirname(path), 'config.json'));
    const here = trainedHere(config, options, weightsUnder(network, 'backbone.'));
    return {
      name: path,
      folder: ofRun ? RunFolder.open(dirname(path)) : resultsOf(path, here.backbone, here.trained),
      record: ofRun ? record : undefined,
      ...here,
    };
  } finally {
    source.close();
  }
}

/** @throws Error if what was said does not fit a checkpoint that says itself what it holds */
function networkOf(
  file: string,
  config: TrainConfig,
  { checkpointKey = 'teacher', heads, allowMissing = [] }: SubjectOptions,
): 'student' | 'teacher' {
  if (heads !== undefined && heads !== attentionHeads(backboneOf(config)))
    throw new Error(
      `--heads ${heads} does not fit ${file}, which has ${attentionHeads(backboneOf(config)) || 'no attention'}: leave it out.`,
    );
  if (allowMissing.length > 0)
    throw new Error(`${file} is whole: leave --allow_missing out, which is for weights from elsewhere.`);
  if (checkpointKey === 'teacher' || checkpointKey === 'student') return checkpointKey;
  throw new Error(
    `${file} holds a teacher and a student, and no ${checkpointKey}: choose one of them by --checkpoint_key.`,
  );
}

/** What the config of a run says about its network. */
function trainedHere(
  config: TrainConfig,
  { levels = levelsOf(config.levels) }: SubjectOptions,
  trained: Weights,
): Omit<Subject, 'name' | 'folder' | 'record'> {
  const backbone = backboneOf(config);
  const { channels, seed } = config;
  const size = evalSizeOf(config);
  return {
    backbone,
    size,
    channels,
    imageOptions: { channels, levels },
    trained,
    allowed: [],
    untrained: untrainedWeights(backbone, size, seed),
  };
}

/**
 * Where results are kept of weights that are in no run folder: `<name>-<their hash>-eval` in the working directory, so that
 * networks of one name do not mix.
 */
function resultsOf(path: string, backbone: BackboneConfig, trained: Weights): RunFolder {
  const name = basename(path).replace(/\.(pth|pt|bin|safetensors)$/, '');
  const hash = createHash('sha256').update(networkFingerprint(trained)).update(JSON.stringify(backbone));
  return RunFolder.at(`${name}-${hash.digest('hex').slice(0, 6)}-eval`);
}

function fromWeights(
  path: string,
  file: string,
  { checkpointKey, heads, allowMissing = [], levels }: SubjectOptions,
  huggingFace: { readonly heads?: number; readonly eps?: number },
): Subject {
  const source = openFile(file);
  try {
    const headCount = heads ?? huggingFace.heads;
    const found = findVit(openStateDict(source), {
      name: file,
      ...(checkpointKey === undefined ? {} : { checkpointKey }),
      ...(headCount === undefined ? {} : { heads: headCount }),
    });
    checkComplete(found, file, allowMissing);
    const { eps } = huggingFace;
    const backbone: BackboneConfig = { kind: 'vit', ...found.config, ...(eps === undefined ? {} : { eps }) };
    const { imageSize, channels } = found.config;
    if (channels !== 1 && channels !== 3)
      throw new Error(
        `${file}: the network takes ${channels} channels: only gray and RGB images can be read.`,
      );
    // DINOv2's positions are for 518 pixels, and its evaluations use 224.
    const size = imageSize === 518 ? 224 : imageSize;
    const untrained = untrainedWeights(backbone, size, 0);
    const trained = new Map([...untrained, ...found.weights()]);
    return {
      name: path,
      folder: resultsOf(path, backbone, trained),
      record: undefined,
      backbone,
      size,
      channels,
      imageOptions: { channels, levels },
      trained,
      allowed: found.missing,
      untrained,
    };
  } finally {
    source.close();
  }
}

const configSchema = z.looseObject({
  model_type: z.string(),
  num_attention_heads: z.number().int().min(1).optional(),
  layer_norm_eps: z.number().positive().optional(),
});

/** What a Hugging Face folder says about its network; undefined for any other folder. */
export function readHuggingFaceConfig(path: string): { heads?: number; eps?: number } | undefined {
  const file = join(path, 'config.json');
  if (!existsSync(file) || !existsSync(join(path, 'model.safetensors'))) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new Error(`${file} is not valid JSON: download it again.`);
  }
  const config = configSchema.safeParse(value).data;
  if (config === undefined) return undefined;
  if (!['vit', 'dinov2', 'dinov2_with_registers'].includes(config.model_type))
    throw new Error(
      `${file} describes a ${config.model_type} model: only ViT and DINOv2 models can be read.`,
    );
  return {
    ...(config.num_attention_heads === undefined ? {} : { heads: config.num_attention_heads }),
    ...(config.layer_norm_eps === undefined ? {} : { eps: config.layer_norm_eps }),
  };
}

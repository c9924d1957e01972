/** What an evaluation is of: a trained network, and the same network before its first step beside it. */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { networkFingerprint } from '../data/feature-bank.ts';
import type { Preprocessing } from '../data/preprocessing.ts';
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
import { checkClaims } from '../weights/network-config.ts';
import { openWeights, weightsFileOf } from '../weights/open-weights-node.ts';
import { type AskedPreprocessing, completePreprocessing } from '../weights/stated-preprocessing.ts';
import { checkComplete, findVit, requireHeads, shapeOf } from '../weights/vit-weights.ts';
import { untrainedWeights, type Weights, weightsUnder } from './frozen-backbone.ts';

export interface Subject {
  /** The path as it was given. */
  readonly name: string;
  /** Where results are kept: the run folder, or `<name>-<hash>-eval` of the working directory for weights of other origin. */
  readonly folder: RunFolder;
  /** How it was trained here; undefined for weights of other origin. */
  readonly record: RunRecord | undefined;
  readonly backbone: BackboneConfig;
  /** Side of the input, pixels. */
  readonly size: number;
  /** How images become the input. */
  readonly preprocessing: Preprocessing;
  /** Where that stands: the file that says it, or "the run"; undefined where nothing says it. */
  readonly preprocessingOrigin: string | undefined;
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
  /** What takes the place of the preprocessing that belongs to the weights. */
  readonly preprocessing?: AskedPreprocessing;
  /** Black and white of samples that are not bytes; those of the run unless given. */
  readonly levels?: Levels | undefined;
}

/**
 * Opens a network: a run folder or a checkpoint of one, or weights from elsewhere with what lies beside them (`openWeights`).
 *
 * @throws Error if there is none, or it is damaged or not whole, or something beside it cannot be honored
 */
export function openSubject(path: string, options: SubjectOptions = {}): Subject {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined)
    throw new Error(
      `There is nothing at ${path}: give a run folder, a file or a folder of weights, or the name of published ones.`,
    );
  const isFolder = status.isDirectory();
  if (isFolder && isRunFolder(path)) return fromRun(path, options);
  if (options.checkpoint === 'best')
    throw new Error(
      `${path} is no run folder, which alone has a best checkpoint: leave --checkpoint best out.`,
    );
  const own = isFolder ? undefined : fromCheckpoint(path, options);
  return own ?? fromWeights(path, options);
}

/** Whether a folder is to be read as a run, whole or not, and not as one of weights. */
export function isRunFolder(path: string): boolean {
  const holdsCheckpoint = ['checkpoint', 'best'].some((name) =>
    existsSync(join(path, `${name}.safetensors`)),
  );
  return holdsCheckpoint || weightsFileOf(path) === undefined;
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
  return { name: path, folder, record, ...trainedHere(config, weightsUnder(weights, 'backbone.'), options) };
}

/**
 * A checkpoint of `dino train` by itself; undefined for any other file. In its run folder it is of that run.
 *
 * @throws Error if it is damaged
 */
function fromCheckpoint(path: string, options: SubjectOptions): Subject | undefined {
  if (path.endsWith('.json')) return undefined; // an index of shards
  const source = openFile(path);
  try {
    const { run } = checkpointRun(source) ?? {};
    if (run === undefined) return undefined;
    const record = parseRecord(run, path);
    const { config } = record;
    const network = networkWeights(source.read(0, source.size), path, networkOf(path, config, options));
    const ofRun = existsSync(join(dirname(path), 'config.json'));
    const here = trainedHere(config, weightsUnder(network, 'backbone.'), options);
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
  trained: Weights,
  options: SubjectOptions,
): Omit<Subject, 'name' | 'folder' | 'record'> {
  const backbone = backboneOf(config);
  const { channels, seed } = config;
  const preprocessing = completePreprocessing(evalSizeOf(config), channels, undefined, options.preprocessing);
  const { size } = preprocessing;
  checkSize(backbone, size, '--eval_size');
  return {
    backbone,
    size,
    preprocessing,
    preprocessingOrigin: 'the run',
    channels,
    imageOptions: { channels, levels: options.levels ?? levelsOf(config.levels) },
    trained,
    allowed: [],
    untrained: untrainedWeights(backbone, size, seed),
  };
}

function checkSize(backbone: BackboneConfig, size: number, origin: string): void {
  if (backbone.kind === 'vit') requireWholePatches(backbone.patchSize, size, origin);
}

/** @param origin what says the size @throws Error if part of an image of this size would not be seen */
export function requireWholePatches(patchSize: number, size: number, origin: string): void {
  if (size % patchSize === 0) return;
  const near = Math.max(1, Math.round(size / patchSize)) * patchSize;
  throw new Error(
    `${origin} wants images of ${size} x ${size} pixels, which are not made of whole patches of ${patchSize}: give --eval_size ${near}.`,
  );
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

function fromWeights(path: string, options: SubjectOptions): Subject {
  const { checkpointKey, heads: given, allowMissing = [] } = options;
  const opened = openWeights(path);
  const { file, dict } = opened;
  try {
    const config = opened.config();
    const heads = given ?? config?.heads;
    const found = findVit(dict, {
      name: file,
      ...(checkpointKey === undefined ? {} : { checkpointKey }),
      ...(heads === undefined ? {} : { heads }),
      ...(config === undefined ? {} : { qkvBias: config.qkvBias }),
    });
    checkComplete(found, file, allowMissing);
    if (config !== undefined) checkClaims(config, shapeOf(found.config), file);
    const eps = config?.eps ?? dict.facts.eps;
    const backbone: BackboneConfig = {
      kind: 'vit',
      ...requireHeads(found.config, file),
      ...(eps === undefined ? {} : { eps }),
    };
    const { imageSize, channels } = found.config;
    if (channels !== 1 && channels !== 3)
      throw new Error(
        `${file}: the network takes ${channels} channels: only gray and RGB images can be read.`,
      );
    const stated = opened.preprocessing();
    const preprocessing = completePreprocessing(
      usualSize(imageSize),
      channels,
      stated,
      options.preprocessing,
    );
    const { size } = preprocessing;
    checkSize(
      backbone,
      size,
      options.preprocessing?.evalSize === undefined ? (stated?.origin ?? file) : '--eval_size',
    );
    const untrained = untrainedWeights(backbone, imageSize, 0);
    const trained = new Map([...untrained, ...found.weights()]);
    return {
      name: path,
      folder: resultsOf(path, backbone, trained),
      record: undefined,
      backbone,
      size,
      preprocessing,
      preprocessingOrigin: stated?.origin,
      channels,
      imageOptions: { channels, levels: options.levels },
      trained,
      allowed: found.missing,
      untrained,
    };
  } finally {
    opened.close();
  }
}

/** Side of images where nothing says another: DINOv2's positions are for 518 pixels, and its evaluations use 224. */
export function usualSize(imageSize: number): number {
  return imageSize === 518 ? 224 : imageSize;
}

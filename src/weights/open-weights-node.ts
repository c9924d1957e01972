/**
 * Opens the weights that a path names, with everything that lies beside them: one file or several shards, in a folder with
 * `config.json` (of transformers or timm) and `preprocessor_config.json` or `processor_config.json`, or a file by itself.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { type FileSource, openFile } from '../files/file-source-node.ts';
import { bytesSource } from '../format/byte-source.ts';
import { foreignContent } from '../format/foreign-content.ts';
import { statedByPreprocessor } from './hugging-face-preprocessor.ts';
import { type NetworkConfig, readNetworkConfig } from './network-config.ts';
import { openShards, type StateDict } from './state-dict.ts';
import type { StatedPreprocessing } from './stated-preprocessing.ts';

export interface OpenedWeights {
  /** What errors call the weights: the file, or the index of its shards. */
  readonly file: string;
  readonly dict: StateDict;
  /** Where several configs beside the weights say what network it is: which of them is taken, and why. */
  readonly choice: string | undefined;
  /**
   * What `config.json` says of the network; undefined without one.
   *
   * @throws Error naming the field that cannot be honored
   */
  config(): NetworkConfig | undefined;
  /**
   * What lies beside the weights, or stands in them, and says how images become their input; undefined if nothing does.
   *
   * @throws Error if a file cannot be understood
   */
  preprocessing(): StatedPreprocessing | undefined;
  close(): void;
}

/** Files of a folder that hold its weights, the first that is there; an index names shards. */
const NAMES = ['model.safetensors', 'pytorch_model.bin'].flatMap((name) => [name, `${name}.index.json`]);
/** Configs of a network, the first that is there; timm's has another name where both libraries' are kept. */
const CONFIGS = ['config.json', 'timm_config.json'];
const ENDINGS = /\.(safetensors|pth|pt|bin|ckpt)$/i;
const SHARD = /-\d+-of-\d+\.(safetensors|bin)$/;

/**
 * The file of weights (or the index of its shards) that a path names.
 *
 * @returns undefined for a folder that holds none
 * @throws Error if a folder holds several, or the file is one of several shards
 */
export function weightsFileOf(path: string): string | undefined {
  if (!(statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)) {
    if (SHARD.test(path))
      throw new Error(`${path} is one of several shards: give their folder, ${dirname(path)}.`);
    return path;
  }
  const names = weightsIn(path);
  const known = NAMES.find((name) => names.includes(name));
  if (known !== undefined || names.length === 0) return known === undefined ? undefined : join(path, known);
  const whole = names.filter((name) => !SHARD.test(name));
  if (whole.length < names.length)
    throw new Error(
      `${path} holds ${names[0]} and no index of its shards: download model.safetensors.index.json too.`,
    );
  if (whole.length > 1)
    throw new Error(
      `${path} holds ${whole.length} files of weights (${whole.slice(0, 3).join(', ')}${whole.length > 3 ? ', …' : ''}): give one of them.`,
    );
  return join(path, whole[0] ?? '');
}

/** A model of ONNX in a folder, where those of transformers.js are or beside its config. */
export function onnxIn(folder: string): string | undefined {
  const names = (path: string): string[] => (existsSync(path) ? readdirSync(path).sort() : []);
  const found = [...names(folder), ...names(join(folder, 'onnx')).map((name) => `onnx/${name}`)];
  return found.find((name) => name.endsWith('.onnx'));
}

function weightsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => ENDINGS.test(name) || NAMES.includes(name))
    .sort();
}

/**
 * Opens a file of weights, or a folder that holds one.
 *
 * @throws Error if there is none, or it is damaged, hostile, or something else than weights
 */
export function openWeights(path: string): OpenedWeights {
  const file = weightsFileOf(path);
  if (file === undefined) {
    const onnx = onnxIn(path);
    throw new Error(
      onnx === undefined
        ? `${path} holds no weights (${NAMES.join(', ')}): give a folder or a file that does.`
        : `${path} holds ONNX models (${onnx}), as dino export --to transformers.js or onnx writes, and no weights: give the run or the weights that they were made of.`,
    );
  }
  const sources: FileSource[] = [];
  const close = (): void => {
    for (const source of sources) source.close();
  };
  try {
    const isIndex = file.endsWith('.index.json');
    for (const each of isIndex ? shardsOf(file) : [file]) sources.push(openFile(each));
    const dict = openShards(sources);
    if (isIndex) checkIndexed(file, dict);
    const folder = belongsToFolder(file) ? dirname(file) : undefined;
    if (folder !== undefined && existsSync(join(folder, 'adapter_config.json')))
      throw new Error(
        `${folder} has an adapter (adapter_config.json), which is not applied here: merge it into the weights first (peft's merge_and_unload), or take the file away.`,
      );
    return {
      file,
      dict,
      choice: folder === undefined ? undefined : choiceIn(folder),
      close,
      config: () => (folder === undefined ? undefined : configIn(folder)),
      preprocessing: () => (folder === undefined ? undefined : preprocessingIn(folder)) ?? ownOf(file, dict),
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Whether the files beside a file of weights are its own: it has one of the known names, or is alone. */
function belongsToFolder(file: string): boolean {
  return NAMES.includes(basename(file)) || weightsIn(dirname(file)).length === 1;
}

function ownOf(file: string, { facts }: StateDict): StatedPreprocessing | undefined {
  if (facts.preprocessing === undefined) return undefined;
  return { origin: file, parts: facts.preprocessing, refused: [] };
}

/** Where a folder has the configs of both libraries. */
function choiceIn(folder: string): string | undefined {
  const [taken, ...others] = configsIn(folder);
  return others.length === 0
    ? undefined
    : `${taken} is taken, and not ${others.map((path) => basename(path)).join(' or ')} beside it, which counts only where there is no ${basename(taken ?? '')}`;
}

function configsIn(folder: string): string[] {
  return CONFIGS.map((name) => join(folder, name)).filter((path) => existsSync(path));
}

function configIn(folder: string): NetworkConfig | undefined {
  const [file] = configsIn(folder);
  return file === undefined ? undefined : readNetworkConfig(readJson(file), file);
}

function preprocessingIn(folder: string): StatedPreprocessing | undefined {
  const file = join(folder, 'preprocessor_config.json');
  if (existsSync(file)) return statedByPreprocessor(readJson(file), file);
  // Newer versions of transformers write one file for all kinds of input.
  const joint = join(folder, 'processor_config.json');
  const ofImages = existsSync(joint) ? processorSchema.safeParse(readJson(joint)).data : undefined;
  return ofImages === undefined
    ? configIn(folder)?.preprocessing
    : statedByPreprocessor(ofImages.image_processor, joint);
}

const processorSchema = z.looseObject({ image_processor: z.record(z.string(), z.unknown()) });

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** Paths of the shards that an index names. */
function shardsOf(index: string): string[] {
  const names = new Set(Object.values(weightMap(index)));
  if (names.size === 0) throw new Error(`${index} names no shards: download it again.`);
  for (const name of names)
    if (basename(name) !== name || !existsSync(join(dirname(index), name)))
      throw new Error(`${index} names ${name}, which is not beside it: download it too.`);
  return [...names].map((name) => join(dirname(index), name));
}

function weightMap(index: string): Readonly<Record<string, string>> {
  const parsed = indexSchema.safeParse(readJson(index)).data;
  if (parsed !== undefined) return parsed.weight_map;
  throw new Error(`${index} has no weight_map and is no index of shards: download it again.`);
}

/** @throws Error naming a tensor that the index promises and no shard holds */
function checkIndexed(index: string, { tensors }: StateDict): void {
  const lacking = Object.entries(weightMap(index)).find(([name]) => !tensors.has(name));
  if (lacking !== undefined)
    throw new Error(`${index} promises ${lacking[0]} in ${lacking[1]}, which lacks it: download it again.`);
}

function readJson(file: string): unknown {
  const bytes = readFileSync(file);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)); // which leaves a mark of the order of bytes out
  } catch {
    const found = foreignContent(bytesSource(bytes, file));
    throw new Error(
      found === undefined
        ? `${file} is not valid JSON: download it again.`
        : `${file} is ${found.is}: ${found.wayOut}.`,
    );
  }
}

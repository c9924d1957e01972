/** Opens what is to be evaluated: a run folder, a checkpoint of one, or weights from elsewhere. */
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { untrainedWeights, weightsUnder } from '../features/network-weights.ts';
import { openFile } from '../files/file-source-node.ts';
import { statisticsFor } from '../image/normalize.ts';
import { attentionHeads } from '../model/places.ts';
import { backboneOf } from '../train/build.ts';
import { checkpointRun, evaluatedNetwork, networkWeights } from '../train/checkpoint.ts';
import { evalSizeOf, type TrainConfig } from '../train/config.ts';
import { levelsOf } from '../train/levels-field.ts';
import type { Network } from '../train/state.ts';
import { foldStatistics } from '../weights/fold-statistics.ts';
import { onnxIn, weightsFileOf } from '../weights/open-weights-node.ts';
import { completePreprocessing } from '../weights/stated-preprocessing.ts';
import { BEST, LAST } from './checkpoint-files.ts';
import { checkSize } from './input-size.ts';
import { holdsRun, RunFolder } from './run-folder-node.ts';
import { parseRecord, readRecord } from './run-record.ts';
import { lazySubject, type Subject, type SubjectOptions } from './subject.ts';
import { resultsOf, subjectOfWeights } from './weights-subject-node.ts';

const WAY_OUT = 'give a run folder, a file or a folder of weights, or the name of published ones';

/**
 * Opens a network: a run folder or a checkpoint of one, or weights from elsewhere with what lies beside them (`openWeights`).
 *
 * @throws Error if there is none, or it is damaged or not whole, or something beside it cannot be honored
 */
export function openSubject(path: string, options: SubjectOptions = {}): Subject {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new Error(`There is nothing at ${path}: ${WAY_OUT}.`);
  const isFolder = status.isDirectory();
  if (isFolder && isRunFolder(path)) return fromRun(path, options);
  if (options.checkpoint === 'best')
    throw new Error(
      `${path} is no run folder, which alone has a best checkpoint: leave --checkpoint best out.`,
    );
  const own = isFolder ? undefined : fromCheckpoint(path, options);
  return own ?? subjectOfWeights(path, options);
}

/** Whether a folder is to be read as a run, whole or not, and not as one of weights. */
export function isRunFolder(path: string): boolean {
  const holdsCheckpoint = [LAST, BEST].some((file) => existsSync(join(path, file)));
  if (holdsCheckpoint || holdsRun(path)) return holdsCheckpoint || weightsFileOf(path) === undefined;
  const isModel = existsSync(join(path, 'config.json')) || onnxIn(path) !== undefined;
  return !isModel && weightsFileOf(path) === undefined;
}

function fromRun(path: string, options: SubjectOptions): Subject {
  const { checkpoint = 'last' } = options;
  const folder = RunFolder.open(path, WAY_OUT);
  const record = readRecord(folder);
  const { config } = record;
  const file = checkpoint === 'best' ? BEST : LAST;
  if (!folder.has(file)) {
    throw new Error(
      checkpoint === 'best' && folder.has(LAST)
        ? `${folder.file(file)} does not exist (a run keeps its best checkpoint where images have labels, or where it began with --init): leave --checkpoint best out.`
        : `${folder.file(file)} does not exist: let the run write one first, or choose another --checkpoint.`,
    );
  }
  const network = networkOf(folder.file(file), config, options);
  const weights = networkWeights(folder.read(file), folder.file(file), network);
  const trained = weightsUnder(weights, 'backbone.');
  return trainedHere({ name: path, record, trained }, config, () => folder, options);
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
    const folder = holdsRun(dirname(path)) ? RunFolder.open(dirname(path)) : undefined;
    const trained = weightsUnder(network, 'backbone.');
    return trainedHere(
      { name: path, record: folder && record, trained },
      config,
      () => folder ?? resultsOf(path, options, backboneOf(config), trained),
      options,
    );
  } finally {
    source.close();
  }
}

/** @throws Error if what was said does not fit a checkpoint that says itself what it holds */
function networkOf(
  file: string,
  config: TrainConfig,
  { checkpointKey, heads, allowMissing = [] }: SubjectOptions,
): Network {
  if (heads !== undefined && heads !== attentionHeads(backboneOf(config)))
    throw new Error(
      `--heads ${heads} does not fit ${file}, which has ${attentionHeads(backboneOf(config)) || 'no attention'}: leave it out.`,
    );
  if (allowMissing.length > 0)
    throw new Error(`${file} is whole: leave --allow_missing out, which is for weights from elsewhere.`);
  const evaluated = evaluatedNetwork(config);
  if (checkpointKey === undefined || checkpointKey === evaluated) return evaluated;
  if (checkpointKey === 'student') return checkpointKey;
  if (evaluated === 'student')
    throw new Error(
      `${file} holds a student alone, as --method ${config.method} has no teacher: leave --checkpoint_key ${checkpointKey} out.`,
    );
  throw new Error(
    `${file} holds a teacher and a student, and no ${checkpointKey}: choose one of them by --checkpoint_key.`,
  );
}

/** A subject by what the config of its run says. */
function trainedHere(
  known: Pick<Subject, 'name' | 'record' | 'trained'>,
  config: TrainConfig,
  folder: () => RunFolder,
  options: SubjectOptions,
): Subject {
  const backbone = backboneOf(config);
  const { channels, seed } = config;
  const preprocessing = completePreprocessing(evalSizeOf(config), channels, undefined, options.preprocessing);
  const { size } = preprocessing;
  checkSize(backbone, size, '--eval_size');
  const levels = options.levels ?? levelsOf(config.levels);
  return lazySubject(
    {
      ...known,
      backbone,
      size,
      preprocessing,
      preprocessingOrigin: 'the run',
      channels,
      imageOptions: { channels, levels, labels: options.labels },
      allowed: [],
      seed,
    },
    { folder, untrained: () => untrainedWeights(backbone, size, seed) },
  );
}

/** The weights of a subject as part of networks that are trained here, which normalize images in one way (`backbone.norm.weight`). */
export function trainableWeights({ trained, channels, preprocessing }: Subject): Map<string, Float32Array> {
  const folded = foldStatistics(trained, preprocessing.statistics, statisticsFor(channels));
  return new Map([...folded].map(([name, values]) => [`backbone.${name}`, values]));
}

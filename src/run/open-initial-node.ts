/** Opens what `--init` names: a run folder or a checkpoint of one, an official full checkpoint, or a backbone in any layout. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { openFile } from '../files/file-source-node.ts';
import { f32 } from '../format/safetensors.ts';
import { statisticsFor } from '../image/normalize.ts';
import { DEFAULT_METHOD, methodNamed } from '../method/registry.ts';
import { type BackboneConfig, describeNetwork } from '../model/backbone.ts';
import { gatedWidth } from '../model/dinov2.ts';
import { resnetConfig } from '../model/resnet.ts';
import { xcitConfig } from '../model/xcit-sizes.ts';
import { counted } from '../numbers/counted.ts';
import { type Architecture, architectures, isResnet, isXcit } from '../train/architectures.ts';
import { checkpointRun, evaluatedNetwork, readCheckpoint, weightsOfNetwork } from '../train/checkpoint.ts';
import { backboneOptions, optionFields, type TrainConfig, type TrainOptions } from '../train/config.ts';
import { isForeign } from '../train/contradictions.ts';
import type { InitialState } from '../train/initial-state.ts';
import { fromFlag } from '../train/option-names.ts';
import { readOfficialCheckpoint, type TrainingCheckpoint } from '../weights/official-checkpoint.ts';
import { officialTraining } from '../weights/official-training.ts';
import { openWeights } from '../weights/open-weights-node.ts';
import { LAST } from './checkpoint-files.ts';
import { openSubject, trainableWeights } from './open-subject-node.ts';
import { RunFolder } from './run-folder-node.ts';
import { parseRecord, readRecord } from './run-record.ts';
import type { Subject } from './subject.ts';
import { subjectOfOpened } from './weights-subject-node.ts';

/**
 * @param options what was given besides: `heads`, where weights do not tell, and the budget
 * @throws Error if there is nothing, it is damaged, or it holds no network that can be trained here
 */
export function openInitial(path: string, options: TrainOptions): InitialState {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined)
    throw new Error(
      `There is nothing at ${path}: give a run folder, an official checkpoint.pth, a file of weights or the name of published ones.`,
    );
  if (status.isDirectory() && existsSync(join(path, LAST))) {
    const folder = RunFolder.open(path);
    return fromCheckpoint(
      path,
      folder.read(LAST),
      folder.file(LAST),
      readRecord(folder).config,
      options.method,
    );
  }
  const heads = options.heads === undefined ? {} : { heads: options.heads };
  if (!status.isFile() || path.endsWith('.json')) return fromBackbone(openSubject(path, heads));
  const source = openFile(path);
  try {
    const { run } = checkpointRun(source) ?? {};
    if (run !== undefined)
      return fromCheckpoint(
        path,
        source.read(0, source.size),
        path,
        parseRecord(run, path).config,
        options.method,
      );
  } finally {
    source.close();
  }
  const opened = openWeights(path);
  try {
    const { torch } = opened.dict;
    const full = torch === undefined ? undefined : readOfficialCheckpoint(torch);
    if (full !== undefined) return fromOfficial(path, full, options);
    return fromBackbone(subjectOfOpened(path, opened, heads));
  } finally {
    opened.close();
  }
}

/**
 * @param name as it was given
 * @param file where the checkpoint is, for errors
 * @param wanted the method of the run that begins; of another method's checkpoint it takes the backbone alone
 */
function fromCheckpoint(
  name: string,
  bytes: Uint8Array,
  file: string,
  config: TrainConfig,
  wanted = DEFAULT_METHOD,
): InitialState {
  const checkpoint = readCheckpoint(bytes, file);
  const isSame = config.method === wanted;
  const { shaping, hasTeacher, label } = methodNamed(config.method);
  const { tensors, metadata } = checkpoint;
  const steps: unknown = JSON.parse(metadata.optimizer_steps ?? '{}');
  const moments = new Map(
    Object.entries(steps ?? {}).map(([parameter, count]) => [
      parameter,
      { slots: new Map<string, Float32Array>(), steps: Number(count) },
    ]),
  );
  for (const [key, tensor] of tensors) {
    const [, slot = '', parameter = ''] = /^optimizer\.([^.]+)\.(.+)$/.exec(key) ?? [];
    moments.get(parameter)?.slots.set(slot, f32(tensor));
  }
  const method = new Map(
    [...tensors].flatMap(([key, tensor]) =>
      isSame && key.startsWith('method.') ? [[key.slice('method.'.length), f32(tensor)] as const] : [],
    ),
  );
  const known: Record<string, unknown> = config;
  const evaluated = new Map(
    [...weightsOfNetwork(checkpoint, evaluatedNetwork(config))].filter(
      ([key]) => isSame || key.startsWith('backbone.'),
    ),
  );
  return {
    name,
    architecture: Object.fromEntries(
      [...backboneOptions, ...(isSame ? shaping : [])]
        .filter((key) => !isForeign(key, config))
        .map((key) => [key, known[key]]),
    ),
    defaults: {
      globalCropsSize: config.globalCropsSize,
      ...(config.evalSize === undefined ? {} : { evalSize: config.evalSize }),
    },
    student: isSame ? weightsOfNetwork(checkpoint, 'student') : evaluated,
    teacher: isSame && hasTeacher ? weightsOfNetwork(checkpoint, 'teacher') : evaluated,
    moments: isSame ? moments : new Map(),
    method,
    epoch: undefined,
    ...(isSame ? {} : { note: trainedBy(label, wanted) }),
  };
}

/** What is told where a run begins with what another method has trained. */
function trainedBy(label: string, wanted: string): string {
  return `It was trained by ${label}: ${methodNamed(wanted).label} begins with its backbone alone.`;
}

function fromOfficial(name: string, full: TrainingCheckpoint, given: TrainOptions): InitialState {
  const { vit, imageSize, head, settings, state } = officialTraining(full, name, given.heads);
  const anew = given.steps !== undefined || given.minutes !== undefined;
  const network = vitOptions(name, vit);
  const { method = DEFAULT_METHOD } = given;
  if (methodNamed(method).readsOfficial !== true) {
    const backbone = new Map([...full.teacher].filter(([key]) => key.startsWith('backbone.')));
    return {
      name,
      architecture: network,
      defaults: { globalCropsSize: imageSize },
      student: backbone,
      teacher: backbone,
      moments: new Map(),
      method: new Map(),
      epoch: undefined,
      note: trainedBy('the official code of DINO', method),
    };
  }
  return {
    name,
    architecture: { ...network, ...head },
    defaults: { globalCropsSize: imageSize, ...(anew ? {} : fittingOptions(settings)) },
    student: full.student,
    teacher: full.teacher,
    moments: full.moments,
    method: state,
    epoch: anew ? undefined : full.epoch,
  };
}

/** Settings by the names of their flags as options, but for those whose values make no sense here. */
function fittingOptions(settings: ReadonlyMap<string, unknown>): TrainOptions {
  const fields = optionFields();
  const entries = [...settings].flatMap(([name, value]) => {
    const key = fromFlag(name);
    const parsed = fields[key]?.safeParse(value);
    return parsed?.success === true ? [[key, parsed.data] as const] : [];
  });
  return Object.fromEntries(entries);
}

function fromBackbone(subject: Subject): InitialState {
  const { name, backbone, channels, preprocessing, choice } = subject;
  const { statistics } = preprocessing;
  const wanted = statisticsFor(channels);
  const isSame = String([statistics.mean, statistics.std]) === String([wanted.mean, wanted.std]);
  const weights = trainableWeights(subject);
  return {
    name,
    architecture: networkOptions(name, backbone),
    defaults: {},
    student: weights,
    teacher: weights,
    moments: new Map(),
    method: new Map(),
    epoch: undefined,
    ...(isSame ? {} : { note: WORKED_IN }),
    ...(choice === undefined ? {} : { choice }),
  };
}

/** What is told of weights that were trained with another mean and deviation than ours. */
const WORKED_IN = 'The mean and deviation of its images are worked into the patch embedding.';

/** Epsilon of the layer norms in training, and the largest for which it makes no difference that matters. */
const [TRAINED_EPS, LARGEST_EPS] = [1e-6, 1e-5];

function networkOptions(name: string, backbone: BackboneConfig): TrainOptions {
  if (backbone.kind === 'convnet') {
    const { widths, blocks, stemStride, heads, stem = 'conv' } = backbone;
    if (stemStride !== 2 && stemStride !== 4 && stemStride !== 8)
      throw new Error(`${name} has a stem of stride ${stemStride}: only 2, 4 and 8 can be trained.`);
    const shape: TrainOptions = {
      widths: [...widths],
      blocks: [...blocks],
      stemStride,
      channels: channelsOf(name, backbone),
    };
    return heads === undefined ? { ...shape, arch: 'convnet' } : { ...shape, arch: 'hybrid', heads, stem };
  }
  if (backbone.kind !== 'vit')
    return { arch: namedArchitecture(name, backbone), channels: channelsOf(name, backbone) };
  const { dim, depth, heads, patchSize, channels, mlpRatio, stem = 'patch', eps = TRAINED_EPS } = backbone;
  const { swiglu = false, layerScale = false, layerScaleInit = LAYER_SCALE, registers = 0 } = backbone;
  if (eps > LARGEST_EPS)
    throw new Error(
      `${name} has layer norms with an epsilon of ${eps}: only those of ${TRAINED_EPS} or nearly can be trained.`,
    );
  const hidden = Math.round(dim * mlpRatio);
  if (swiglu && hidden !== gatedWidth(4 * dim))
    throw new Error(
      `${name} has gated MLPs of ${hidden} for a width of ${dim}: only ${gatedWidth(4 * dim)} can be trained.`,
    );
  return {
    ...vitOptions(name, { dim, depth, heads, patchSize, channels, hidden: swiglu ? 4 * dim : hidden }),
    stem,
    registers,
    ffn: swiglu ? 'swiglu' : 'mlp',
    layerScale: layerScale ? layerScaleInit : 0,
  };
}

/** What layer scales begin with where nothing else is said; those of the file take its place. */
const LAYER_SCALE = 1e-5;

/** The name of a network whose shape is fixed. */
function namedArchitecture(name: string, backbone: BackboneConfig): Architecture {
  const found = architectures.find((arch) => {
    if (isResnet(arch)) return isDeepStrictEqual(resnetConfig(arch, backbone.channels), backbone);
    return isXcit(arch) && isDeepStrictEqual(xcitConfig(arch, backbone.channels), backbone);
  });
  if (found !== undefined) return found;
  throw new Error(
    `${name} holds a network of another shape than can be trained (${describeNetwork(backbone)}): give weights of a ViT, of ${architectures.filter((arch) => isResnet(arch) || isXcit(arch)).join(', ')}, or a run.`,
  );
}

function channelsOf(name: string, { channels }: { readonly channels: number }): 1 | 3 {
  if (channels === 1 || channels === 3) return channels;
  throw new Error(`${name} takes ${counted(channels, 'channel')}: only gray and RGB images can be read.`);
}

function vitOptions(
  name: string,
  vit: Readonly<Record<'dim' | 'depth' | 'heads' | 'patchSize' | 'channels' | 'hidden', number>>,
): TrainOptions {
  const { dim, depth, heads, patchSize, hidden } = vit;
  if (hidden !== 4 * dim)
    throw new Error(
      `${name} has MLPs of ${hidden} for a width of ${dim}: only four times the width can be trained.`,
    );
  return { arch: 'vit', stem: 'patch', dim, depth, heads, patchSize, channels: channelsOf(name, vit) };
}

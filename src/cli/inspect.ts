/**
 * `dino inspect <file>`: what a file of weights holds, which network that is, how images become its input, and everything that does
 * not fit. It shows whatever can be read: what a file leaves open is said to be open, what other commands refuse is listed.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { openFile } from '../files/file-source-node.ts';
import { describeStatistics, describeView } from '../image/preprocessing.ts';
import { methodNamed } from '../method/registry.ts';
import { describeNetwork } from '../model/backbone.ts';
import { counted } from '../numbers/counted.ts';
import { BEST, LAST } from '../run/checkpoint-files.ts';
import { checkSize, usualSize } from '../run/input-size.ts';
import { isRunFolder, openSubject } from '../run/open-subject-node.ts';
import { holdsRun, RunFolder } from '../run/run-folder-node.ts';
import { parseRecord, readRecord, stepsOf } from '../run/run-record.ts';
import { backboneOf } from '../train/build.ts';
import { checkpointRun } from '../train/checkpoint.ts';
import { type FoundNetwork, findNetwork } from '../weights/find-network.ts';
import {
  closedConfig,
  imageSizeOf,
  type OpenConfig,
  type OpenVitConfig,
  shapeOf,
} from '../weights/infer-config.ts';
import { findLinearHead } from '../weights/linear-head.ts';
import { checkClaims } from '../weights/network-config.ts';
import { openWeights } from '../weights/open-weights-node.ts';
import type { StateDict } from '../weights/state-dict.ts';
import { completePreprocessing } from '../weights/stated-preprocessing.ts';
import { examples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { localWeights } from './local-weights.ts';
import { parseFlags, UsageError } from './terminal/flags.ts';
import { helpSwitch, renderHelp } from './terminal/help.ts';

const fields = {
  checkpointKey: z
    .string()
    .describe('which network of a full checkpoint: teacher or student; teacher unless given')
    .meta({ value: 'name' }),
  heads: z.number().int().min(1).describe('attention heads, where the width does not tell (64 a head)'),
};

const help = renderHelp({
  usage: ['dino inspect <file, folder or known name> [flags]'],
  about:
    'Which network a .safetensors, a file of torch.save (.pth, .pt, .bin) or the folder of a model holds. Nothing in it is executed.',
  examples: examples.inspect,
  groups: [
    { title: 'Flags', fields, switches: { json: 'one JSON object on standard output', ...helpSwitch } },
  ],
});

interface Inspected {
  readonly lines: readonly string[];
  /** What `--json` prints. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Whether other commands take it as it is. */
  readonly whole: boolean;
}

interface Keys {
  readonly checkpointKey?: string;
  readonly heads?: number;
}

/** @returns the exit code: 0 if the weights are whole, 1 if something is missing, unexpected, of another shape or refused */
export async function inspect(args: readonly string[]): Promise<number> {
  const { positionals, values, switches } = parseFlags(args, {
    fields,
    words: 1,
    switches: ['json', 'help'],
  });
  if (switches.has('help')) {
    console.log(help);
    return 0;
  }
  const [path] = positionals;
  if (path === undefined) throw new UsageError('Which file? dino inspect <file>');
  const { checkpointKey, heads } = z.object(fields).partial().parse(values);
  const keys: Keys = {
    ...(checkpointKey === undefined ? {} : { checkpointKey }),
    ...(heads === undefined ? {} : { heads }),
  };
  const local = await localWeights(path);
  const { lines, facts, whole } = inspectCheckpoint(path, local, keys) ?? inspectWeights(path, local, keys);
  if (switches.has('json')) console.log(JSON.stringify({ ...facts, whole }));
  else for (const line of lines) console.log(line);
  return whole ? exitCodes.done : exitCodes.error;
}

/** A run folder, or a checkpoint of `dino train`, which says itself what it is; undefined for anything else. */
function inspectCheckpoint(path: string, local: string, keys: Keys): Inspected | undefined {
  const status = statSync(local, { throwIfNoEntry: false });
  const isRun =
    status?.isDirectory() === true &&
    isRunFolder(local) &&
    (holdsRun(local) || existsSync(join(local, LAST)));
  if (status?.isDirectory() === true && !isRun) return undefined;
  if (isRun) return inspectRun(path, local, keys);
  if (local.endsWith('.json')) return undefined; // an index of shards
  return inspectOwn(path, local, keys);
}

/** What a run folder holds; its checkpoint alone tells of the network. @throws Error saying what of the run is damaged or missing */
function inspectRun(path: string, local: string, keys: Keys): Inspected | undefined {
  const folder = RunFolder.at(local);
  if (!folder.has(LAST)) {
    readRecord(RunFolder.open(local));
    throw new Error(
      `${path} is a run folder without a checkpoint (${LAST}): let the run write one, by dino train --resume ${path}.`,
    );
  }
  const found = readOf(path, folder, keys);
  try {
    readRecord(RunFolder.open(local));
    return found;
  } catch (error) {
    return found === undefined ? undefined : withRefusal(found, error);
  }
}

function readOf(path: string, folder: RunFolder, keys: Keys): Inspected | undefined {
  try {
    return inspectOwn(path, folder.file(LAST), keys);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    const best = folder.has(BEST) ? `, or take ${folder.file(BEST)} instead` : '';
    throw new Error(
      `${path} is a run folder whose checkpoint is damaged: restore it from a copy${best} (${cause.replace(/\.$/, '')}).`,
      { cause: error },
    );
  }
}

function withRefusal({ lines, facts }: Inspected, error: unknown): Inspected {
  const reason = error instanceof Error ? error.message : String(error);
  return {
    whole: false,
    facts: { ...facts, refused: [reason] },
    lines: [...lines.slice(0, -1), ...refusedLines([reason]), 'the checkpoint is whole, but the run is not'],
  };
}

/** A checkpoint of `dino train`; undefined for any other file. */
function inspectOwn(path: string, file: string, keys: Keys): Inspected | undefined {
  const source = openFile(file);
  try {
    const own = checkpointRun(source);
    if (own === undefined) return undefined;
    const { backbone, size, channels } = openSubject(file, keys); // reads it whole: it is as it was written
    const record = parseRecord(own.run, path);
    const { config } = record;
    const steps = stepsOf(record);
    const { label, describe, hasTeacher } = methodNamed(config.method);
    return {
      whole: true,
      facts: {
        format: 'dino-ts checkpoint',
        step: own.step,
        steps,
        method: config.method,
        config: backboneOf(config),
      },
      lines: [
        `${path}: checkpoint of dino train, ${own.step} of ${steps} steps done`,
        networkLine(describeNetwork(backbone), {}, size, channels),
        `method: ${label}, ${describe(config)}`,
        `whole: student, ${hasTeacher ? 'teacher, ' : ''}optimizer and what the method keeps, as they were written`,
      ],
    };
  } finally {
    source.close();
  }
}

function inspectWeights(path: string, local: string, keys: Keys): Inspected {
  const opened = openWeights(local);
  try {
    const { dict, file } = opened;
    const { format, tensors } = dict;
    const head = tensors.size <= 10 ? findLinearHead(dict) : undefined;
    if (head !== undefined) {
      const { classes, width } = head;
      const line = `${path}: ${format}, a linear classifier of ${counted(classes, 'class', 'classes')} on features of width ${width}`;
      return { whole: true, facts: { format, linearHead: { classes, width } }, lines: [line] };
    }
    const tuned = fineTunedLine(dict);
    if (isOwnConvnet(dict))
      return {
        whole: false,
        facts: { format, tensors: tensors.size, network: 'convnet' },
        lines: [
          `${path}: ${format}, a convolutional network that dino ${tuned === undefined ? 'export' : 'eval finetune'} wrote; commands take such a network from its run alone: give the run folder.`,
          ...(tuned === undefined ? [] : [tuned]),
        ],
      };
    const refused = new Set<string>();
    const attempt = <T>(of: () => T): T | undefined => {
      try {
        return of();
      } catch (error) {
        refused.add(error instanceof Error ? error.message : String(error));
        return undefined;
      }
    };
    const config = attempt(() => opened.config());
    const known = keys.heads ?? config?.heads;
    const found = attempt(() =>
      findNetwork(dict, {
        name: file,
        ...keys,
        ...(known === undefined ? {} : { heads: known }),
        ...(config === undefined ? {} : { qkvBias: config.qkvBias }),
      }),
    );
    const first = `${path}: ${format}, ${tensors.size} tensors`;
    if (found === undefined) {
      const reasons = [...refused];
      return {
        whole: false,
        facts: { format, tensors: tensors.size, refused: reasons },
        lines: [first, `tensors: ${someTensors(dict)}`, ...refusedLines(reasons)],
      };
    }
    if (config !== undefined) attempt(() => checkClaims(config, shapeOf(found.config), file));
    const imageSize = imageSizeOf(found.config);
    const { channels } = found.config;
    // A file that cannot be understood says nothing of the images, and neither do we.
    const shown = attempt(() => {
      const stated = opened.preprocessing();
      const all = completePreprocessing(usualSize(imageSize), channels === 1 ? 1 : 3, stated);
      attempt(() => checkSize(closedConfig(found.config), all.size, stated?.origin ?? file));
      return { preprocessing: all, origin: stated?.origin };
    });
    const reasons = [...refused];
    const projection = projectionHead(dict, found.prefix);
    const { missing, unexpected, extras, misshapen } = found;
    const isWhole = missing.length + unexpected.length + misshapen.length === 0;
    return {
      whole: isWhole && reasons.length === 0,
      facts: {
        format,
        layout: found.layout.name,
        prefix: found.prefix,
        alternatives: found.alternatives,
        config:
          found.config.kind === 'vit' ? { ...found.config, heads: found.config.heads ?? null } : found.config,
        assumed: found.assumed,
        head: projection,
        preprocessing: shown?.preprocessing,
        ...{ missing, unexpected, extras, misshapen, refused: reasons },
      },
      lines: [
        first,
        ...(opened.choice === undefined ? [] : [`config: ${opened.choice}`]),
        ...(tuned === undefined ? [] : [tuned]),
        ...foundLines(found),
        ...(projection === undefined ? [] : [headLine(projection)]),
        ...(shown === undefined
          ? []
          : [
              `images: ${describeView(shown.preprocessing)}, ${describeStatistics(shown.preprocessing)} (${shown.origin ?? "DINO's own: nothing beside the weights says another"})`,
            ]),
        ...missing.map((name) => `missing: ${name}`),
        ...misshapen.map(
          ({ name, shape, wanted }) => `misshapen: ${name} is ${shape} and should be ${wanted}`,
        ),
        ...unexpected.map((name) => `unexpected: ${name}`),
        ...(extras.length === 0 ? [] : [`not part of the backbone: ${extras.join(', ')}`]),
        ...refusedLines(reasons),
        verdict(isWhole, reasons.length > 0),
      ],
    };
  } finally {
    opened.close();
  }
}

/** A convolutional net that an older version wrote, which did not say of what shape it is. */
function isOwnConvnet({ facts, tensors }: StateDict): boolean {
  return (
    facts.preprocessing !== undefined &&
    facts.backbone === undefined &&
    (tensors.has('bn1.weight') || tensors.has('backbone.bn1.weight'))
  );
}

/** What is said of a network that `dino eval finetune` wrote. */
function fineTunedLine({ facts, tensors }: StateDict): string | undefined {
  const classes = tensors.get('head.weight')?.shape[0];
  const isTuned =
    facts.preprocessing !== undefined && [...tensors.keys()].some((name) => /^backbone\./.test(name));
  return isTuned && classes !== undefined
    ? `fine-tuned on ${classes} classes by dino eval finetune: other commands take its backbone, dino export <run> --classifier finetune takes all of it`
    : undefined;
}

function verdict(isWhole: boolean, isRefused: boolean): string {
  if (!isWhole) return 'not whole: it will not be loaded as it is';
  const whole = 'every tensor of the network is there';
  return isRefused ? `${whole}, but it will not be loaded as long as that is refused` : `whole: ${whole}`;
}

const refusedLines = (reasons: readonly string[]): string[] => reasons.map((reason) => `refused: ${reason}`);

/** The first tensors of a file that holds no network that is known. */
function someTensors({ tensors }: StateDict): string {
  const shown = [...tensors].slice(0, 5).map(([name, { shape }]) => `${name} [${shape.join(', ')}]`);
  const more = tensors.size - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function foundLines({ layout, prefix, alternatives, config, assumed }: FoundNetwork): string[] {
  return [
    `layout: ${layout.name}${prefix === '' ? '' : `, under "${prefix}"`}`,
    ...(alternatives.length === 0
      ? []
      : [`other networks in the file: ${alternatives.join(', ')} (--checkpoint_key)`]),
    networkLine(
      describeOpen(config),
      config.kind === 'vit' ? config : {},
      imageSizeOf(config),
      config.channels,
    ),
    ...(assumed === undefined ? [] : [`taken for granted: ${assumed}`]),
  ];
}

function describeOpen(config: OpenConfig): string {
  if (config.kind !== 'vit' || config.heads !== undefined) return describeNetwork(closedConfig(config));
  const { dim, depth, patchSize } = config;
  return `ViT, width ${dim}, ${counted(depth, 'block')}, attention heads open (the width does not tell: --heads), patches of ${patchSize}`;
}

function networkLine(
  description: string,
  particulars: Pick<OpenVitConfig, 'layerScale' | 'swiglu' | 'registers' | 'maskToken'>,
  size: number,
  channels: number,
): string {
  const { layerScale, swiglu, registers, maskToken } = particulars;
  const more = [
    layerScale === true ? ', layer scale' : '',
    swiglu === true ? ', SwiGLU' : '',
    registers === undefined ? '' : `, ${counted(registers, 'register')}`,
    maskToken === true ? ', a mask token' : '',
  ];
  return `network: ${description}, images of ${size} pixels, ${counted(channels, 'channel')}${more.join('')}`;
}

interface ProjectionHead {
  readonly outDim: number;
  readonly hiddenDim: number;
  readonly bottleneckDim: number;
}

function headLine({ outDim, hiddenDim, bottleneckDim }: ProjectionHead): string {
  return `head: K ${outDim}, hidden ${hiddenDim}, bottleneck ${bottleneckDim}`;
}

/** Sizes of the projection head beside a backbone of a full checkpoint. */
function projectionHead({ tensors }: StateDict, prefix: string): ProjectionHead | undefined {
  const head = prefix.replace(/backbone\.$/, 'head.');
  const last = tensors.get(`${head}last_layer.weight_v`)?.shape;
  const first = tensors.get(`${head}mlp.0.weight`)?.shape ?? tensors.get(`${head}mlp.weight`)?.shape;
  if (head === prefix || last === undefined || first === undefined) return undefined;
  return { outDim: last[0] ?? 0, hiddenDim: first[0] ?? 0, bottleneckDim: last[1] ?? 0 };
}

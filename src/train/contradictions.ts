/** Options that cannot all be meant: found before anything is compiled, each with the flag to change. */

import { checkSingle } from '../method/batch-size.ts';
import type { Coupling } from '../method/method.ts';
import { OptionError } from '../method/option-error.ts';
import { DEFAULT_METHOD, definitions, methodNamed } from '../method/registry.ts';
import { counted } from '../numbers/counted.ts';
import { type Architecture, kindOf, type NetworkKind } from './architectures.ts';
import { batchOf, evalsOf, type TrainConfig, type TrainOptions } from './config.ts';
import type { DeviceChoice } from './device-fields.ts';
import { toFlag } from './option-names.ts';
import { givenSpans } from './option-spans.ts';

/** Options that say something about some networks only, and which. */
const meaningful = {
  patchSize: ['vit'],
  dim: ['vit'],
  depth: ['vit'],
  dropPathRate: ['vit', 'xcit'],
  registers: ['vit'],
  layerScale: ['vit'],
  ffn: ['vit'],
  heads: ['hybrid', 'vit'],
  stem: ['hybrid', 'vit'],
  widths: ['hybrid', 'convnet'],
  blocks: ['hybrid', 'convnet'],
  stemStride: ['hybrid', 'convnet'],
} as const satisfies Partial<Record<keyof TrainOptions, readonly NetworkKind[]>>;
const limited = Object.keys(meaningful) as readonly (keyof typeof meaningful)[];
const shape = ['dim', 'depth', 'heads'] as const;

/** @throws OptionError if two options exclude each other */
export function checkOptions(options: TrainOptions): void {
  for (const [first, second] of givenSpans(options)) {
    if (second !== undefined && first !== undefined) {
      throw new OptionError(
        `--${toFlag(first)} and --${toFlag(second)} contradict each other: give one of them.`,
      );
    }
  }
  checkDevice(options);
  const { evals, bestBy } = evalsOf({ evals: options.evals, bestBy: options.bestBy });
  if (!evals.includes(bestBy)) {
    throw new OptionError(
      `--best_by ${bestBy} is not measured by --evals ${evals.join(' ')}: add it there, or choose the best by ${evals.join(' or ')}.`,
    );
  }
}

/** @throws OptionError where something of an XLA device is asked of another */
export function checkDevice({ device, pjrtPlugin, precision, devices }: DeviceChoice): void {
  if (device !== 'cpu' && device !== 'webgpu') return;
  const given = [
    ...(pjrtPlugin === undefined ? [] : [`--pjrt_plugin ${pjrtPlugin}`]),
    ...(precision === undefined || precision === 'f32' ? [] : [`--precision ${precision}`]),
    ...(devices === undefined || devices === 1 ? [] : [`--devices ${devices}`]),
  ];
  const [first] = given;
  if (first !== undefined)
    throw new OptionError(`--device ${device} and ${first} contradict each other: give one of them.`);
}

/** What decides which options say something. */
type Kind = Pick<TrainConfig, 'arch' | 'method'>;

/** Whether an option says nothing about this network, or to this method. */
export function isForeign(name: string, { arch, method }: Kind): boolean {
  return isForeignToNetwork(name, arch) || isForeignToMethod(name, method);
}

function isForeignToNetwork(name: string, arch: Architecture): boolean {
  const option = limited.find((each) => each === name);
  const kind = kindOf(arch);
  return option !== undefined && !meaningful[option].some((each) => each === kind);
}

/** True for the own options of other methods, and for those of every training that say nothing to this one. */
export function isForeignToMethod(name: string, method: string): boolean {
  const { meaningless } = methodNamed(method);
  const owners = ownersOf(name);
  return meaningless.includes(name) || (owners.length > 0 && !owners.includes(method));
}

/** Methods that have an option of their own by this name. */
export function ownersOf(name: string): string[] {
  return definitions().flatMap((each) => (Object.hasOwn(each.stored.shape, name) ? [each.name] : []));
}

/** Options without those that say nothing about this network or to this method, as a whole config holds them too. */
export function withoutForeign<T>(options: Readonly<Record<string, T>>, kind: Kind): Record<string, T> {
  const isFixed = (name: string): boolean => hasFixedShape(kind.arch) && shape.some((each) => each === name);
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => !isForeign(name, kind) && !isFixed(name)),
  );
}

/** The official sizes. */
function hasFixedShape(arch: Architecture): boolean {
  return kindOf(arch) === 'vit' && arch !== 'vit';
}

/**
 * @param options what the user gave
 * @param config the same, filled in
 * @throws OptionError if an option has no place beside this architecture
 */
export function checkArchitecture(options: TrainOptions, { arch }: TrainConfig): void {
  const foreign = limited.find((name) => options[name] !== undefined && isForeignToNetwork(name, arch));
  if (foreign !== undefined) {
    throw new OptionError(
      `--${toFlag(foreign)} ${options[foreign]} has no meaning for --arch ${arch}${options.arch === undefined ? ', which is chosen if none is given' : ''}: leave it out, or give --arch ${meaningful[foreign].join(' or ')}.`,
    );
  }
  const fixed = shape.find((name) => options[name] !== undefined);
  if (fixed !== undefined && hasFixedShape(arch)) {
    throw new OptionError(
      `--${toFlag(fixed)} ${options[fixed]} contradicts --arch ${arch}, whose shape is fixed: leave it out, or give --arch vit.`,
    );
  }
}

/** @throws OptionError if an option says nothing to the method */
export function checkMethod(options: TrainOptions): void {
  const { method = DEFAULT_METHOD } = options;
  const foreign = Object.keys(options).find(
    (name) => options[name] !== undefined && isForeignToMethod(name, method),
  );
  if (foreign === undefined) return;
  const owners = ownersOf(foreign);
  const wayOut = owners.length === 0 ? '' : `, or give --method ${owners.join(' or ')}`;
  const chosen = options.method === undefined ? ', which is trained if none is given' : '';
  throw new OptionError(
    `--${toFlag(foreign)} ${String(options[foreign])} has no meaning for --method ${method}${chosen}: leave it out${wayOut}.`,
  );
}

/**
 * @param images in the data
 * @param coupling why the method needs the whole batch in one program, if it does
 * @throws OptionError if the data are too few for a batch, or it cannot be split as asked
 */
export function checkBatch(config: TrainConfig, images: number, coupling: Coupling | undefined): void {
  const { batchSizePerGpu: batch, microBatch, ranks = 1 } = config;
  if (ranks > images)
    throw new OptionError(
      `${ranks} ranks cannot share ${counted(images, 'image')}: each needs one of its own in every step, so start ${images} at most, or add images.`,
    );
  if (batchOf(config) > images && ranks > 1) {
    const most = Math.floor(images / ranks);
    throw new OptionError(
      `--batch_size_per_gpu ${batch} for each of ${ranks} ranks is ${batchOf(config)} images in a step, more than the ${images} of the data set: set it to ${most} or less, or add images.`,
    );
  }
  if (batch > images) {
    throw new OptionError(
      `--batch_size_per_gpu ${batch} is larger than the data set of ${counted(images, 'image')}: set it to ${images} or less, or add images.`,
    );
  }
  if (coupling?.single !== undefined) checkSingle(batch, coupling.single, images);
  if (microBatch === undefined || microBatch === batch) return;
  if (coupling !== undefined) {
    throw new OptionError(
      `--micro_batch ${microBatch} cannot be used where images of a batch depend on each other (${coupling.cause}), which needs the whole batch of ${batch} at once: leave it out${coupling.wayOut === undefined ? '' : `, or give ${coupling.wayOut}`}.`,
    );
  }
  if (batch % microBatch !== 0) {
    let near = Math.min(microBatch, batch);
    while (batch % near !== 0) near--;
    throw new OptionError(
      `--micro_batch ${microBatch} does not divide --batch_size_per_gpu ${batch}; ${near} does.`,
    );
  }
}

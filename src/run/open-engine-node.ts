/** Opens what computes: the processor by ONNX Runtime, accelerators by their XLA plugin, or a GPU by WebGPU. */
import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { ortNode } from '../engine/ort-node.ts';
import { openWebGpu } from '../engine/webgpu/dawn-node.ts';
import { type FoundPlugin, findPlugin } from '../engine/xla/find-plugin-node.ts';
import { PjrtClient } from '../engine/xla/pjrt-client-node.ts';
import { preparePlugin } from '../engine/xla/prepare-plugin-node.ts';
import { ProgramCache } from '../engine/xla/program-cache-node.ts';
import { XlaEngine } from '../engine/xla/xla-engine-node.ts';
import { cacheFolder } from '../files/cache-folder-node.ts';
import { OptionError } from '../method/option-error.ts';
import type { DeviceChoice } from '../train/device-fields.ts';

export interface OpenOptions {
  /** Whether this process is one of several that MPI started: they train on processors. */
  readonly isRank?: boolean;
  /** Whether all devices of the machine are taken where none are asked for: a training shares its steps out. */
  readonly takesAll?: boolean;
  /** Told which accelerator was taken. */
  readonly tell?: (text: string) => void;
}

export function tellEngine(engine: Engine, { precision }: DeviceChoice, tell: (text: string) => void): void {
  tell(`Computes on ${engine.name}${precision === undefined ? '' : `, products in ${precision}`}.`);
}

/** Clients by plugin: a plugin is opened once in a process. */
const clients = new Map<string, PjrtClient>();

/**
 * @throws OptionError for options that only an XLA device has; EngineError for a plugin that is not there or does not open, and where
 *   WebGPU finds no GPU
 */
export async function openEngine(
  choice: DeviceChoice,
  { isRank = false, takesAll = false, tell = () => undefined }: OpenOptions = {},
): Promise<Engine> {
  const { device = 'auto', pjrtPlugin, precision } = choice;
  if (device === 'cpu') return ortNode;
  if (isRank && (device === 'xla' || device === 'webgpu' || pjrtPlugin !== undefined))
    throw new OptionError(
      `Ranks that MPI starts train on their processors: leave --device ${device === 'webgpu' ? 'webgpu' : 'xla and --pjrt_plugin'} out, or start ${device === 'webgpu' ? 'one process' : 'them by torchrun or srun --mpi=none, or one process, which takes all XLA devices of its machine'}.`,
    );
  if (isRank) return ortNode;
  if (device === 'webgpu') {
    const engine = await openWebGpu();
    tell(`Computes on ${engine.name}.`);
    return engine;
  }
  const found = findPlugin(pjrtPlugin);
  if (found === undefined) {
    if (device === 'xla')
      throw new OptionError(
        'There is no accelerator with an XLA plugin here: dino devices says what is missing and how to get it; --pjrt_plugin names one that lies elsewhere.',
      );
    requireNoXlaOptions(choice);
    return ortNode;
  }
  const client = clientOf(found, choice.devices);
  const engine = new XlaEngine(client, {
    ...(precision === undefined ? {} : { precision }),
    replicas: choice.devices ?? (takesAll ? client.devices.length : 1),
    ...cacheOf(choice),
  });
  tellEngine(engine, choice, tell);
  return engine;
}

function clientOf(found: FoundPlugin, devices: number | undefined): PjrtClient {
  const known = clients.get(found.file);
  if (known !== undefined) return known;
  // A processor is as many devices as one asks it to be, for tests.
  const parts = found.vendor === 'cpu' && devices !== undefined ? { cpu_device_count: BigInt(devices) } : {};
  const client = new PjrtClient(found.file, { ...preparePlugin(found), ...parts });
  clients.set(found.file, client);
  return client;
}

export function cacheOf({ compileCache }: DeviceChoice): { readonly cache?: ProgramCache } {
  if (compileCache === 'none') return {};
  return { cache: new ProgramCache(compileCache ?? join(cacheFolder(), 'programs')) };
}

/** @throws OptionError where something was asked for that only an XLA device has */
function requireNoXlaOptions({ precision, devices }: DeviceChoice): void {
  const products = precision === undefined || precision === 'f32' ? undefined : `--precision ${precision}`;
  const given = devices === undefined || devices === 1 ? products : `--devices ${devices}`;
  if (given !== undefined)
    throw new OptionError(
      `There is no accelerator with an XLA plugin here, and ${given} is for one: leave it out, or see dino devices.`,
    );
}

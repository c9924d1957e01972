/** `dino devices`: what there is to compute with and how fast it is, and what is missing where a device cannot be used. */
import { cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { ortNode } from '../../engine/ort-node.ts';
import {
  type FoundPlugin,
  findPlugin,
  type ListedPlugin,
  listPlugins,
} from '../../engine/xla/find-plugin-node.ts';
import { stepTime } from '../../run/duration.ts';
import { nodeMachine } from '../../run/machine-node.ts';
import { examples } from '../examples.ts';
import { openImages } from '../open-images.ts';
import { columns } from '../terminal/columns.ts';
import { parseFlags } from '../terminal/flags.ts';
import { commandLines, helpSwitch, renderHelp } from '../terminal/help.ts';
import { progressLine } from '../terminal/progress.ts';
import { asSentence } from '../terminal/sentence.ts';
import { installPlugin } from './install-plugin.ts';
import { productRate, stepMilliseconds } from './measure-device.ts';
import { PUBLIC_INDEX } from './package-index.ts';
import { installables } from './plugin-packages.ts';
import { probePlugin, WEBGPU } from './probe.ts';

const fields = {
  pjrtPlugin: z
    .string()
    .describe('an XLA plugin to try besides those of known names: its file, or a name')
    .meta({ value: 'plugin' }),
  install: z
    .enum(['cuda13', 'tpu', 'cpu'])
    .describe('fetch an XLA plugin for NVIDIA GPUs, for TPUs, or for tests on the CPU, into the cache'),
  index: z
    .string()
    .describe(`where packages are fetched from, as pip takes it [default: ${PUBLIC_INDEX}]`)
    .meta({ value: 'url' }),
};

const help = renderHelp({
  usage: ['dino devices [source] [flags]', 'dino devices --install <plugin>'],
  about:
    'Lists the devices that training can run on, each with its memory and how fast it multiplies matrices; with a source of images also how long a training step of the automatic recipe takes. Plugins are opened in processes of their own. Nothing is fetched unless --install asks for it.',
  examples: examples.devices,
  groups: [
    { title: 'Flags', fields, switches: { json: 'one JSON object on standard output', ...helpSwitch } },
  ],
});

/** A device that can be used. */
interface Device {
  readonly engine: string;
  /** Of a device of XLA: the plugin's name and file. */
  readonly plugin?: string;
  readonly file?: string;
  readonly name: string;
  /** Bytes. */
  readonly memory?: number;
  /** GFLOP/s of products, by precision. */
  readonly gflops: Readonly<Record<string, number>>;
  readonly stepMilliseconds?: number;
}

/** A plugin that cannot be used, or not wholly; or WebGPU. */
interface Unused {
  readonly plugin: string;
  readonly devices: string;
  /** In one sentence. */
  readonly reason: string;
}

/** Side of the matrices on the processor. */
const CPU_SIZE = 1024;

/** @returns the exit code */
export async function devices(args: readonly string[]): Promise<number> {
  const { positionals, values, switches } = parseFlags(args, {
    fields,
    words: 1,
    switches: ['json', 'help'],
  });
  if (switches.has('help')) {
    console.log(help);
    return 0;
  }
  const { pjrtPlugin, install, index = PUBLIC_INDEX } = z.object(fields).partial().parse(values);
  const wanted = installables.find(({ name }) => name === install);
  if (wanted !== undefined) {
    const file = await installPlugin(wanted, index);
    console.log(switches.has('json') ? JSON.stringify({ plugin: wanted.name, file }) : file);
    return 0;
  }
  const [source] = positionals;
  const found = await survey(pjrtPlugin, source === undefined ? undefined : resolve(source));
  if (switches.has('json')) console.log(JSON.stringify(found));
  else for (const line of linesOf(found)) console.log(line);
  return 0;
}

interface Survey {
  readonly devices: readonly Device[];
  readonly unused: readonly Unused[];
}

async function survey(asked: string | undefined, source: string | undefined): Promise<Survey> {
  const given = asked === undefined ? undefined : findPlugin(asked);
  const listed = listPlugins();
  const line = progressLine(process.stderr);
  const [found, unused]: [Device[], Unused[]] = [[], []];
  try {
    line.show('measuring the CPU');
    found.push(await measureCpu(source));
    for (const plugin of listed.filter(
      ({ found: there }) => given === undefined || there?.file !== given.file,
    )) {
      const reason = whyNotTried(plugin);
      if (plugin.found !== undefined && reason === undefined) await tryPlugin(plugin.found, plugin.devices);
      else unused.push({ plugin: plugin.name, devices: plugin.devices, reason: reason ?? '' });
    }
    await tryPlugin(WEBGPU, 'any GPU');
    if (given !== undefined) {
      const known = listed.find(({ name }) => name === given.name)?.devices;
      await tryPlugin({ ...given, file: resolve(given.file) }, known ?? given.file);
    }
  } finally {
    line.end();
  }
  return { devices: found, unused };

  async function tryPlugin(plugin: FoundPlugin, what: string): Promise<void> {
    line.show(`opening ${plugin.name}`);
    const probed = await probePlugin(plugin, {
      source,
      onOpened: () => line.show(`measuring ${plugin.name}`),
    });
    for (const [i, device] of probed.devices.entries())
      found.push({
        ...(plugin === WEBGPU
          ? { engine: 'WebGPU' }
          : { engine: `XLA, ${probed.platform}`, plugin: plugin.name, file: plugin.file }),
        name: device.kind,
        ...(device.memory === undefined ? {} : { memory: device.memory }),
        // One stands for all of a plugin.
        gflops: i === 0 ? probed.rates : {},
        ...(i === 0 && probed.stepMilliseconds !== undefined
          ? { stepMilliseconds: probed.stepMilliseconds }
          : {}),
      });
    if (probed.problem !== undefined)
      unused.push({ plugin: plugin.name, devices: what, reason: asSentence(probed.problem) });
  }
}

/** In one sentence why a plugin is not even opened; undefined where it is. */
function whyNotTried({ found, hasDevice, get, vendor }: ListedPlugin): string | undefined {
  if (found !== undefined && hasDevice) return undefined;
  if (found !== undefined)
    return `Its plugin is there (${found.file}), and no such device is seen; --pjrt_plugin ${found.name} tries it all the same.`;
  const device =
    vendor === 'cpu'
      ? 'No plugin'
      : hasDevice
        ? 'Such a device is there, its plugin is not'
        : 'No such device, no plugin';
  return `${device}. To get it: ${get}.`;
}

async function measureCpu(path: string | undefined): Promise<Device> {
  const { cores } = nodeMachine;
  const model = cpus()[0]?.model.trim() ?? process.arch;
  const step =
    path === undefined
      ? undefined
      : await stepMilliseconds(ortNode, openImages(path, {}, console.error, false));
  return {
    engine: ortNode.name,
    name: `${model}, ${cores} ${cores === 1 ? 'core' : 'cores'}`,
    memory: totalmem(),
    gflops: { f32: await productRate(ortNode, CPU_SIZE) },
    ...(step === undefined ? {} : { stepMilliseconds: step }),
  };
}

const PRECISIONS = ['f32', 'tf32', 'bf16'] as const;

function linesOf({ devices: found, unused }: Survey): string[] {
  const withSteps = found.some((device) => device.stepMilliseconds !== undefined);
  const head = ['engine', 'device', 'memory GiB', ...PRECISIONS.map((name) => `${name} GFLOP/s`)];
  const rows = found.map(({ engine, plugin, name, memory, gflops, stepMilliseconds: step }) => [
    plugin === undefined ? engine : `${engine} (${plugin})`,
    name,
    memory === undefined ? '-' : (memory / 2 ** 30).toFixed(1),
    ...PRECISIONS.map((precision) => rateText(gflops[precision])),
    ...(withSteps ? [step === undefined ? '-' : stepTime(step)] : []),
  ]);
  const out = columns([withSteps ? [...head, 'a step'] : head, ...rows]);
  if (unused.length === 0) return out;
  const rest = unused.map(({ plugin, devices: what, reason }) => [plugin, `${what}: ${reason}`] as const);
  return [...out, '', 'Not used:', commandLines(rest)];
}

function rateText(gflops: number | undefined): string {
  if (gflops === undefined) return '-';
  return gflops < 99.5 ? gflops.toPrecision(2) : gflops.toFixed(0);
}

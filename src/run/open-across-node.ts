/** XLA devices of several machines as one engine: all ranks open theirs at the same time, and find each other through rank 0. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { gathered } from '../collective/messages.ts';
import { TcpRanks } from '../collective/tcp-node.ts';
import type { Engine } from '../engine/engine.ts';
import { type FoundPlugin, findPlugin } from '../engine/xla/find-plugin-node.ts';
import { answerPlugin } from '../engine/xla/key-values-node.ts';
import { type Named, PjrtClient } from '../engine/xla/pjrt-client-node.ts';
import { preparePlugin } from '../engine/xla/prepare-plugin-node.ts';
import { XlaEngine } from '../engine/xla/xla-engine-node.ts';
import { OptionError } from '../method/option-error.ts';
import type { DeviceChoice } from '../train/device-fields.ts';
import { cacheOf, openEngine, tellEngine } from './open-engine-node.ts';
import type { Ranks } from './ranks.ts';

/** A process opens its devices once, whatever it trains with them. */
let opened: PjrtClient | undefined;

/** What a rank would compute with, or why it cannot. */
interface Offer {
  readonly host: string;
  readonly name: string;
  readonly error?: string;
}

/**
 * What a training computes with: the XLA devices of all ranks, where those have met by TCP and rank 0 has any.
 *
 * @param ranks those that take part, if there are others
 * @param alone whether this one is alone for now, as in a dry run
 */
export async function openTrainingEngine(
  choice: DeviceChoice,
  ranks: Ranks | undefined,
  alone = false,
): Promise<Engine> {
  const tell = console.error;
  if (ranks === undefined) return openEngine(choice, { takesAll: true, tell });
  const { collective } = ranks;
  if (!(collective instanceof TcpRanks)) return openEngine(choice, { isRank: true });
  const isXla = choice.device !== 'cpu' && findPlugin(choice.pjrtPlugin) !== undefined;
  // Of several ranks on a machine each has one device.
  if (!isXla || alone) return openEngine(choice, { takesAll: (collective.here ?? 1) === 1, tell });
  const engine = await ranks.openDevices(choice, () => openAcross(choice, collective));
  if (engine === undefined) throw new Error('Rank 0 opened no devices.');
  tellEngine(engine, choice, tell);
  return engine;
}

/**
 * To be called by all ranks.
 *
 * @returns undefined on the others where rank 0 says that some rank cannot
 * @throws OptionError on rank 0 where a rank has no such devices; EngineError for a plugin that does not open
 */
export async function openAcross(choice: DeviceChoice, ranks: TcpRanks): Promise<Engine | undefined> {
  const { found, offer } = ownOffer(choice, ranks);
  const offers = await gathered<Offer>(ranks, offer);
  const problem = differenceOf(offers);
  if (problem !== undefined && ranks.rank === 0) throw new OptionError(problem);
  if (problem !== undefined || found === undefined) return undefined;
  const options = {
    ...preparePlugin(found),
    node_id: BigInt(ranks.rank),
    num_nodes: BigInt(ranks.size),
    ...visibleDevices(found, choice, placeOf(ranks, offers), process.env),
  };
  opened ??= new PjrtClient(found.file, options, await answerPlugin(ranks));
  const client = opened;
  const { precision } = choice;
  return new XlaEngine(client, {
    ...(precision === undefined ? {} : { precision }),
    process: ranks,
    ...cacheOf(choice),
  });
}

function ownOffer(
  { pjrtPlugin, devices = 1 }: DeviceChoice,
  { here = 1 }: TcpRanks,
): { readonly found?: FoundPlugin; readonly offer: Offer } {
  const host = hostname();
  try {
    const found = findPlugin(pjrtPlugin);
    if (found === undefined) throw new Error('There is no accelerator with an XLA plugin.');
    if (!existsSync(found.file)) throw new Error(`There is no plugin at ${found.file}.`);
    if (found.vendor === 'tpu' || found.vendor === 'metal' || found.vendor === 'cpu')
      throw new Error(`The plugin ${found.name} trains on the devices of one process.`);
    if (here > 1 && devices > 1)
      throw new Error(`Each of ${here} ranks on a machine takes one device of it: leave --devices out.`);
    return { found, offer: { host, name: found.name } };
  } catch (error) {
    return { offer: { host, name: '', error: error instanceof Error ? error.message : String(error) } };
  }
}

/** Which of the ranks of its machine one is: as its launcher says, or among those that have the machine's name. */
export function placeOf(
  { rank, local, here }: Pick<TcpRanks, 'rank' | 'local' | 'here'>,
  offers: readonly Pick<Offer, 'host'>[],
): { readonly local: number; readonly here: number } {
  const isHere = ({ host }: Pick<Offer, 'host'>): boolean => host === offers[rank]?.host;
  return {
    local: local ?? offers.slice(0, rank).filter(isHere).length,
    here: here ?? offers.filter(isHere).length,
  };
}

function differenceOf(offers: readonly Offer[]): string | undefined {
  const failing = offers.findIndex(({ error }) => error !== undefined);
  if (failing >= 0)
    return `Rank ${failing} cannot compute on XLA devices: ${offers[failing]?.error} With --device cpu all ranks train on their processors.`;
  const [first] = offers;
  const other = offers.findIndex(({ name }) => name !== first?.name);
  return other < 0
    ? undefined
    : `Rank ${other} would compute by the plugin ${offers[other]?.name}, rank 0 by ${first?.name}: name one that all have by --pjrt_plugin.`;
}

/** Which GPUs of the machine a rank takes: one of its own where there are several ranks, unless the launcher has dealt them out. */
export function visibleDevices(
  { vendor }: Pick<FoundPlugin, 'vendor'>,
  { devices }: Pick<DeviceChoice, 'devices'>,
  { local, here }: { readonly local: number; readonly here: number },
  env: NodeJS.ProcessEnv,
): Readonly<Record<string, Named>> {
  if (vendor !== 'cuda' && vendor !== 'rocm' && vendor !== 'oneapi') return {};
  if (here === 1)
    return devices === undefined ? {} : { visible_devices: Array.from({ length: devices }, (_, i) => i) };
  const { CUDA_VISIBLE_DEVICES: cuda, HIP_VISIBLE_DEVICES: hip, ROCR_VISIBLE_DEVICES: rocr } = env;
  const listed = (cuda ?? hip ?? rocr)?.split(',').length;
  const isDealt = listed !== undefined && listed < here;
  return isDealt ? {} : { visible_devices: [local] };
}

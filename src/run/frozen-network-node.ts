/** The trained network that a method learns from and that stays as it is (`--teacher`), in Node. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { networkFingerprint } from '../features/feature-bank-node.ts';
import { fingerprintOption, frozenOptions } from '../method/definition.ts';
import { OptionError } from '../method/option-error.ts';
import { DEFAULT_METHOD, methodNamed } from '../method/registry.ts';
import type { TrainOptions } from '../train/config.ts';
import { toFlag } from '../train/option-names.ts';
import type { FrozenNetwork } from './frozen-network.ts';
import { openSubject, trainableWeights } from './open-subject-node.ts';
import type { RunRecord } from './run-record.ts';

/**
 * What the options name, if their method needs one.
 *
 * @param locate from what was given to a path: published weights are downloaded
 * @throws OptionError if none is given
 */
export async function openFrozen(
  options: TrainOptions,
  locate: (given: string) => Promise<string>,
): Promise<FrozenNetwork | undefined> {
  const method = options.method ?? DEFAULT_METHOD;
  const { frozen: option } = methodNamed(method);
  if (option === undefined) return undefined;
  const given = options[option];
  if (typeof given !== 'string')
    throw new OptionError(
      `--method ${method} needs a trained network: give --${toFlag(option)} <run folder, file of weights, or name of published ones>.`,
    );
  return read(option, given, await locate(given));
}

/**
 * The same of a run that goes on. A relative path is looked for from here, and then from where the run was started.
 *
 * @param moved where it is now, if it is not where it was
 * @throws Error if it is not the network that the run was started with
 */
export async function openRecordedFrozen(
  { config, source }: RunRecord,
  locate: (given: string) => Promise<string>,
  moved?: string,
): Promise<FrozenNetwork | undefined> {
  const { frozen: option } = methodNamed(config.method);
  if (option === undefined) return undefined;
  const given = moved ?? String(config[option]);
  const there = resolve(source.directory ?? '.', given);
  const found = !existsSync(given) && existsSync(there) ? there : await locate(given);
  if (moved === undefined && !existsSync(found))
    throw new Error(
      `The network that this run learns from is no longer at ${given}: say where it is now, by --${toFlag(option)} <path>.`,
    );
  const network = read(option, given, found);
  const fingerprint = fingerprintOption(option);
  if (network.options[fingerprint] !== config[fingerprint])
    throw new Error(
      `${given} holds other weights than the ones the run was started with: put those back to go on with it, or start a new run.`,
    );
  return network;
}

function read(option: string, name: string, path: string): FrozenNetwork {
  const subject = openSubject(path);
  const { backbone: network, trained, choice } = subject;
  return {
    name,
    ...(choice === undefined ? {} : { choice }),
    weights: trainableWeights(subject),
    options: frozenOptions(option, { network, fingerprint: networkFingerprint(trained) }),
  };
}

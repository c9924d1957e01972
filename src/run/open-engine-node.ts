/** Opens what computes: the processor by ONNX Runtime, or an accelerator by its XLA plugin. */
import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { ortNode } from '../engine/ort-node.ts';
import { findPlugin } from '../engine/xla/find-plugin-node.ts';
import { openPlugin } from '../engine/xla/prepare-plugin-node.ts';
import { ProgramCache } from '../engine/xla/program-cache-node.ts';
import { XlaEngine } from '../engine/xla/xla-engine-node.ts';
import { cacheFolder } from '../files/cache-folder-node.ts';
import { OptionError } from '../method/option-error.ts';
import type { DeviceChoice } from '../train/device-fields.ts';

/** Plugins cannot be opened twice in one process. */
const opened = new Map<string, XlaEngine>();

/**
 * @param tell is told which accelerator was taken
 * @throws OptionError for options that only an XLA device has; EngineError for a plugin that is not there or does not open
 */
export function openEngine(choice: DeviceChoice, tell: (text: string) => void = () => undefined): Engine {
  const { device = 'auto', pjrtPlugin, precision } = choice;
  if (device === 'cpu') {
    requireNoXlaOptions(choice, '--device cpu takes the processor');
    return ortNode;
  }
  const isXlaAsked = device === 'xla' || pjrtPlugin !== undefined;
  const found = findPlugin(pjrtPlugin);
  if (found === undefined) {
    if (isXlaAsked)
      throw new OptionError(
        'There is no accelerator with an XLA plugin here: dino devices says what is missing and how to get it; --pjrt_plugin names one that lies elsewhere.',
      );
    requireNoXlaOptions(choice, 'There is no accelerator with an XLA plugin here');
    return ortNode;
  }
  const key = JSON.stringify([found.file, precision, choice.compileCache]);
  const known = opened.get(key);
  if (known !== undefined) return known;
  const cache = programCache(choice);
  const engine = new XlaEngine(openPlugin(found), {
    ...(precision === undefined ? {} : { precision }),
    ...(cache === undefined ? {} : { cache }),
  });
  opened.set(key, engine);
  tell(`Computes on ${engine.name}${precision === undefined ? '' : `, products in ${precision}`}.`);
  return engine;
}

function programCache({ compileCache }: DeviceChoice): ProgramCache | undefined {
  if (compileCache === 'none') return undefined;
  return new ProgramCache(compileCache ?? join(cacheFolder(), 'programs'));
}

/** @throws OptionError where an option was given that does nothing on the processor */
function requireNoXlaOptions({ precision, pjrtPlugin }: DeviceChoice, what: string): void {
  const products = precision === undefined || precision === 'f32' ? undefined : `--precision ${precision}`;
  const given = pjrtPlugin === undefined ? products : '--pjrt_plugin';
  if (given !== undefined)
    throw new OptionError(`${what}, and ${given} is for XLA devices: leave it out, or give --device xla.`);
}

/** The XLA plugin that tests run on, where there is one: `DINO_PJRT_PLUGIN` names its file (docs/devices.md builds one for the CPU). */
import { openXla, type XlaEngine } from '../../src/engine/xla/xla-engine-node.ts';

export const pluginFile = process.env.DINO_PJRT_PLUGIN;

let opened: XlaEngine | undefined;

/** One engine a process, or none. */
export function engineOfPlugin(): readonly XlaEngine[] {
  if (pluginFile === undefined) return [];
  opened ??= openXla(pluginFile);
  return [opened];
}

/** The images of a run again, where its record says they were, in Node. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { openSource } from '../data/open-source-node.ts';
import { scenesSource } from '../data/scenes-source.ts';
import type { Source } from '../data/source.ts';
import { levelsOf } from '../train/levels-field.ts';
import type { RunRecord } from './run-record.ts';

/**
 * Opens the images a run was started with, or the ones at another path. A relative path is looked for from here, and then
 * from where the run was started.
 *
 * @throws Error if there is nothing there
 */
export function openRecorded({ source, config }: RunRecord, path?: string): Source {
  if (path === undefined && source.scenes !== undefined) {
    return scenesSource({ ...source.scenes, channels: config.channels });
  }
  const here = path ?? source.path;
  const there = resolve(source.directory ?? '.', here);
  const moved = path === undefined && !existsSync(here) && existsSync(there);
  return openSource(moved ? there : here, {
    channels: config.channels,
    levels: levelsOf(config.levels),
    labels: source.classes.length === 0 ? 'none' : 'folders', // as it was at the start, whatever a later version makes of names
  });
}

/** The images of a run again, where its record says they were, in Node. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { openSource } from '../data/open-source-node.ts';
import { scenesSource } from '../data/scenes-source.ts';
import type { Source } from '../data/source.ts';
import { levelsOf } from '../train/levels-field.ts';
import type { SourceRequest } from './ranks.ts';
import type { RunRecord } from './run-record.ts';

/** Where the images of a run are: from here, or from where it was started; undefined where they are no longer there. */
export function recordedPath({ source }: Pick<RunRecord, 'source'>): string | undefined {
  return [source.path, resolve(source.directory ?? '.', source.path)].find((path) => existsSync(path));
}

/**
 * Opens the images a run was started with, or the ones at another path. A relative path is looked for from here, and then
 * from where the run was started.
 *
 * @throws Error if there is nothing there
 */
export function openRecorded(record: RunRecord, path?: string): Source {
  return openRequested(recordedRequest(record, path));
}

/** The images of a run, in plain data. */
export function recordedRequest({ source, config }: RunRecord, path?: string): SourceRequest {
  return {
    path: path ?? recordedPath({ source }) ?? source.path,
    ...(path === undefined ? { scenes: source.scenes } : {}),
    channels: config.channels,
    levels: levelsOf(config.levels),
    labels: source.classes.length === 0 ? 'none' : 'folders', // as it was at the start, whatever a later version makes of names
  };
}

/** @throws Error if there is nothing at its path */
export function openRequested({ path, scenes, ...options }: SourceRequest): Source {
  const { channels = 3 } = options;
  return scenes === undefined ? openSource(path, options) : scenesSource({ ...scenes, channels });
}

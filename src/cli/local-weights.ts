/** From what a command was given to a path: what is there already, or published weights by name, downloaded to a cache. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../files/cache-folder-node.ts';
import { fetchRepository } from '../weights/hub-repository-node.ts';
import { knownWeights, officialNames, publicHosts, type RemoteFile } from '../weights/known-weights.ts';
import { downloadShown } from './terminal/download-shown.ts';
import { editDistance } from './terminal/nearest-name.ts';
import { progressLine } from './terminal/progress.ts';

/**
 * A path that is there stays as it is; a known name (`dino_vits16`, `facebook/dino-vits16`) is downloaded once. No server is
 * asked for what reads as a path: `./...`, `runs/...`, a file of weights, anything in a folder that is there.
 *
 * @returns the path of a run folder, or of a file or folder of weights
 * @throws Error if the download fails
 */
export async function localWeights(given: string): Promise<string> {
  if (existsSync(given)) return given;
  const { DINO_OFFICIAL_URL = publicHosts.official, DINO_HUB_URL = publicHosts.hub } = process.env;
  const isPath = given.includes('/') && existsSync(dirname(given));
  const known = isPath ? undefined : knownWeights(given, { official: DINO_OFFICIAL_URL, hub: DINO_HUB_URL });
  if (known === undefined) {
    if (!given.startsWith('dino_')) return given; // whoever opens it says what is wrong with the path
    const [near] = [...officialNames].sort((a, b) => editDistance(a, given) - editDistance(b, given));
    throw new Error(
      `There is nothing at ${given}, and no published weights have that name; ${near} is near.`,
    );
  }
  const line = progressLine(process.stderr);
  const fetchInto = (folder: string, { url, name }: RemoteFile): Promise<void> =>
    downloadShown(url, join(folder, name), line);
  try {
    if (known.kind === 'file') {
      const folder = join(cacheFolder(), 'official');
      await fetchInto(folder, known.file);
      return join(folder, known.file.name);
    }
    const folder = join(cacheFolder(), 'hub', given);
    await fetchRepository(folder, (name) => fetchInto(folder, known.file(name)));
    return folder;
  } catch (error) {
    if (known.kind === 'file' || !(error instanceof Error)) throw error;
    throw new Error(`There is nothing at ${given} here, and as a name of the Hub: ${error.message}`, {
      cause: error,
    });
  } finally {
    line.end();
  }
}

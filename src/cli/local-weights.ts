/** From what a command was given to a path: what is there already, or published weights by name, downloaded to a cache. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { download } from '../weights/download-node.ts';
import { knownWeights, officialNames, publicHosts } from '../weights/known-weights.ts';
import { editDistance } from './flags.ts';
import { progressLine } from './progress.ts';

/** `DINO_CACHE`, or the platform's folder for caches. */
export function cacheFolder(): string {
  const { DINO_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (DINO_CACHE !== undefined && DINO_CACHE !== '') return DINO_CACHE;
  if (process.platform === 'win32' && LOCALAPPDATA !== undefined) return join(LOCALAPPDATA, 'dino-ts');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'dino-ts');
  return join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dino-ts');
}

/**
 * A path that is there stays as it is; a known name (`dino_vits16`, `facebook/dino-vits16`) is downloaded once.
 *
 * @returns the path of a run folder, a file of weights or a folder of a Hugging Face model
 * @throws Error if the download fails
 */
export async function localWeights(given: string): Promise<string> {
  if (existsSync(given)) return given;
  const { DINO_OFFICIAL_URL = publicHosts.official, DINO_HUB_URL = publicHosts.hub } = process.env;
  const known = knownWeights(given, { official: DINO_OFFICIAL_URL, hub: DINO_HUB_URL });
  if (known === undefined) {
    if (!given.startsWith('dino_')) return given; // whoever opens it says what is wrong with the path
    const [near] = [...officialNames].sort((a, b) => editDistance(a, given) - editDistance(b, given));
    throw new Error(
      `There is nothing at ${given}, and no published weights have that name; ${near} is near.`,
    );
  }
  const folder = join(cacheFolder(), known.open === '' ? `hub/${given}` : 'official');
  const line = progressLine(process.stderr);
  for (const { url, name } of known.files) {
    const started = performance.now();
    let first: number | undefined;
    await download(url, join(folder, name), {
      onProgress: (done, total) => {
        first ??= done;
        const rate = (done - first) / 1e3 / (performance.now() - started);
        const size = total === undefined ? '' : ` of ${(total / 1e6).toFixed(0)}`;
        line.show(`${name}: ${(done / 1e6).toFixed(0)}${size} MB, ${rate.toFixed(1)} MB/s`);
      },
    });
  }
  line.end();
  return join(folder, known.open);
}

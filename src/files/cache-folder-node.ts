/** Where files are kept that were fetched once: published weights, XLA plugins. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** `DINO_CACHE`, or the platform's folder for caches. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const { DINO_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = env;
  if (DINO_CACHE !== undefined && DINO_CACHE !== '') return DINO_CACHE;
  if (process.platform === 'win32' && LOCALAPPDATA !== undefined) return join(LOCALAPPDATA, 'dino-ts');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'dino-ts');
  return join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dino-ts');
}

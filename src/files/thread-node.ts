/** Threads, from the sources as from the built package. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { type TransferListItem, Worker } from 'node:worker_threads';

/** Sources run through tsx, the built package as it is. */
const isSource = import.meta.url.endsWith('.ts');

/** The module of a thread, without its ending, beside the module that starts it. */
export function threadEntry(path: string, beside: string): URL {
  return new URL(`${path}${isSource ? '.ts' : '.js'}`, beside);
}

/**
 * Starts a thread. From source it first registers tsx by a call: Node 20 does not run the hooks of an `--import tsx` in
 * threads other than the main one.
 */
export function startThread(
  entry: URL,
  workerData: unknown,
  name: string,
  transferList: TransferListItem[] = [],
): Worker {
  if (!isSource) return new Worker(entry, { workerData, name, transferList });
  // `require` finds the CommonJS twin, whose `register` looks for its hooks in the wrong folder (tsx 4.23).
  const tsx = pathToFileURL(
    createRequire(import.meta.url)
      .resolve('tsx/esm/api')
      .replace(/\.cjs$/, '.mjs'),
  );
  const code = `import('${tsx}').then(({ register }) => { register(); return import('${entry}'); });`;
  return new Worker(code, { eval: true, execArgv: [], workerData, name, transferList });
}

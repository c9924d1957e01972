/**
 * The files of a model of the Hugging Face Hub in the cache: `config.json`, how images become the input, and the weights in the
 * first form that the repository has. What was found is kept in a list, so that a repository that is there needs no network.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { NotThereError } from './download-node.ts';

/** Fetches a file of the repository into the folder by its name. @throws NotThereError if it has no such file */
export type FetchFile = (name: string) => Promise<void>;

const CONFIG = 'config.json';
const OPTIONAL = ['preprocessor_config.json'];
/** Forms of weights, the best first. */
const FORMS = ['model.safetensors', 'pytorch_model.bin'];
const LIST = 'repository.json';

const listSchema = z.array(z.string()).min(1);
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Fetches a model unless it is there.
 *
 * @param folder where its files are to lie
 * @throws Error if there is no such repository, it holds no weights that can be read, or a download fails
 */
export async function fetchRepository(folder: string, fetchFile: FetchFile): Promise<void> {
  const known = readList(join(folder, LIST));
  if (known !== undefined) {
    for (const name of known) await fetchFile(name);
    return;
  }
  await fetchFile(CONFIG);
  const optional: string[] = [];
  for (const name of OPTIONAL) if (await isThere(fetchFile, name)) optional.push(name);
  const weights = await fetchWeights(folder, fetchFile);
  writeFileSync(join(folder, LIST), `${JSON.stringify([CONFIG, ...optional, ...weights])}\n`);
}

async function fetchWeights(folder: string, fetchFile: FetchFile): Promise<string[]> {
  for (const name of FORMS) {
    if (await isThere(fetchFile, name)) return [name];
    const index = `${name}.index.json`;
    if (!(await isThere(fetchFile, index))) continue;
    const shards = shardsOf(join(folder, index));
    for (const shard of shards) await fetchFile(shard);
    return [index, ...shards];
  }
  throw new Error(`The repository holds no weights that can be read (${FORMS.join(', ')}): choose another.`);
}

function shardsOf(index: string): string[] {
  const parsed = indexSchema.safeParse(JSON.parse(readFileSync(index, 'utf8'))).data;
  const names = [...new Set(Object.values(parsed?.weight_map ?? {}))];
  if (names.length > 0 && names.every((name) => /^[\w.-]+$/.test(name) && !name.startsWith('.')))
    return names;
  throw new Error(`${index} is no index of shards: download the weights by other means.`);
}

async function isThere(fetchFile: FetchFile, name: string): Promise<boolean> {
  try {
    await fetchFile(name);
    return true;
  } catch (error) {
    if (error instanceof NotThereError) return false;
    throw error;
  }
}

function readList(path: string): string[] | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return listSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined; // cut off while it was written: as if it were not there
  }
}

/** Compiled programs in a folder, so that a second start of the same program does not compile again. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PjrtClient, PjrtExecutable, Places } from './pjrt-client-node.ts';

export class ProgramCache {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The program from the folder, or compiled and kept there. */
  async program(client: PjrtClient, text: string, options: Places = {}): Promise<PjrtExecutable> {
    const file = join(this.folder, `${keyOf(client, text, options)}.pjrt`);
    const kept = this.#read(client, file);
    if (kept !== undefined) return kept;
    const executable = await client.compile(text, options);
    this.#keep(client, executable, file);
    return executable;
  }

  #read(client: PjrtClient, file: string): PjrtExecutable | undefined {
    if (!client.library.has('Executable_DeserializeAndLoad')) return undefined;
    try {
      return client.load(readFileSync(file));
    } catch {
      return undefined; // not there, or damaged: compile it
    }
  }

  /** Where it cannot be kept, it is compiled again the next time. */
  #keep(client: PjrtClient, executable: PjrtExecutable, file: string): void {
    try {
      const bytes = client.serialize(executable);
      if (bytes === undefined) return;
      mkdirSync(this.folder, { recursive: true });
      const unfinished = `${file}.${process.pid}`;
      writeFileSync(unfinished, bytes);
      renameSync(unfinished, file);
    } catch {
      return;
    }
  }
}

/** Programs are for one version of one plugin on one kind of device. */
function keyOf(client: PjrtClient, text: string, { replicas = 1, ids = [] }: Places): string {
  const { library, platform, platformVersion, devices } = client;
  const hash = createHash('sha256');
  for (const part of [
    ...library.version,
    platform,
    platformVersion,
    devices[0]?.kind ?? '',
    replicas,
    ...ids,
    text,
  ])
    hash.update(`${part}\0`);
  return hash.digest('hex').slice(0, 32);
}

/** Unpacks files of a wheel, which is a zip archive: piece by piece, as one of them may be larger than what memory is free. */
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { openFile } from '../../files/file-source-node.ts';
import { makeFolder } from '../../files/make-folder-node.ts';
import { readZipDirectory, zipDataOffset } from '../../format/zip.ts';

const [STORED, DEFLATED] = [0, 8];

/** @throws Error if the archive is damaged, or there is no room for a file */
export async function unpackWheel(
  wheel: string,
  folder: string,
  isWanted: (path: string) => boolean,
): Promise<void> {
  const source = openFile(wheel);
  try {
    for (const record of readZipDirectory(source)) {
      const path = new TextDecoder().decode(record.name);
      if (path.endsWith('/') || !isWanted(path)) continue;
      const isWithin = !/^([/\\]|[a-z]:)/i.test(path) && !normalize(path).startsWith('..');
      if (!isWithin || record.isEncrypted || (record.method !== STORED && record.method !== DEFLATED))
        throw new Error(`${wheel}: the entry ${path} is of no kind that wheels have: fetch it again.`);
      const target = join(folder, path);
      makeFolder(dirname(target));
      const start = zipDataOffset(source, record);
      const stored =
        record.stored === 0
          ? Readable.from([])
          : createReadStream(wheel, { start, end: start + record.stored - 1 });
      const file = createWriteStream(target, { mode: (record.unixMode & 0o111) === 0 ? 0o644 : 0o755 });
      await (record.method === STORED
        ? pipeline(stored, file)
        : pipeline(stored, createInflateRaw(), file)
      ).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(
          `${target} could not be unpacked (${reason}): make room, or set DINO_CACHE to another folder.`,
        );
      });
      if (statSync(target).size !== record.size)
        throw new Error(`${wheel}: the entry ${path} has another size than it says: fetch it again.`);
    }
  } finally {
    source.close();
  }
}

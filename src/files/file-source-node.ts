/** A file of weights as a source of bytes, read where it is wanted. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type ByteSource, checkRange } from '../format/byte-source.ts';
import { refuseForeign } from '../format/foreign-content.ts';
import { hasCode } from './system-node.ts';

export interface FileSource extends ByteSource {
  close(): void;
}

/** @throws Error if there is no such file, it is a folder, or something else than weights lies there (a web page, a pointer) */
export function openFile(path: string): FileSource {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw new Error(
      hasCode(error, 'ENOENT')
        ? `There is no file at ${path}: give the path of one that is there.`
        : `${path} cannot be opened (${error instanceof Error ? error.message : error}): give a file that can be read.`,
    );
  }
  const status = fstatSync(descriptor);
  if (!status.isFile()) {
    closeSync(descriptor);
    throw new Error(`${path} is not a file: give the file of weights itself.`);
  }
  const { size } = status;
  const source: FileSource = {
    name: path,
    size,
    copies: true,
    read(offset, length) {
      checkRange(path, size, offset, length);
      // Memory of its own that nobody has to fill with zeros first.
      const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
      for (let at = 0; at < length; ) {
        const count = readSync(descriptor, bytes, at, length - at, offset + at);
        if (count === 0) throw new Error(`${path} became shorter while it was read.`);
        at += count;
      }
      return bytes;
    },
    close: () => closeSync(descriptor),
  };
  try {
    refuseForeign(source);
  } catch (error) {
    source.close();
    throw error;
  }
  return source;
}

/**
 * The directory of a zip archive, zip64 included (PKWARE APPNOTE 6.3.9, sections 4.3 and 4.5.3): `readZip` for those with stored
 * (uncompressed) entries that `torch.save` writes, `readZipDirectory` for any. Sizes come from the central directory, since the
 * local headers may hold none.
 */
import type { ByteSource } from './byte-source.ts';

export interface ZipEntry {
  readonly path: string;
  /** Where the data lie in the file, bytes. */
  readonly offset: number;
  readonly size: number;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const LONGEST_COMMENT = 65535;
const MOST_ENTRIES = 10_000_000;
/** The system that wrote an entry. */
const UNIX = 3;

/** True for a file that begins as zip archives do. */
export function isZip(source: ByteSource): boolean {
  if (source.size < 4) return false;
  const start = source.read(0, 4);
  return start[0] === 0x50 && start[1] === 0x4b && (start[2] === 3 || start[2] === 5);
}

/** An entry as the directory lists it. */
export interface ZipRecord {
  /** The path, in the encoding of whoever wrote it. */
  readonly name: Uint8Array;
  readonly isEncrypted: boolean;
  /** 0 = stored, 8 = deflate. */
  readonly method: number;
  /** Bytes in the file. */
  readonly stored: number;
  /** Bytes when unpacked. */
  readonly size: number;
  /** Where the entry's own header lies; see `zipDataOffset`. */
  readonly header: number;
  /** File type and permissions as `stat` tells them; 0 where the archive was not written on Unix. */
  readonly unixMode: number;
}

/**
 * @returns entries by path
 * @throws Error if the archive is damaged, or an entry is compressed or encrypted
 */
export function readZip(source: ByteSource): Map<string, ZipEntry> {
  const { name } = source;
  const entries = new Map<string, ZipEntry>();
  for (const record of readZipDirectory(source)) {
    const path = new TextDecoder().decode(record.name);
    if (record.isEncrypted) throw damaged(name, `its entry ${path} is encrypted`);
    if (record.method !== 0 || record.stored !== record.size) {
      throw new Error(`${name}: the entry ${path} is compressed, which torch.save never does: save it anew.`);
    }
    if (entries.has(path)) throw damaged(name, `it has two entries named ${path}`);
    const entry = { path, offset: zipDataOffset(source, record), size: record.size };
    if (entry.offset + entry.size > source.size)
      throw damaged(name, `its entry ${path} reaches past the end`);
    entries.set(path, entry);
  }
  return entries;
}

/** All entries, in the order of the directory. @throws Error if it is damaged */
export function readZipDirectory(source: ByteSource): ZipRecord[] {
  const { name } = source;
  const { start, size, count } = findDirectory(source);
  if (count > MOST_ENTRIES || count * 46 > size) throw damaged(name, `${count} entries do not fit`);
  const bytes = source.read(start, size);
  const view = viewOf(bytes);
  const records: ZipRecord[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > size || view.getUint32(at, true) !== CENTRAL)
      throw damaged(name, 'its directory ends early');
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) =>
      view.getUint16(at + field, true),
    ) as [number, number, number];
    if (at + 46 + nameLength + extraLength + commentLength > size)
      throw damaged(name, 'its directory ends early');
    const fields = {
      stored: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      header: view.getUint32(at + 42, true),
    };
    widen(viewOf(bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength)), fields);
    records.push({
      name: bytes.subarray(at + 46, at + 46 + nameLength),
      isEncrypted: (view.getUint16(at + 8, true) & 1) !== 0,
      method: view.getUint16(at + 10, true),
      unixMode: bytes[at + 5] === UNIX ? view.getUint16(at + 40, true) : 0,
      ...fields,
    });
    at += 46 + nameLength + extraLength + commentLength;
  }
  return records;
}

/** The extra field of zip64 replaces, in order, the sizes that are all ones. */
function widen(extra: DataView, fields: { stored: number; size: number; header: number }): void {
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) === 1) {
      let field = at + 4;
      const end = Math.min(extra.byteLength, at + 4 + length);
      for (const key of ['size', 'stored', 'header'] as const) {
        if (fields[key] !== 0xffffffff || field + 8 > end) continue;
        fields[key] = Number(extra.getBigUint64(field, true));
        field += 8;
      }
    }
    at += 4 + length;
  }
}

/** Where an entry's data begin, by its own header. @throws Error if there is none */
export function zipDataOffset(source: ByteSource, { header, name }: ZipRecord): number {
  const view = viewOf(source.read(header, 30));
  if (view.getUint32(0, true) !== LOCAL)
    throw damaged(source.name, `its entry ${new TextDecoder().decode(name)} has no header`);
  return header + 30 + view.getUint16(26, true) + view.getUint16(28, true);
}

function findDirectory(source: ByteSource): { start: number; size: number; count: number } {
  const length = Math.min(source.size, LONGEST_COMMENT + 22);
  const base = source.size - length;
  const view = viewOf(source.read(base, length));
  for (let at = length - 22; at >= 0; at--) {
    if (view.getUint32(at, true) !== END) continue;
    const end = {
      count: view.getUint16(at + 10, true),
      size: view.getUint32(at + 12, true),
      start: view.getUint32(at + 16, true),
    };
    const locator = at - 20;
    if (locator < 0 || view.getUint32(locator, true) !== LOCATOR64) return end;
    const end64 = viewOf(source.read(Number(view.getBigUint64(locator + 8, true)), 56));
    if (end64.getUint32(0, true) !== END64) throw damaged(source.name, 'its zip64 end is missing');
    return {
      count: Number(end64.getBigUint64(32, true)),
      size: Number(end64.getBigUint64(40, true)),
      start: Number(end64.getBigUint64(48, true)),
    };
  }
  throw damaged(source.name, 'its directory is missing');
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function damaged(name: string, what: string): Error {
  return new Error(`${name}: the archive is damaged (${what}); was it copied completely?`);
}

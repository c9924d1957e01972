/**
 * The index of a tar archive: one pass over the headers (POSIX.1-2001 "ustar" and pax, and GNU's long names), after
 * which every member is read by its position. Stream-oriented tar libraries read all the data on the way and keep no
 * offsets, which is why this is written out here. It is strict: a bad checksum, a member that runs past the end of the
 * file or a missing end mark is an error, for a half-copied archive must not pass as a smaller data set.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { nameText } from './file-name.ts';
import { shellWord } from './shell-word.ts';

export interface TarMember {
  /** Without `./` at its beginning. */
  readonly path: string;
  /** Where the data begin, in bytes from the start of the archive. */
  readonly offset: number;
  readonly size: number;
  /** Of a link, the path it leads to: of a symbolic one from its folder, of a hard one from the archive's root. */
  readonly link?: { readonly kind: 'hard' | 'symbolic'; readonly target: string };
}

const BLOCK = 512;
/** Headers are read in pieces of this size: neighbors in an archive of small files come along for free. */
const WINDOW = 16384;

/** Positioned reads with a little read-ahead. */
class Window {
  readonly #descriptor: number;
  readonly #bytes = new Uint8Array(WINDOW);
  #start = 0;
  #length = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** The 512 bytes at `position`, valid until the next call; shorter at the end of the file. */
  block(position: number): Uint8Array {
    if (position < this.#start || position + BLOCK > this.#start + this.#length) {
      this.#start = position;
      this.#length = readSync(this.#descriptor, this.#bytes, 0, WINDOW, position);
    }
    const from = position - this.#start;
    return this.#bytes.subarray(from, Math.min(from + BLOCK, this.#length));
  }
}

const decoder = new TextDecoder();

function textField(bytes: Uint8Array, from: number, length: number): string {
  let end = from;
  while (end < from + length && bytes[end] !== 0) end++;
  return nameText(bytes.subarray(from, end));
}

/** A number field: octal digits, or big-endian binary when the first bit is set (GNU, for sizes of 8 GB and more). */
function numberField(bytes: Uint8Array, from: number, length: number): number {
  if ((bytes[from]! & 0x80) !== 0) {
    let value = bytes[from]! & 0x7f;
    for (let i = from + 1; i < from + length; i++) value = value * 256 + bytes[i]!;
    return value;
  }
  // By hand: a decoder call for every number of 50,000 headers would be a quarter of the time.
  let at = from;
  let value = 0;
  while (at < from + length && bytes[at] === 32) at++;
  for (; at < from + length && bytes[at]! >= 48 && bytes[at]! < 56; at++) value = value * 8 + bytes[at]! - 48;
  const ended = at === from + length || bytes[at] === 0 || bytes[at] === 32;
  return ended ? value : Number.NaN;
}

function checksumHolds(header: Uint8Array): boolean {
  // The checksum's own eight bytes count as spaces.
  let sum = 8 * 32;
  for (let i = 0; i < 148; i++) sum += header[i]!;
  for (let i = 156; i < BLOCK; i++) sum += header[i]!;
  return sum === numberField(header, 148, 8);
}

/** The records of a pax header, `length key=value\n` each; undefined when they are malformed. */
function paxRecords(bytes: Uint8Array): Map<string, string> | undefined {
  const records = new Map<string, string>();
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(decoder.decode(bytes.subarray(at, space)));
    if (!Number.isInteger(length) || length < 5 || at + length > bytes.length) return undefined;
    const record = nameText(bytes.subarray(space + 1, at + length - 1));
    const equals = record.indexOf('=');
    if (equals < 0) return undefined;
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

/**
 * The files and links of an archive, in its order; several of one name may be among them. Devices and directories are left out.
 *
 * @throws if the file is cut off or is not a tar archive
 */
export function indexTar(file: string): TarMember[] {
  const descriptor = openSync(file, 'r');
  try {
    return readIndex(file, descriptor, fstatSync(descriptor).size);
  } finally {
    closeSync(descriptor);
  }
}

function readIndex(file: string, descriptor: number, fileSize: number): TarMember[] {
  const window = new Window(descriptor);
  const members: TarMember[] = [];
  const cutOff = (what: string): Error =>
    new Error(`The archive ${file} is cut off ${what}: copy or download it again.`);
  /** The data of an extension header, such as a long name. */
  const extension = (offset: number, size: number): Uint8Array => {
    if (size > 1 << 20)
      throw new Error(`The archive ${file} has a header of ${size} bytes at ${offset}: it is damaged.`);
    const bytes = new Uint8Array(size);
    if (readSync(descriptor, bytes, 0, size, offset) < size) throw cutOff(`in the header at byte ${offset}`);
    return bytes;
  };
  let longName: string | undefined;
  let longTarget: string | undefined;
  let extended = new Map<string, string>();
  let position = 0;
  for (;;) {
    const header = window.block(position);
    if (header.length < BLOCK) {
      throw cutOff(
        members.length === 0 ? 'at its start' : `after ${members.length} files, before its end mark`,
      );
    }
    if (header[0] === 0 && header.every((byte) => byte === 0)) return members;
    if (!checksumHolds(header)) {
      if (position === 0 && header[0] === 0x1f && header[1] === 0x8b)
        throw new Error(
          `${file} is compressed by gzip, whatever its name says: run "gunzip -c ${shellWord(file)} > plain.tar" and give plain.tar.`,
        );
      throw new Error(
        position === 0
          ? `${file} is not a plain tar archive: unpack compressed archives, or pack the images again with tar.`
          : `The archive ${file} is damaged at byte ${position} (checksum of a header): copy or download it again.`,
      );
    }
    const type = header[156] === 0 ? '0' : String.fromCharCode(header[156]!);
    const paxSize = extended.get('size');
    const size = paxSize === undefined ? numberField(header, 124, 12) : Number(paxSize);
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new Error(
        `The archive ${file} is damaged at byte ${position} (size of a file): copy or download it again.`,
      );
    }
    // POSIX writes "ustar\0" and "00" there; in GNU's own format other things stand in the place of the prefix.
    const isPosix = header[257] === 117 && header[261] === 114 && header[262] === 0;
    const prefix = isPosix && header[345] !== 0 ? textField(header, 345, 155) : '';
    const name = textField(header, 0, 100);
    const offset = position + BLOCK;
    // Links and directories hold no data whatever their size field says.
    const dataSize = '123456'.includes(type) ? 0 : size;
    if (offset + dataSize > fileSize) {
      throw cutOff(
        `inside "${longName ?? extended.get('path') ?? name}" (${fileSize} of ${offset + dataSize} bytes)`,
      );
    }
    if (type === 'L') {
      longName = textField(extension(offset, size), 0, size);
    } else if (type === 'K') {
      longTarget = textField(extension(offset, size), 0, size);
    } else if (type === 'x') {
      const records = paxRecords(extension(offset, size));
      if (records === undefined)
        throw new Error(`The archive ${file} has a malformed pax header at byte ${position}.`);
      extended = records;
    } else if (type !== 'g') {
      const path = (extended.get('path') ?? longName ?? (prefix === '' ? name : `${prefix}/${name}`)).replace(
        /^(\.?\/)+/,
        '',
      );
      const target = extended.get('linkpath') ?? longTarget ?? textField(header, 157, 100);
      if (type === '0' || type === '7') members.push({ path, offset, size });
      else if (type === '1') members.push({ path, offset, size: 0, link: { kind: 'hard', target } });
      else if (type === '2') members.push({ path, offset, size: 0, link: { kind: 'symbolic', target } });
      [longName, longTarget] = [undefined, undefined];
      extended = new Map();
    }
    position = offset + Math.ceil(dataSize / BLOCK) * BLOCK;
  }
}

/** Makes small data sets on disk for the tests of sources and loader. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import sharp from 'sharp';
import { onTestFinished } from 'vitest';

/** An empty folder that goes when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dino-data-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files below a folder, making directories as needed. */
export function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** A PNG in which every pixel has its own color, different for each number. */
export function png(number: number, width = 12, height = 10): Promise<Buffer> {
  const data = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    data[3 * i] = (number * 37 + i) % 256;
    data[3 * i + 1] = (i * 2) % 256;
    data[3 * i + 2] = (number * 11) % 256;
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

const encoder = new TextEncoder();

/** One member of an archive: a 512-byte ustar header and the data, padded. */
export function tarMember(options: {
  readonly name: string | Uint8Array;
  readonly data?: Uint8Array | string;
  readonly type?: string;
  readonly prefix?: string;
  /** Of a link: where it leads. */
  readonly link?: string;
}): Buffer {
  const { name, data = '', type = '0', prefix = '', link = '' } = options;
  const bytes = Buffer.from(data);
  const header = Buffer.alloc(512);
  header.set((typeof name === 'string' ? encoder.encode(name) : name).subarray(0, 100), 0);
  header.write('0000644\0', 100);
  header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write('ustar\x0000', 257);
  header.set(encoder.encode(prefix), 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** A pax header record, `length key=value\n`. */
export function paxRecord(key: string, value: string): string {
  const body = ` ${key}=${value}\n`;
  const size = encoder.encode(body).length;
  let length = size + 1;
  while (String(length).length + size !== length) length++;
  return `${length}${body}`;
}

/** A whole archive with its end mark. */
export function tarArchive(members: readonly Buffer[]): Buffer {
  return Buffer.concat([...members, Buffer.alloc(1024)]);
}

/** A zip archive; names may be bytes. */
export function zipArchive(
  entries: readonly {
    readonly name: string | Uint8Array;
    readonly data: Uint8Array | string;
    readonly method?: number;
    /** Permissions and type of the file, as Unix has them. */
    readonly mode?: number;
    readonly isEncrypted?: boolean;
  }[],
): Buffer {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, method = 8, mode = 0o100644, isEncrypted = false } of entries) {
    const path = Buffer.from(name);
    const plain = Buffer.from(data);
    const stored = method === 8 ? deflateRawSync(plain) : plain;
    const shared = Buffer.alloc(26); // the fields that both headers have
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(isEncrypted ? 1 : 0, 2);
    shared.writeUInt16LE(method, 4);
    shared.writeUInt32LE(crc32(plain), 10);
    shared.writeUInt32LE(stored.length, 14);
    shared.writeUInt32LE(plain.length, 18);
    shared.writeUInt16LE(path.length, 22);
    pieces.push(Buffer.from('PK\x03\x04', 'latin1'), shared, path, stored);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(mode * 2 ** 16, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), shared, rest, path);
    offset += 30 + path.length + stored.length;
  }
  const size = Buffer.concat(directory).length;
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...pieces, ...directory, end]);
}

/** CIFAR-10 records with the given labels; pixel p of plane c of record r is (r + 50 c + p) mod 256. */
export function cifarRecords(labels: readonly number[]): Buffer {
  return Buffer.concat(
    labels.map((label, r) => {
      const record = Buffer.alloc(3073);
      record[0] = label;
      for (let i = 0; i < 3072; i++) record[1 + i] = (r + 50 * Math.floor(i / 1024) + (i % 1024)) % 256;
      return record;
    }),
  );
}

/** An IDX file of the given dimensions and bytes. */
export function idxFile(dimensions: readonly number[], bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length);
  header[2] = 8;
  header[3] = dimensions.length;
  for (const [i, size] of dimensions.entries()) header.writeUInt32BE(size, 4 + 4 * i);
  return Buffer.concat([header, bytes]);
}

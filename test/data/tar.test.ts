import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { indexTar } from '../../src/data/tar-node.ts';
import { paxRecord, tarArchive, tarMember, temporaryFolder } from './fixtures.ts';

function written(bytes: Uint8Array): string {
  const file = join(temporaryFolder(), 'a.tar');
  writeFileSync(file, bytes);
  return file;
}

describe('indexTar', () => {
  it('gives path, position and size of each file, and where links lead, in the order of the archive', () => {
    const archive = tarArchive([
      tarMember({ name: 'b/', type: '5' }),
      tarMember({ name: './b/2.jpg', data: 'x'.repeat(600) }),
      tarMember({ name: 'link', type: '2', link: 'b/2.jpg' }),
      tarMember({ name: 'a/1.jpg', data: 'hello' }),
    ]);
    const members = indexTar(written(archive));
    expect(members).toEqual([
      { path: 'b/2.jpg', offset: 1024, size: 600 },
      { path: 'link', offset: 2560, size: 0, link: { kind: 'symbolic', target: 'b/2.jpg' } },
      { path: 'a/1.jpg', offset: 512 + 512 + 1024 + 512 + 512, size: 5 },
    ]);
    expect(archive.subarray(members[2]!.offset, members[2]!.offset + 5).toString()).toBe('hello');
  });

  it('reads the targets of links in GNU and pax headers, and names that are not UTF-8', () => {
    const long = `${'deep/'.repeat(40)}image.png`;
    const archive = tarArchive([
      tarMember({ name: '././@LongLink', type: 'K', data: `${long}\0` }),
      tarMember({ name: 'a.png', type: '1', link: long }),
      tarMember({ name: 'PaxHeader/x', type: 'x', data: paxRecord('linkpath', 'grüße.png') }),
      tarMember({ name: 'b.png', type: '2', link: 'short' }),
      tarMember({ name: Buffer.from('caf\xe9.png', 'latin1'), data: 'x' }),
    ]);
    expect(indexTar(written(archive)).map(({ path, link }) => [path, link?.kind, link?.target])).toEqual([
      ['a.png', 'hard', long],
      ['b.png', 'symbolic', 'grüße.png'],
      ['caf\\xE9.png', undefined, undefined],
    ]);
  });

  it('reads ustar prefixes, GNU long names and pax paths', () => {
    const long = `${'deep/'.repeat(40)}image.png`;
    const archive = tarArchive([
      tarMember({ name: 'tail.png', prefix: 'some/prefix', data: '1' }),
      tarMember({ name: '././@LongLink', type: 'L', data: `${long}\0` }),
      tarMember({ name: long, data: '22' }),
      tarMember({
        name: 'PaxHeader/x',
        type: 'x',
        data: paxRecord('path', 'grüße/ü.png') + paxRecord('mtime', '1'),
      }),
      tarMember({ name: 'plain', data: '333' }),
      tarMember({ name: 'last.png', data: '4444' }),
    ]);
    expect(indexTar(written(archive)).map(({ path, size }) => [path, size])).toEqual([
      ['some/prefix/tail.png', 1],
      [long, 2],
      ['grüße/ü.png', 3],
      ['last.png', 4],
    ]);
  });

  it('takes the size of a pax header over that of the header', () => {
    const member = tarMember({ name: 'a.png', data: 'abc' });
    const pax = tarMember({ name: 'p', type: 'x', data: paxRecord('size', '2') });
    expect(indexTar(written(tarArchive([pax, member])))[0]!.size).toBe(2);
  });

  it('refuses an archive that is cut off inside a file, between files and before its end mark', () => {
    const whole = tarArchive([
      tarMember({ name: 'a.png', data: 'x'.repeat(2000) }),
      tarMember({ name: 'b.png', data: 'y'.repeat(2000) }),
    ]);
    expect(() => indexTar(written(whole.subarray(0, 4000)))).toThrow(
      /cut off inside "b\.png" \(4000 of 5072 bytes\)/,
    );
    expect(() => indexTar(written(whole.subarray(0, 2560)))).toThrow(
      /cut off after 1 files, before its end mark/,
    );
    expect(() => indexTar(written(whole.subarray(0, 2700)))).toThrow(/cut off after 1 files/);
    expect(() => indexTar(written(whole.subarray(0, 100)))).toThrow(/cut off at its start/);
    expect(indexTar(written(whole)).length).toBe(2);
  });

  it('refuses what is no archive, and damaged headers', () => {
    expect(() => indexTar(written(Buffer.alloc(2048, 'hello ')))).toThrow(/is not a plain tar archive/);
    const packed = written(gzipSync(tarArchive([tarMember({ name: 'a', data: randomBytes(2048) })])));
    expect(() => indexTar(packed)).toThrow(
      `${packed} is compressed by gzip, whatever its name says: run "gunzip -c ${packed} > plain.tar" and give plain.tar.`,
    );
    const damaged = tarArchive([
      tarMember({ name: 'a.png', data: 'x' }),
      tarMember({ name: 'b.png', data: 'y' }),
    ]);
    damaged[1024 + 3] = 7;
    expect(() => indexTar(written(damaged))).toThrow(/damaged at byte 1024 \(checksum of a header\)/);
    const pax = tarArchive([
      tarMember({ name: 'p', type: 'x', data: '99 path=a\n' }),
      tarMember({ name: 'a.png' }),
    ]);
    expect(() => indexTar(written(pax))).toThrow(/malformed pax header/);
  });
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ColumnSource } from 'hyparquet-writer';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { explainOmissions } from '../../src/data/omissions-node.ts';
import { openSource } from '../../src/data/open-source-node.ts';
import { openReader } from '../../src/data/reader-node.ts';
import type { Source } from '../../src/data/source.ts';
import { png, tarArchive, tarMember, temporaryFolder, writeFiles, zipArchive } from './fixtures.ts';

const keys = (source: Source): string[] => Array.from({ length: source.length }, (_, i) => source.key(i));
const labels = (source: Source) => Array.from({ length: source.length }, (_, i) => source.label(i));

/** The number that `png` was given, of each image, read in an order of no pattern. */
async function numbersIn(source: Source): Promise<number[]> {
  const reader = source.open();
  const numbers: number[] = [];
  for (let step = 0; step < source.length; step++) {
    const index = (step * 5 + 3) % source.length;
    numbers[index] = Math.round((await reader.read(index)).data[0]! / 37);
  }
  reader.close();
  return numbers;
}

describe('a zip', () => {
  it('is the data set of its folder, packed or stored, with links and names of any bytes', async () => {
    const file = join(temporaryFolder(), 'pets.zip');
    const images = await Promise.all([0, 1, 2].map((i) => png(i)));
    const entries = [
      { name: 'pets/dog/1.png', data: images[1]! },
      { name: 'pets/cat/0.png', data: images[0]!, method: 0 },
      { name: Buffer.from('pets/dog/\xe9.png', 'latin1'), data: images[2]! },
      { name: 'pets/cat/link.png', data: '../dog/1.png', mode: 0o120777 },
      { name: 'pets/cat/', data: '', method: 0 },
      { name: '__MACOSX/pets/cat/._0.png', data: 'x' },
      { name: 'pets/list.txt', data: 'x' },
    ];
    writeFileSync(file, zipArchive(entries));
    const source = openSource(file);
    expect(keys(source)).toEqual([
      'pets/cat/0.png',
      'pets/cat/link.png',
      'pets/dog/1.png',
      'pets/dog/\\xE9.png',
    ]);
    expect(source.classes).toEqual(['cat', 'dog']);
    expect(labels(source)).toEqual([0, 0, 1, 1]);
    expect(await numbersIn(source)).toEqual([0, 1, 1, 2]);
  });

  it('that is encrypted, packed in an unusual way, damaged or without images is refused', async () => {
    const folder = temporaryFolder();
    const data = await png(0);
    writeFiles(folder, {
      'secret.zip': zipArchive([{ name: 'a.png', data, isEncrypted: true }]),
      'bzip2.zip': zipArchive([{ name: 'a.png', data, method: 12 }]),
      'cut.zip': zipArchive([{ name: 'a.png', data }]).subarray(0, 100),
      'texts.zip': zipArchive([{ name: 'a.txt', data: 'x' }]),
    });
    expect(() => openSource(join(folder, 'secret.zip'))).toThrow(
      /secret\.zip is encrypted \(a\.png\): unpack it/,
    );
    expect(() => openSource(join(folder, 'bzip2.zip'))).toThrow(
      /in an unusual way \(method 12 of a\.png\): unpack/,
    );
    expect(() => openSource(join(folder, 'cut.zip'))).toThrow(/cut\.zip: the archive is damaged/);
    expect(() => openSource(join(folder, 'texts.zip'))).toThrow(/holds 1 file but none with the extension/);
    const damaged = zipArchive([{ name: 'a.png', data }]);
    damaged.fill(0xff, 40, 60);
    writeFileSync(join(folder, 'damaged.zip'), damaged);
    await expect(openReader(openSource(join(folder, 'damaged.zip')).spec).read(0)).rejects.toThrow(
      /damaged\.zip:a\.png is damaged: copy or download the archive again/,
    );
  });
});

describe('tars of a WebDataset', () => {
  const shard = async (numbers: readonly number[], beside: (i: number) => Record<string, string>) =>
    tarArchive(
      (
        await Promise.all(
          numbers.map(async (i) => [
            tarMember({ name: `${i}.jpg`, data: await png(i) }),
            ...Object.entries(beside(i)).map(([extension, data]) =>
              tarMember({ name: `${i}.${extension}`, data }),
            ),
          ]),
        )
      ).flat(),
    );

  it('have the numbers beside their images as labels, over all shards of a folder', async () => {
    const folder = temporaryFolder();
    const label = (i: number) => ({ cls: `${i % 2 === 0 ? 10 : 9}\n`, txt: 'a caption' });
    writeFiles(folder, {
      'train-000000.tar': await shard([0, 1], label),
      'train-000001.tar': await shard([2, 3], label),
      'test-000000.tar': await shard([4], label),
    });
    const source = openSource(folder);
    expect(keys(source)).toEqual([
      ...['train-000000/0.jpg', 'train-000000/1.jpg', 'train-000001/2.jpg', 'train-000001/3.jpg'],
    ]);
    expect(source.classes).toEqual(['9', '10']);
    expect(labels(source)).toEqual([1, 0, 1, 0]);
    expect(await numbersIn(source)).toEqual([0, 1, 2, 3]);
    expect(explainOmissions(source)).toEqual([
      `${folder}: the training part is taken; test-000000.tar can be opened by itself.`,
    ]);
    expect(labels(openSource(join(folder, 'test-000000.tar')))).toEqual([0]);
  });

  it('may have the labels in JSON, further pictures of a sample, or no labels', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      'json.tar': await shard([1, 2], (i) => ({
        json: JSON.stringify({ label: i === 1 ? 'dog' : 'cat' }),
        'seg.png': 'x',
      })),
      'captions.tar': await shard([1, 2], (i) => ({ json: JSON.stringify({ caption: `picture ${i}` }) })),
      'gap.tar': await shard([1, 2], (i): Record<string, string> => (i === 1 ? { cls: '1' } : {})),
    });
    const source = openSource(join(folder, 'json.tar'));
    expect(keys(source)).toEqual(['1.jpg', '2.jpg']);
    expect([source.classes, labels(source)]).toEqual([
      ['cat', 'dog'],
      [1, 0],
    ]);
    const captions = openSource(join(folder, 'captions.tar'));
    expect([captions.classes, captions.length]).toEqual([[], 2]);
    const gap = openSource(join(folder, 'gap.tar'));
    expect([gap.classes, labels(gap)]).toEqual([['1'], [0, undefined]]);
    expect(explainOmissions(gap)[0]).toContain('1 of 2 images has no class: they count in no score');
  });
});

describe('Parquet files', () => {
  const structOf = [
    { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' },
    { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
    { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
  ] as const;
  const number = { name: 'label', type: 'INT64', repetition_type: 'OPTIONAL' } as const;

  /** Hugging Face's layout; pages and row groups so small that there are many. */
  async function table(count: number, options: { readonly codec?: 'SNAPPY' | 'GZIP' | 'UNCOMPRESSED' } = {}) {
    const numbers = Array.from({ length: count }, (_, i) => i);
    const images = await Promise.all(
      numbers.map(async (i) => ({ bytes: new Uint8Array(await png(i)), path: `${i}.png` })),
    );
    const columnData: ColumnSource[] = [
      { name: 'image', data: images },
      { name: 'label', data: numbers.map((i) => BigInt(i % 2)) },
    ];
    const huggingface = {
      info: {
        features: { image: { _type: 'Image' }, label: { names: ['cat', 'dog'], _type: 'ClassLabel' } },
      },
    };
    const buffer = parquetWriteBuffer({
      columnData,
      schema: [{ name: 'root', num_children: 2 }, ...structOf, number],
      rowGroupSize: 3,
      pageSize: 700,
      compressors: { GZIP: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)) },
      kvMetadata: [{ key: 'huggingface', value: JSON.stringify(huggingface) }],
      ...options,
    });
    return Buffer.from(buffer);
  }

  it.each(['SNAPPY', 'GZIP', 'UNCOMPRESSED'] as const)(
    'of Hugging Face are read in any order (%s)',
    async (codec) => {
      const file = join(temporaryFolder(), 'train-00000-of-00001.parquet');
      writeFileSync(file, await table(7, { codec }));
      const source = openSource(file);
      expect(source).toMatchObject({ length: 7, classes: ['cat', 'dog'] });
      expect(labels(source)).toEqual([0, 1, 0, 1, 0, 1, 0]);
      expect(keys(source)).toEqual(['0.png', '1.png', '2.png', '3.png', '4.png', '5.png', '6.png']);
      expect(await numbersIn(source)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    },
  );

  it('of a folder are one data set, its training part', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      'data/train-00000-of-00002.parquet': await table(4),
      'data/train-00001-of-00002.parquet': await table(3),
      'data/test-00000-of-00001.parquet': await table(2),
      'README.md': 'x',
    });
    const source = openSource(folder);
    expect(await numbersIn(source)).toEqual([0, 1, 2, 3, 0, 1, 2]);
    expect(keys(source)[5]).toBe('5'); // names that two files share name nothing
    expect(explainOmissions(source)[0]).toContain('data/test-00000-of-00001.parquet can be opened by itself');
  });

  it('may have bytes in a plain column, names as labels, and rows without an image', async () => {
    const file = join(temporaryFolder(), 'a.parquet');
    const buffer = parquetWriteBuffer({
      columnData: [
        { name: 'img', data: [new Uint8Array(await png(1)), null, new Uint8Array(await png(2))] },
        { name: 'class', data: ['pear', 'apple', 'pear'] },
      ],
      schema: [
        { name: 'root', num_children: 2 },
        { name: 'img', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        { name: 'class', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
      ],
    });
    writeFileSync(file, Buffer.from(buffer));
    const source = openSource(file);
    expect([source.classes, labels(source)]).toEqual([
      ['apple', 'pear'],
      [1, 0, 1],
    ]);
    const reader = source.open();
    expect((await reader.read(2)).data[0]).toBe(74);
    await expect(reader.read(1)).rejects.toThrow(/a\.parquet, row 1 holds no image/);
  });

  it('that are damaged, or hold no images, are refused', async () => {
    const folder = temporaryFolder();
    const whole = await table(3);
    const texts = parquetWriteBuffer({ columnData: [{ name: 'text', data: ['a', 'b'], type: 'STRING' }] });
    writeFiles(folder, { 'cut.parquet': whole.subarray(0, 900), 'texts.parquet': new Uint8Array(texts) });
    expect(() => openSource(join(folder, 'cut.parquet'))).toThrow(/cut\.parquet is no whole Parquet file/);
    expect(() => openSource(join(folder, 'texts.parquet'))).toThrow(/has no column of images, only text: /);
  });
});

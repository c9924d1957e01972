import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ortNode } from '../../src/engine/ort-node.ts';
import { FeatureBankWriter, openFeatureBank } from '../../src/features/feature-bank-node.ts';
import { parseNpy, serializeNpy } from '../../src/format/npy.ts';
import { Random } from '../../src/random/random.ts';
import { searchBlocks } from '../../src/rows/search.ts';
import { temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { colorPhoto } from './color-photos.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const rowSchema = z.object({ path: z.string(), label: z.string().nullable(), feature: z.array(z.number()) });
const foundSchema = z.object({
  found: z.array(z.object({ path: z.string(), similarity: z.number() })),
});

async function parquetRows(file: string) {
  return z.array(rowSchema).parse(await parquetReadObjects({ file: await asyncBufferFromFile(file) }));
}

function same(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function npy(file: string): { shape: readonly number[]; data: number[] } {
  const { shape, data } = parseNpy(readFileSync(file), file);
  return { shape, data: [...data] };
}

describe('dino embed', () => {
  it('writes the same features to npy and Parquet, with paths and labels, and lists what could not be read', async () => {
    const images = await photos(['a', 'b'], 5);
    writeFiles(images, { 'b/broken.png': 'no image' });
    const run = await trainedOn(images);
    const said = await dino('embed', run, images, '--json');
    expect(said.code).toBe(0);
    expect(JSON.parse(said.out)).toMatchObject({ images: 10, dim: 16, normalized: false });
    expect(said.err).toContain('11 images x 16 numbers: about');
    expect(said.err).toContain('1 image was left out: b/broken.png cannot be decoded (it is no image');
    const folder = join(run, 'eval', 'embed');
    const { shape, data } = npy(join(folder, 'features.npy'));
    expect(shape).toEqual([10, 16]);
    const rows = await parquetRows(join(folder, 'features.parquet'));
    expect(rows.flatMap(({ feature }) => feature)).toEqual(data);
    const lines = (name: string) => readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
    expect(lines('paths.txt')).toEqual(rows.map(({ path }) => path));
    expect(lines('labels.txt')).toEqual(rows.map(({ label }) => label));
    expect(rows[0]).toMatchObject({ path: 'a/0.png', label: 'a' });
    const kept: unknown = JSON.parse(readFileSync(join(run, 'eval', 'embed.json'), 'utf8'));
    expect(kept).toMatchObject({ skipped: [{ key: 'b/broken.png' }] });
  });

  it('normalizes, writes one format only where it is asked to, and forgets the files of an earlier call', async () => {
    const images = await photos(['a'], 8);
    const [run, output] = [await trainedOn(images), join(temporaryFolder(), 'features')];
    expect((await dino('embed', run, images, '--output', output, '--normalize', 'true')).code).toBe(0);
    const { data } = npy(join(output, 'features.npy'));
    expect(Math.hypot(...data.slice(0, 16))).toBeCloseTo(1, 5);
    const again = await dino('embed', run, images, '--output', output, '--format', 'parquet', '--json');
    expect(JSON.parse(again.out)).toMatchObject({
      files: ['features.parquet', 'paths.txt', 'labels.txt', 'bank.json'].map((name) => join(output, name)),
    });
    const asked = await dino('search', run, join(images, 'a', '0.png'), '--bank', output);
    expect(asked).toMatchObject({ code: 1 });
    expect(asked.err).toContain('as Parquet only');
    // The run knows nothing of it: the record is beside the features.
    expect(existsSync(join(run, 'eval', 'embed.json'))).toBe(false);
    expect(JSON.parse(readFileSync(join(output, 'eval', 'embed.json'), 'utf8'))).toMatchObject({ images: 8 });
  });

  it('says what is wrong with a source or an output', async () => {
    const images = await photos(['a', 'b'], 4);
    const run = await trainedOn(images);
    expect(await dino('embed', run)).toMatchObject({ code: 2 });
    const unreadable = join(temporaryFolder(), 'unreadable');
    writeFiles(unreadable, { '1.jpg': 'x', '2.jpg': 'y' });
    expect((await dino('embed', run, unreadable)).err).toContain('none of its 2 images can be read');
    const file = join(unreadable, '1.jpg');
    expect((await dino('embed', run, images, '--output', file)).err).toContain('is a file: give a folder');
  });
});

describe('dino search', () => {
  it('finds an image itself first, in a folder and in what embed wrote alike', async () => {
    const images = await photos(['a', 'b', 'c'], 5);
    const run = await trainedOn(await photos(['a', 'b'], 4));
    const query = join(images, 'b', '2.png');
    const live = await dino('search', run, query, '--bank', images, '--k', '4', '--json');
    expect(live.code).toBe(0);
    const { found } = foundSchema.parse(JSON.parse(live.out));
    expect(found).toHaveLength(4);
    expect(found[0]?.path).toBe('b/2.png');
    expect(found[0]?.similarity).toBeCloseTo(1, 5);
    const report = readFileSync(join(run, 'report.html'), 'utf8');
    expect(report).toContain('by cosine, exact');
    expect(report).toContain('title="b/2.png">b/<wbr>2.<wbr>png');
    expect((await dino('embed', run, images)).code).toBe(0);
    const stored = await dino(
      'search',
      run,
      query,
      '--bank',
      join(run, 'eval', 'embed'),
      '--k',
      '4',
      '--json',
    );
    const again = foundSchema.parse(JSON.parse(stored.out)).found;
    expect(again.map(({ path }) => path)).toEqual(found.map(({ path }) => path));
    rmSync(images, { recursive: true });
    const elsewhere = join(temporaryFolder(), 'new.png');
    writeFileSync(elsewhere, await colorPhoto(0, 1));
    const gone = await dino('search', run, elsewhere, '--bank', join(run, 'eval', 'embed'), '--k', '99');
    expect(gone).toMatchObject({ code: 0 });
    expect(gone.out).toContain('the 15 most similar of 15 images');
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('no longer there');
  });

  it('writes a page in which each image leads to its own neighbors', async () => {
    const images = await photos(['a', 'b', 'c'], 4);
    const run = await trainedOn(images);
    const query = join(images, 'b', '2.png');
    const said = await dino('search', run, query, '--bank', images, '--k', '3', '--json');
    const { page } = z.object({ page: z.string() }).parse(JSON.parse(said.out));
    const text = readFileSync(page, 'utf8');
    expect(text).toContain("default-src 'none'");
    expect(text).not.toMatch(/(src|href)="(?!data:)/);
    const [data = '', script = ''] = [...text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map(
      (m) => m[1],
    );
    expect(() => new Script(script)).not.toThrow();
    const shown = z
      .object({
        names: z.array(z.string()).length(13),
        k: z.literal(3),
        neighbors: z.array(z.number().int().min(0).max(12)).length(39),
        similarities: z.array(z.number().min(-1).max(1)).length(39),
        columns: z.literal(4),
        rows: z.literal(4),
      })
      .parse(JSON.parse(data));
    expect(shown.names[0]).toBe(query);
    // The query lies in the bank as well: the two are each other's nearest.
    const twin = shown.names.indexOf('b/2.png');
    expect(shown.neighbors[0]).toBe(twin);
    expect(shown.neighbors[3 * twin]).toBe(0);
    expect(shown.similarities[0]).toBeCloseTo(1, 4);
    for (let i = 0; i < 13; i++) {
      const own = shown.neighbors.slice(3 * i, 3 * i + 3);
      expect(new Set(own).size).toBe(3);
      expect(own).not.toContain(i);
      const values = shown.similarities.slice(3 * i, 3 * i + 3);
      expect(values).toEqual(values.toSorted((a, b) => b - a));
    }
    // Neighbors are as far from each other in both directions.
    const back = shown.neighbors.slice(3 * twin, 3 * twin + 3).indexOf(0);
    expect(shown.similarities[3 * twin + back]).toBe(shown.similarities[0]);
    const few = await dino(
      'search',
      run,
      query,
      '--bank',
      images,
      '--page_images',
      '5',
      '--json',
      '--no-report',
    );
    expect(JSON.parse(few.out)).toMatchObject({ page });
    expect(readFileSync(page, 'utf8')).toContain('The 5 nearest are here');
    const none = await dino(
      'search',
      run,
      query,
      '--bank',
      images,
      '--page_images',
      '0',
      '--json',
      '--no-report',
    );
    expect(JSON.parse(none.out)).not.toHaveProperty('page');
  });

  it('answers each of several images as it answers one', async () => {
    const images = await photos(['a', 'b'], 5);
    const run = await trainedOn(images);
    const queries = [join(images, 'a', '1.png'), join(images, 'b', '3.png')];
    const ask = async (...asked: string[]) =>
      JSON.parse((await dino('search', run, ...asked, '--bank', images, '--k', '3', '--json')).out);
    const alone = [await ask(queries[0] ?? ''), await ask(queries[1] ?? '')];
    const together = await ask(...queries);
    // Products of one query and of two are rounded differently.
    const rounded = ({ query, found }: { query: string; found: { path: string; similarity: number }[] }) => ({
      query,
      found: found.map(({ path, similarity }) => [path, similarity.toFixed(5)]),
    });
    expect(together.queries.map(rounded)).toEqual(alone.map(rounded));
    expect(together.queries.map(({ page }: { page: string }) => page)).toEqual(
      [1, 2].map((number) => join(run, 'eval', 'search', `search-${number}.html`)),
    );
    const said = await dino('search', run, ...queries, '--bank', images, '--k', '3');
    expect(said.out).toContain('for each of 2 images the 3 most similar of 10 images');
    expect(said.out).toContain(`like ${queries[1]}:`);
  });

  it('refuses features of another model, damaged and unfinished banks', async () => {
    const images = await photos(['a', 'b'], 4);
    const [run, other] = [await trainedOn(images), await trainedOn(images, 'vit')];
    const [bank, query] = [join(temporaryFolder(), 'bank'), join(images, 'a', '0.png')];
    expect((await dino('embed', run, images, '--output', bank)).code).toBe(0);
    const ask = async (of = run) => {
      const said = await dino('search', of, query, '--bank', bank);
      return `${said.code} ${said.err.trim().split('\n').at(-1)}`;
    };
    expect(await ask(other)).toMatch(/^1 .*features of another model/);
    const file = join(bank, 'features.npy');
    const { shape, data } = npy(file);
    const write = (rows: readonly number[], to: readonly number[]) =>
      writeFileSync(
        file,
        Buffer.concat(serializeNpy({ dtype: 'float32', shape: to, data: Float32Array.from(rows) })),
      );
    write(data.with(20, Number.NaN), shape);
    expect(await ask()).toMatch(/^1 .*hold NaN in row 1/);
    write(data.slice(16), [7, 16]);
    expect(await ask()).toMatch(/^1 .*is damaged/);
    rmSync(file);
    expect(await ask()).toMatch(/^1 .*features\.npy is missing/);
    writeFileSync(join(bank, 'bank.json'), '{}');
    expect(await ask()).toMatch(/^1 .*bank\.json is damaged/);
    rmSync(join(bank, 'bank.json'));
    expect(await ask()).toMatch(/^1 .*bank\.json is missing.*finished/);
  });

  it('says what is wrong with a query or a bank', async () => {
    const images = await photos(['a', 'b'], 4);
    const run = await trainedOn(images);
    const query = join(images, 'a', '0.png');
    const ask = async (...args: string[]) => {
      const said = await dino('search', run, ...args);
      return `${said.code} ${said.err.trim().split('\n').at(-1)}`;
    };
    expect(await ask()).toMatch(/^2 .*Which image/);
    expect(await ask(query)).toMatch(/^2 .*--bank is missing/);
    expect(await ask(join(images, 'none.png'), '--bank', images)).toMatch(/^1 .*There is nothing at/);
    expect(await ask(images, '--bank', images)).toMatch(/^1 .*is a folder/);
    const folder = temporaryFolder();
    writeFiles(folder, { 'broken.png': 'no image' });
    expect(await ask(join(folder, 'broken.png'), '--bank', images)).toMatch(
      /^1 .*broken\.png cannot be decoded/,
    );
    expect(await ask(query, '--bank', folder)).toMatch(/^1 .*bank is empty/);
    mkdirSync(join(folder, 'empty'));
    expect(await ask(query, '--bank', join(folder, 'empty'))).toMatch(/^1 .*is empty/);
  });
});

describe('banks and their search', () => {
  it('give the same rows back, whatever the pieces they were written and are read in', async () => {
    const folder = join(temporaryFolder(), 'bank');
    const random = new Random(4, 'bank');
    const rows = Array.from({ length: 7 }, (_, i) => ({
      path: i === 3 ? 'line\nbreak.png' : `${i}.png`,
      label: undefined,
      feature: Float32Array.from({ length: 200_000 }, () => random.normal()),
    }));
    const writer = new FeatureBankWriter(folder, {
      network: 'n',
      size: 16,
      channels: 3,
      dim: 200_000,
      views: 1,
      normalized: false,
      source: 's',
      labels: false,
      formats: ['npy', 'parquet'],
    });
    await writer.append(rows.slice(0, 2));
    await writer.append(rows.slice(2));
    expect(await writer.finish()).toMatchObject({ images: 7 });
    const bank = openFeatureBank(folder);
    expect(bank.paths[3]).toBe('line\\nbreak.png');
    expect(bank.labels).toEqual([]);
    let seen = 0;
    for (const { start, rows: part } of bank.blocks(2_000_000)) {
      expect(start).toBe(seen);
      for (let i = 0; i < part.values.length / part.dim; i++, seen++)
        expect(same(part.values.subarray(i * part.dim, (i + 1) * part.dim), rows[seen]!.feature)).toBe(true);
    }
    expect(seen).toBe(7);
    const file = join(folder, 'features.parquet');
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(file));
    expect(metadata.row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([5, 2]);
    const table = await parquetRows(file);
    expect(table.map(({ label }) => label)).toEqual(Array(7).fill(null));
    expect(same(Float32Array.from(table[6]!.feature), rows[6]!.feature)).toBe(true);
  });

  it('find what comparing with every row finds', async () => {
    const random = new Random(5, 'search');
    const [dim, count] = [8, 50];
    const values = Float32Array.from({ length: count * dim }, () => random.normal());
    values.copyWithin(40 * dim, 3 * dim, 4 * dim); // row 40 is row 3 again
    const query = values.slice(3 * dim, 4 * dim).map((value) => 2 * value);
    const blocks = Array.from({ length: 5 }, (_, i) => ({
      start: i * 10,
      rows: { values: values.subarray(i * 10 * dim, (i + 1) * 10 * dim), dim },
    }));
    const cosine = (row: number) => {
      const v = values.subarray(row * dim, (row + 1) * dim);
      return (
        v.reduce((sum, value, i) => sum + value * query[i]!, 0) / (Math.hypot(...v) * Math.hypot(...query))
      );
    };
    const expected = Array.from({ length: count }, (_, row) => ({ row, similarity: cosine(row) })).sort(
      (a, b) => b.similarity - a.similarity,
    );
    const asked = { values: query, dim: query.length };
    const [found = []] = await searchBlocks(ortNode, asked, blocks, 12);
    expect(found.slice(0, 2).map(({ row }) => row)).toEqual([3, 40]);
    expect(found.slice(2).map(({ row }) => row)).toEqual(expected.slice(2, 12).map(({ row }) => row));
    for (const { row, similarity } of found) expect(similarity).toBeCloseTo(cosine(row), 5);
    await expect(searchBlocks(ortNode, asked, [], 3)).rejects.toThrow('The bank is empty');
  });
});

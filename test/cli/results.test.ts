/** Where results go, and several images in one call. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

it('results go to a folder of their own by --output, and the run stays as it is', async () => {
  const images = await photos(['a', 'b'], 6);
  const run = await trainedOn(images);
  const [report, log] = ['report.html', 'log.txt'].map((file) => readFileSync(join(run, file), 'utf8'));
  const output = join(temporaryFolder(), 'results');
  expect(await dino('eval', 'knn', run, '--train', images, '--k', '3', '--output_dir', output)).toMatchObject(
    {
      code: 0,
    },
  );
  expect(readdirSync(join(output, 'eval')).sort()).toEqual(['knn.json', 'knn.section.json']);
  expect(readFileSync(join(output, 'report.html'), 'utf8')).toContain(
    '<span class="whole">k-NN</span> of 12 images',
  );
  expect(existsSync(join(run, 'eval'))).toBe(false);
  expect(readFileSync(join(run, 'report.html'), 'utf8')).toBe(report);
  expect(readFileSync(join(run, 'log.txt'), 'utf8')).toBe(log);
  const files = join(output, 'eval', 'map');
  expect(
    await dino('map', run, images, '--iterations', '250', '--output', output, '--no-report'),
  ).toMatchObject({ code: 0 });
  expect(readdirSync(files).sort()).toEqual(['map.csv', 'map.html']);
  const refused = async (path: string) =>
    (await dino('eval', 'knn', run, '--train', images, '--output', path)).err;
  expect(await refused(run)).toContain(`${run} is a run folder: give another --output`);
  expect(await refused(join(output, 'report.html'))).toContain('is a file: give a folder as --output.');
});

it('results of another command stay beside the latest; the same command replaces its own', async () => {
  const images = await photos(['a', 'b'], 6);
  const run = await trainedOn(images);
  const knn = (...flags: string[]) =>
    dino('eval', 'knn', run, '--train', images, '--k', ...flags, '--no-report');
  const record = (name: string) => JSON.parse(readFileSync(join(run, 'eval', `${name}.json`), 'utf8'));
  expect((await knn('3')).err).not.toContain('is kept in');
  expect((await knn('3', '--threads', '1')).err).not.toContain('is kept in');
  expect(existsSync(join(run, 'eval', 'history'))).toBe(false);
  const other = await knn('5');
  expect(other.err).toContain(`The earlier result is kept in ${join(run, 'eval', 'history', 'knn-1.json')}.`);
  expect(record('knn').protocol.k).toEqual([5]);
  expect(record('history/knn-1').protocol.k).toEqual([3]);
  // A third command, and then the first one again: no result is kept twice.
  await knn('4');
  await knn('3');
  await knn('4');
  expect(record('knn').protocol.k).toEqual([4]);
  const kept = readdirSync(join(run, 'eval', 'history')).sort();
  expect(kept).toEqual(['knn-1.json', 'knn-2.json', 'knn-3.json']);
  expect(kept.map((file) => record(`history/${file.slice(0, -5)}`).protocol.k)).toEqual([[3], [5], [4]]);
});

it('files of an earlier result are kept with it', async () => {
  const [images, others] = [await photos(['a', 'b'], 6), await photos(['c', 'd'], 3)];
  const run = await trainedOn(images);
  const map = (source: string) => dino('map', run, source, '--iterations', '250', '--no-report');
  await map(images);
  const before = readFileSync(join(run, 'eval', 'map', 'map.csv'), 'utf8');
  await map(others);
  expect(readFileSync(join(run, 'eval', 'history', 'map-1', 'map.csv'), 'utf8')).toBe(before);
  expect(readdirSync(join(run, 'eval', 'history')).sort()).toEqual(['map-1', 'map-1.json']);
  expect(readdirSync(join(run, 'eval', 'map')).sort()).toEqual(['map.csv', 'map.html']);
  expect(readFileSync(join(run, 'eval', 'map', 'map.csv'), 'utf8')).toContain('"c/0.png"');
});

it('searches for other images are kept apart, and each page is announced once', async () => {
  const images = await photos(['a', 'b'], 4);
  const run = await trainedOn(images);
  const [first, second] = [join(images, 'a', '0.png'), join(images, 'b', '0.png')];
  const search = (...queries: string[]) =>
    dino('search', run, ...queries, '--bank', images, '--k', '2', '--no-report');
  const folder = join(run, 'eval', 'search');
  const one = await search(first);
  const page = join(folder, 'search.html');
  expect(`${one.out}${one.err}`.split(page)).toHaveLength(2);
  expect(one.out).toContain(`\nThe page to go on in: ${page}\n`);
  const text = readFileSync(page, 'utf8');
  await search(first, second);
  expect(readdirSync(folder).sort()).toEqual(['search-1.html', 'search-2.html']);
  const kept = join(run, 'eval', 'history');
  expect(readdirSync(kept).sort()).toEqual(['search-1', 'search-1.json']);
  expect(readFileSync(join(kept, 'search-1', 'search.html'), 'utf8')).toBe(text);
  expect(JSON.parse(readFileSync(join(kept, 'search-1.json'), 'utf8'))).toMatchObject({
    query: first,
    page: join(kept, 'search-1', 'search.html'),
  });
  // Another one without a page: the pages of the second go with it.
  await search(second, '--page_images', '0');
  expect(existsSync(folder)).toBe(false);
  expect(readdirSync(join(kept, 'search-2')).sort()).toEqual(['search-1.html', 'search-2.html']);
});

it('every evaluation says alike which images it left out, and lists them', async () => {
  const images = await photos(['a', 'b'], 4);
  writeFiles(images, { 'b/1.png': 'no image', 'b/2.jpg': 'none either' });
  const run = await trainedOn(images, 'vit');
  const query = join(images, 'a', '0.png');
  const output = join(temporaryFolder(), 'out');
  for (const [name, key, ...words] of [
    ['knn', `${images}/b/1.png`, 'eval', 'knn', run, '--train', images, '--k', '2'],
    ['cluster', `${images}/b/1.png`, 'eval', 'cluster', run, '--images', images],
    ['retrieval', `${images}/b/1.png`, 'eval', 'retrieval', run, '--images', images],
    ['copies', `${images}/b/1.png`, 'eval', 'copies', run, '--images', images, '--count', '2'],
    ['attend', `${images}/b/1.png`, 'attend', run, images, '--image_size', '16'],
    ['map', 'b/1.png', 'map', run, images, '--iterations', '250'],
    ['embed', 'b/1.png', 'embed', run, images],
    ['search', 'b/1.png', 'search', run, query, '--bank', images],
    ['dedupe', 'b/1.png', 'dedupe', run, images],
  ] as const) {
    const said = await dino(...words, '--output', output, '--no-report');
    expect(said, name).toMatchObject({ code: 0 });
    const record = join(output, 'eval', `${name}.json`);
    expect(said.err).toContain(
      `2 images were left out (${record} lists all); the first: ${key} cannot be decoded (it is no image`,
    );
    const { skipped } = JSON.parse(readFileSync(record, 'utf8'));
    expect(skipped, name).toHaveLength(2);
    expect(skipped[0].key).toBe(key);
    expect(skipped[0].reason).toMatch(/^cannot be decoded \(it is no image/);
  }
});

it('attend looks at several images and folders in one call, each in files of its own', async () => {
  const [first, second] = [await photos(['a'], 2), await photos(['a'], 2, 7)];
  const run = await trainedOn(await photos(['a', 'b'], 6), 'vit');
  const output = join(temporaryFolder(), 'maps');
  const paths = [join(first, 'a', '0.png'), join(second, 'a', '0.png'), join(second, 'a', '1.png'), first];
  const said = await dino('attend', run, ...paths, '--image_size', '16', '--output', output, '--json');
  expect(said).toMatchObject({ code: 0 });
  expect(JSON.parse(said.out)).toMatchObject({ images: 5 });
  // Two files are called 0.png; those of the folder have its subfolder in front.
  expect(readdirSync(output).sort()).toEqual(['1', '1-0', '2-0', 'a', 'eval', 'report.html']);
  expect(readdirSync(join(output, 'eval')).sort()).toEqual(['attend.json', 'attend.section.json']);
  expect(existsSync(join(run, 'eval'))).toBe(false);
  expect(readdirSync(join(output, 'a')).sort()).toEqual(['0', '1']);
  const input = (name: string) => readFileSync(join(output, name, 'input.png'));
  expect(input('1-0').equals(input('2-0'))).toBe(false);
  expect(input('1-0').equals(input('a/0'))).toBe(true);
  const missing = await dino('attend', run, ...paths, join(first, 'none.png'));
  expect(missing.err).toContain(`There is nothing at ${join(first, 'none.png')}: give an image, a folder`);
});

/** Where results go, and several images in one call. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

it('results go to a folder of their own by --output, and the run stays as it is', async () => {
  const images = await photos(['a', 'b'], 6);
  const run = await trainedOn(images);
  const report = readFileSync(join(run, 'report.html'), 'utf8');
  const output = join(temporaryFolder(), 'results');
  expect(await dino('eval', 'knn', run, '--train', images, '--k', '3', '--output_dir', output)).toMatchObject(
    {
      code: 0,
    },
  );
  expect(readdirSync(join(output, 'eval')).sort()).toEqual(['knn.json', 'knn.section.json']);
  expect(readFileSync(join(output, 'report.html'), 'utf8')).toContain('k-NN of 12 images');
  expect(existsSync(join(run, 'eval'))).toBe(false);
  expect(readFileSync(join(run, 'report.html'), 'utf8')).toBe(report);
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

it('attend looks at several images and folders in one call, each in files of its own', async () => {
  const [first, second] = [await photos(['a'], 2), await photos(['a'], 2, 7)];
  const run = await trainedOn(await photos(['a', 'b'], 6), 'vit');
  const output = join(temporaryFolder(), 'maps');
  const paths = [join(first, 'a', '0.png'), join(second, 'a', '0.png'), join(second, 'a', '1.png'), first];
  const said = await dino('attend', run, ...paths, '--image_size', '16', '--output', output, '--json');
  expect(said).toMatchObject({ code: 0 });
  expect(JSON.parse(said.out)).toMatchObject({ images: 5 });
  // Two files are called 0.png; those of the folder have its subfolder in front.
  expect(readdirSync(output).sort()).toEqual(['1', '1-0', '2-0', 'a']);
  expect(readdirSync(join(output, 'a')).sort()).toEqual(['0', '1']);
  const input = (name: string) => readFileSync(join(output, name, 'input.png'));
  expect(input('1-0').equals(input('2-0'))).toBe(false);
  expect(input('1-0').equals(input('a/0'))).toBe(true);
  const missing = await dino('attend', run, ...paths, join(first, 'none.png'));
  expect(missing.err).toContain(join(first, 'none.png'));
});

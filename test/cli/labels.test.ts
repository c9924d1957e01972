import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const recorded = (run: string): { source: { classes: string[] }; config: { labels?: string | undefined } } =>
  z
    .object({
      source: z.object({ classes: z.array(z.string()) }),
      config: z.object({ labels: z.string().optional() }),
    })
    .parse(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')));

it('says that images to test on are trained on, where a folder holds several parts of a data set', async () => {
  const folder = await photos(['train/a', 'train/b', 'val/a', 'val/b'], 6);
  const said = async (path: string): Promise<string> =>
    (await dino('train', path, '--steps', '2', '--batch_size_per_gpu', '64')).err;
  expect(await said(folder)).toContain(
    `${folder} holds several parts of a data set (train, val), and all of them are trained on: to keep val apart for tests, give ${join(folder, 'train')}.\n`,
  );
  expect(await said(join(folder, 'train'))).not.toContain('parts of a data set');
});

it('the line of an online evaluation says behind the score that it is of few images', async () => {
  const flags = [
    '--arch',
    'convnet',
    '--widths',
    '8',
    '--global_crops_size',
    '16',
    '--local_crops_size',
    '8',
  ];
  const observed = async (...more: string[]): Promise<string> => {
    const output = join(temporaryFolder(), 'run');
    const images = await photos(['cat', 'dog'], 6);
    const asked = [...flags, ...more, '--steps', '2', '--threads', '1', '--output_dir', output];
    return (await dino('train', images, ...asked)).err;
  };
  expect(await observed()).toMatch(
    /^step 2: 20-NN \d+\.\d % \(only 2 images\), features of different images: mean cosine \S+, rank \S+$/m,
  );
  expect(await observed('--labels', 'none')).toMatch(
    /^step 2: features of only 2 images: mean cosine \S+, rank \S+$/m,
  );
});

describe('--labels', () => {
  it('takes albums by date as classes only where it is told to, and a run goes on with what it began with', async () => {
    const albums = await photos(['2021', '2022', 'holiday'], 4);
    const run = await trainedOn(albums);
    expect(recorded(run)).toEqual({ source: { classes: [] }, config: {} });
    const asked = await trainedOn(albums, 'convnet', ['--labels', 'folders']);
    expect(recorded(asked)).toEqual({
      source: { classes: ['2021', '2022', 'holiday'] },
      config: { labels: 'folders' },
    });
    for (const each of [run, asked])
      expect(await dino('train', '--resume', each, '--steps', '4')).toMatchObject({ code: 0 });

    const none = await dino('eval', 'knn', run, '--train', albums, '--k', '3');
    expect(none).toMatchObject({ code: 1 });
    expect(none.err).toContain(
      'the folders "2021", "2022", "holiday" look like albums by date, not classes: no labels are taken (--labels folders takes them as classes).',
    );
    expect(
      await dino('eval', 'knn', run, '--train', albums, '--k', '3', '--labels', 'folders'),
    ).toMatchObject({ code: 0 });
  });

  it('none takes no folders as classes', async () => {
    const images = await photos(['cat', 'dog'], 6);
    const run = await trainedOn(images, 'convnet', ['--labels', 'none']);
    expect(recorded(run)).toEqual({ source: { classes: [] }, config: { labels: 'none' } });
    const clusters = await dino('eval', 'cluster', run, '--images', images, '--labels', 'none', '--k', '2');
    expect(clusters).toMatchObject({ code: 0 });
    expect(clusters.out).not.toContain('NMI');
    expect((await dino('eval', 'cluster', run, '--images', images, '--k', '2')).out).toContain('NMI');
    expect((await dino('train', images, '--labels', 'some')).code).toBe(2);
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const recorded = (run: string): { source: { classes: string[] }; config: { labels?: string | undefined } } =>
  z
    .object({
      source: z.object({ classes: z.array(z.string()) }),
      config: z.object({ labels: z.string().optional() }),
    })
    .parse(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')));

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

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { colorPhoto } from './color-photos.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const share = z.number().min(0).max(100);
const pair = z.strictObject({ tsne: share, pca: share });

describe('dino map', () => {
  it('writes a page that loads nothing, the coordinates, and a section with a score of the map', async () => {
    const images = await photos(['a', 'b<script>', 'c'], 8);
    const run = await trainedOn(images);
    const said = await dino('map', run, images, '--perplexity', '5', '--iterations', '300', '--json');
    expect(said).toMatchObject({ code: 0 });
    const printed = z
      .object({ trained: pair, untrained: pair, perplexity: z.literal(5), page: z.string() })
      .parse(JSON.parse(said.out));
    const page = readFileSync(printed.page, 'utf8');
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/(src|href)="(?!data:)/);
    const [data = '', script = ''] = [...page.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map(
      (m) => m[1],
    );
    expect(() => new Script(script)).not.toThrow();
    const held = z
      .object({
        views: z.array(
          z.object({ name: z.string(), positions: z.array(z.number().min(0).max(1)).length(48) }),
        ),
        names: z.array(z.string()).length(24),
        colorings: z.array(
          z.object({ name: z.string(), groups: z.array(z.string()), labels: z.array(z.number()).length(24) }),
        ),
      })
      .parse(JSON.parse(data));
    expect(held.views.map(({ name }) => name)).toEqual([
      't-SNE, trained network',
      't-SNE, the same, untrained',
      'PCA, trained network',
      'PCA, the same, untrained',
    ]);
    expect(held.colorings.map(({ name }) => name)).toEqual(['class']);
    expect(held.colorings[0]?.groups).toEqual(['a', 'b<script>', 'c']);
    expect(page).toContain('[hidden] { display: none !important; }');
    const rows = readFileSync(join(run, 'eval', 'map', 'map.csv'), 'utf8')
      .trim()
      .split('\n');
    expect(rows).toHaveLength(25);
    expect(rows[0]).toContain('image,class,trained_tsne_x,trained_tsne_y,trained_pca_x');
    const kept = z
      .looseObject({ positions: z.object({ trained: z.object({ tsne: z.array(z.number()).length(48) }) }) })
      .parse(JSON.parse(readFileSync(join(run, 'eval', 'map.json'), 'utf8')));
    expect(kept.positions.trained.tsne.slice(0, 2).join(',')).toBe(rows[1]?.split(',').slice(2, 4).join(','));
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('Map of the features');
  });

  it('takes a part of many images, and images without classes, not one image; lowers the perplexity and says so', async () => {
    const images = await photos(['a', 'b'], 8);
    const run = await trainedOn(images);
    const part = await dino('map', run, images, '--limit', '7', '--iterations', '260', '--no-report');
    expect(part).toMatchObject({ code: 0 });
    expect(part.out).toContain('Map of 7 images of 16');
    const page = join(run, 'eval', 'map', 'map.html');
    expect(part.out).toContain(`\nThe map: ${page}\n`);
    expect(`${part.out}${part.err}`.split(page)).toHaveLength(2);
    expect(part.err).toContain('Perplexity 2.0 instead of 20: 7 images have no more neighbors to keep');
    const flat = join(temporaryFolder(), 'flat');
    writeFiles(flat, { '0.png': await png(3) });
    const one = await dino('map', run, flat);
    expect(one).toMatchObject({ code: 1 });
    expect(one.err).toContain('holds 1 image, too few to lie near or far: a map needs 3 or more.');
    writeFiles(flat, { '1.png': await png(4), '2.png': await png(5) });
    const three = await dino('map', run, flat, '--no-report', '--json');
    expect(three).toMatchObject({ code: 0 });
    expect(JSON.parse(three.out)).toMatchObject({ trained: { tsne: null, pca: null } });
  });

  it('colors images without classes by the folders they lie in and by clusters', async () => {
    const folder = join(temporaryFolder(), 'loose');
    for (let i = 0; i < 6; i++) {
      writeFiles(folder, {
        [`${i}.png`]: await colorPhoto(0, i),
        [`trip/${i}.png`]: await colorPhoto(1, i),
        [`home/deep/${i}.png`]: await colorPhoto(2, i),
      });
    }
    const run = await trainedOn(await photos(['a', 'b'], 4));
    const said = await dino('map', run, folder, '--iterations', '260', '--json');
    expect(said).toMatchObject({ code: 0 });
    const { page } = z.object({ page: z.string() }).parse(JSON.parse(said.out));
    const [, data = ''] = /<script type[^>]*>([\s\S]*?)<\/script>/.exec(readFileSync(page, 'utf8')) ?? [];
    const coloring = z.object({ name: z.string(), groups: z.array(z.string()), labels: z.array(z.number()) });
    const { names, colorings } = z
      .object({ names: z.array(z.string()), colorings: z.array(coloring) })
      .parse(JSON.parse(data));
    const [folders, clusters] = colorings;
    expect(folders?.name).toBe('folder');
    for (const [i, name] of names.entries()) {
      const group = folders?.groups[folders.labels[i] ?? -1];
      expect(group).toBe(name.includes('/') ? name.split('/')[0] : 'in no folder');
    }
    expect(clusters?.name).toBe('cluster');
    expect(clusters?.groups[0]).toBe('cluster 1');
    expect(new Set(clusters?.labels).size).toBe(clusters?.groups.length);
    expect(clusters?.labels).toHaveLength(18);
    // The cluster evaluation finds the same groups: by one rule.
    expect(await dino('eval', 'cluster', run, '--images', folder)).toMatchObject({ code: 0 });
    const { groups } = z
      .object({ groups: z.array(z.array(z.string())) })
      .parse(JSON.parse(readFileSync(join(run, 'eval/cluster.json'), 'utf8')));
    expect(groups.map((group) => group.toSorted())).toEqual(
      groups.map((_, i) => names.filter((_name, row) => clusters?.labels[row] === i).toSorted()),
    );
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('>trip</li>');
  });

  it('says what is missing', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images);
    expect(await dino('map', run)).toMatchObject({ code: 2 });
    expect((await dino('map', run, images, 'more')).err).toContain('"more" is one word too many');
    expect((await dino('map', run, images, '--perplexity', '0')).err).toContain('--perplexity 0');
    expect(await dino('map', run, join(images, 'none'))).toMatchObject({ code: 1 });
  });
});

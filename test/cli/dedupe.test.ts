import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { scenesSource } from '../../src/data/scenes-source.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { dedupeReport } from '../../src/eval/copies/dedupe-report.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { untrainedWeights } from '../../src/features/network-weights.ts';
import { jpegCopy } from '../../src/image/jpeg-node.ts';
import { renderScene } from '../../src/scenes/scene.ts';
import { png, tarArchive, tarMember, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { tinyVit } from '../model/tiny-networks.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const pairSchema = z.object({
  a: z.string(),
  b: z.string(),
  similarity: z.number().max(1),
  agreement: z.number().max(1),
  exact: z.boolean(),
  mirrored: z.boolean(),
});

/** A PNG of a generated scene. */
function scene(index: number, size = 160): ReturnType<typeof sharp> {
  const { data, width, height, channels } = renderScene(8, index, size).image;
  return sharp(data, { raw: { width, height, channels } });
}

/** Different scenes, a folder of three copies of four of them each. */
async function folderWithCopies(): Promise<string> {
  const folder = join(temporaryFolder(), 'photos');
  for (let i = 0; i < 40; i++) writeFiles(folder, { [`${i}.png`]: await scene(i).png().toBuffer() });
  for (const i of [3, 11, 20, 31]) {
    writeFiles(folder, {
      [`more/exact${i}.png`]: await scene(i).png().toBuffer(),
      [`more/jpeg${i}.jpg`]: await scene(i).jpeg({ quality: 60 }).toBuffer(),
      [`more/small${i}.jpg`]: await scene(i).resize(100).jpeg({ quality: 80 }).toBuffer(),
      [`more/cut${i}.jpg`]: await scene(i)
        .extract({ left: 4, top: 0, width: 156, height: 156 })
        .jpeg({ quality: 80 })
        .toBuffer(),
      [`more/mirror${i}.jpg`]: await scene(i).flop().jpeg({ quality: 80 }).toBuffer(),
    });
  }
  return folder;
}

const original = (copy: string): string => `${/\d+/.exec(copy)?.[0]}.png`;

describe('dino dedupe', () => {
  it('finds the copies that were put into a folder and no others, keeps the largest, and leaves all files alone', async () => {
    const folder = await folderWithCopies();
    writeFiles(folder, { 'broken.jpg': 'no' });
    const run = await trainedOn(await photos(['a', 'b'], 6));
    const said = await dino('dedupe', run, folder, '--json');
    expect(said.code).toBe(0);
    expect(said.err).toContain('broken.jpg cannot be decoded');
    expect(JSON.parse(said.out)).toMatchObject({ images: 60, groups: 4, copies: 20, exact: 4 });
    const file = (name: string): string => readFileSync(join(run, 'eval', 'dedupe', name), 'utf8');
    const pairs = z.array(pairSchema).parse(JSON.parse(file('pairs.json')));
    expect(pairs).toHaveLength(20);
    for (const { a, b, exact, agreement, mirrored } of pairs) {
      // Of an image and its exact copy, which are equally large, the first stays.
      expect([a, b.startsWith('more/')]).toEqual([original(b), true]);
      expect(exact).toBe(b.includes('exact'));
      expect(mirrored).toBe(b.includes('mirror'));
      expect(agreement).toBeGreaterThan(0.8);
    }
    const groups = z.array(z.array(z.string())).parse(JSON.parse(file('groups.json')));
    expect(groups.map(([kept]) => kept).sort()).toEqual(['11.png', '20.png', '3.png', '31.png']);
    expect(file('drop.txt').trim().split('\n').sort()).toEqual(
      readdirSync(join(folder, 'more'))
        .map((name) => join(folder, 'more', name))
        .sort(),
    );
    expect(readdirSync(folder)).toHaveLength(42);
    const report = readFileSync(join(run, 'report.html'), 'utf8');
    expect(report).toContain('The least certain copies');
    expect(report).toContain('mirror31.jpg');
    const strict = await dino('dedupe', run, folder, '--agreement', '1', '--threshold', '1');
    expect(strict.out).toContain('copies: 4 of 60 images, in 4 groups; with exactly the same pixels: 4');
    expect(strict.out).toContain('(as given)');
  });

  it('keeps an image that is larger than the first, and one of several links', async () => {
    const folder = join(temporaryFolder(), 'photos');
    writeFiles(folder, {
      '1-small.png': await scene(1, 48).png().toBuffer(),
      '2-large.png': await scene(1).png().toBuffer(),
      '3-few-bytes.jpg': await scene(2).jpeg({ quality: 40 }).toBuffer(),
      '4-more-bytes.jpg': await scene(2).jpeg({ quality: 95 }).toBuffer(),
      '5.png': await scene(3).png().toBuffer(),
      '7.png': await scene(3).png().toBuffer(),
      '8 copy.png': await scene(4).png().toBuffer(),
      '9.png': await scene(4).png().toBuffer(),
    });
    symlinkSync('7.png', join(folder, '6-link.png'));
    const run = await trainedOn(await photos(['a', 'b'], 6));
    expect((await dino('dedupe', run, folder, '--no-report')).code).toBe(0);
    const drop = readFileSync(join(run, 'eval', 'dedupe', 'drop.txt'), 'utf8')
      .trim()
      .split('\n');
    expect(drop.sort()).toEqual(
      ['1-small.png', '3-few-bytes.jpg', '5.png', '8 copy.png'].map((name) => join(folder, name)),
    );
  });

  it('moves copies away where it is asked to, with their paths, and nothing else', async () => {
    const folder = await folderWithCopies();
    const target = join(temporaryFolder(), 'away');
    const run = await trainedOn(await photos(['a', 'b'], 6));
    const said = await dino('dedupe', run, folder, '--move', target, '--json');
    expect(said.code).toBe(0);
    expect(JSON.parse(said.out)).toMatchObject({ moved: 20, movedTo: target });
    expect(readdirSync(join(target, 'more'))).toHaveLength(20);
    expect(readdirSync(join(folder, 'more'))).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(41);
    const lists = ['drop.txt', 'groups.json', 'pairs.json'];
    const before = lists.map((name) => readFileSync(join(run, 'eval', 'dedupe', name), 'utf8'));
    const again = await dino('dedupe', run, folder, '--no-report');
    expect(again.out).toContain('there are no copies among 40 images');
    expect(readFileSync(join(run, 'eval', 'dedupe', 'drop.txt'), 'utf8')).toBe('');
    // What was moved is still known.
    const history = join(run, 'eval', 'history');
    expect(again.err).toContain(`The earlier result is kept in ${join(history, 'dedupe-1.json')}.`);
    expect(lists.map((name) => readFileSync(join(history, 'dedupe-1', name), 'utf8'))).toEqual(before);
    expect(before[0]?.trim().split('\n')).toHaveLength(20);
    // The very same command finds nothing twice, and still takes nothing away.
    for (const _ of [1, 2]) await dino('dedupe', run, folder, '--move', target, '--no-report');
    expect(lists.map((name) => readFileSync(join(history, 'dedupe-1', name), 'utf8'))).toEqual(before);
  });

  it('counts links, which stay, in a folder and in its tar', async () => {
    const folder = join(temporaryFolder(), 'photos');
    for (let i = 0; i < 6; i++) writeFiles(folder, { [`cat/${i}.png`]: await scene(i).png().toBuffer() });
    symlinkSync('cat', join(folder, 'kitten'));
    const tar = join(temporaryFolder(), 'photos.tar');
    expect(spawnSync('tar', ['-cf', tar, '-C', folder, '.']).status).toBe(0);
    const run = await trainedOn(await photos(['a', 'b'], 6));
    for (const source of [folder, tar]) {
      const said = await dino('dedupe', run, source);
      expect(said.out).toContain('there are no copies but links among 12 images');
      expect(said.out).toContain('12 images are links, or files that links lead to: they stay, since');
      expect(said.err).toContain('because kitten is a link to cat');
      expect(JSON.parse(readFileSync(join(run, 'eval', 'dedupe.json'), 'utf8'))).toMatchObject({
        ...{ images: 12, copies: 0, linked: 12 },
      });
      expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('There are none but links.');
    }
  });

  it('shows the pictures of the run as they were after its images were moved', async () => {
    const folder = await folderWithCopies();
    const run = await trainedOn(folder, 'vit');
    const neighbors = (): string =>
      /<h2>Nearest neighbors<\/h2>[\s\S]*?<\/section>/.exec(
        readFileSync(join(run, 'report.html'), 'utf8'),
      )?.[0] ?? '';
    const before = neighbors();
    const target = join(temporaryFolder(), 'away');
    const said = await dino('dedupe', run, folder, '--move', target);
    expect(said.code).toBe(0);
    expect(said.err).toContain('The report shows attention and neighbors as they were drawn before.');
    expect(said.err).toContain('has 40 images, the run was started with 60');
    const report = readFileSync(join(run, 'report.html'), 'utf8');
    expect(report).toContain('were moved to');
    expect(report).toContain('has 40 images, the run was started with 60');
    expect(neighbors()).toBe(before);
    expect(before).toContain('data:image');
  });

  it('refuses to move out of an archive, and to where the files would be found again', async () => {
    const folder = join(temporaryFolder(), 'photos');
    const image = await png(1);
    writeFiles(folder, { '1.png': image, '2.png': image });
    const tar = join(temporaryFolder(), 'photos.tar');
    writeFileSync(tar, tarArchive(['1.png', '2.png'].map((name) => tarMember({ name, data: image }))));
    const run = await trainedOn(await photos(['a', 'b'], 6));
    const archive = await dino('dedupe', run, tar, '--move', join(temporaryFolder(), 'away'));
    expect(archive).toMatchObject({ code: 2 });
    expect(archive.err).toContain('--move takes files out of a folder');
    const inside = await dino('dedupe', run, folder, '--move', join(folder, 'away'));
    expect(inside).toMatchObject({ code: 1 });
    expect(inside.err).toContain('inside it or around it');
    expect(readdirSync(folder)).toHaveLength(2);
    expect((await dino('dedupe', run, tar, '--no-report')).out).toContain('copies: 1 of 2 images');
    expect(readFileSync(join(run, 'eval', 'dedupe', 'drop.txt'), 'utf8')).toBe('2.png\n');
  });

  it('says that there are none, and warns where nearly everything counts', async () => {
    const folder = join(temporaryFolder(), 'photos');
    for (let i = 0; i < 12; i++) writeFiles(folder, { [`${i}.png`]: await scene(i).png().toBuffer() });
    const run = await trainedOn(await photos(['a', 'b'], 6));
    expect(await dino('dedupe', run, folder)).toMatchObject({ code: 0 });
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('There are none.');
    for (let i = 0; i < 12; i++)
      writeFiles(folder, {
        [`${i}.png`]: await scene(i % 3)
          .png()
          .toBuffer(),
      });
    const all = await dino('dedupe', run, folder, '--no-report');
    expect(all.err).toContain('9 of 12 images are called copies: look at the least certain ones');
  });

  it('says what is missing: a source, a second image, a sensible threshold', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 6));
    const ask = async (...args: string[]) => {
      const said = await dino('dedupe', run, ...args);
      return `${said.code} ${said.err.trim().split('\n').at(-1)}`;
    };
    expect(await ask()).toMatch(/^2 .*Which images/);
    expect(await ask(await photos(['a'], 1))).toMatch(/^1 .*one image that can be read: duplicates need two/);
    expect(await ask(await photos(['a'], 2), '--threshold', '1.5')).toMatch(/^2 .*threshold/);
    const folder = temporaryFolder();
    writeFiles(folder, { 'photos/1.jpg': 'no', 'photos/2.jpg': 'no' });
    expect(await ask(join(folder, 'photos'))).toMatch(/^1 .*no image that can be read/);
    mkdirSync(join(folder, 'empty'));
    expect(await ask(join(folder, 'empty'))).toMatch(/^1 .*is empty/);
    expect(existsSync(join(run, 'eval', 'dedupe'))).toBe(false);
  });

  it('names the image for which a diverged network has no feature', async () => {
    const config = { ...tinyVit, depth: 1 } as const;
    const weights = new Map(untrainedWeights(config, 16, 1));
    weights.set('norm.bias', new Float32Array(16).fill(Number.NaN));
    const backbone = new FrozenBackbone(config, 16, ortNode, { threads: 1 });
    const source = scenesSource({ count: 4, size: 16 });
    await expect(
      dedupeReport({ source, backbone, weights, engine: ortNode, jpeg: jpegCopy }),
    ).rejects.toThrow('The feature of scene-0 is not finite (NaN)');
    await backbone.dispose();
  });
});

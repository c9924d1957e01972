import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openSource } from '../../src/data/open-source-node.ts';
import { queryBlocks } from '../../src/eval/copies/copy-blocks.ts';
import { copySize } from '../../src/eval/copies/copy-report.ts';
import { temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { colorPhoto } from './color-photos.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const share = z.number().min(0).max(1);
const scores = z.strictObject({ map: share, blocks: z.record(z.string(), share.nullable()) });
const printed = z.strictObject({ trained: scores, untrained: scores, pixels: scores });

async function originals(count: number, folder = join(temporaryFolder(), 'original')): Promise<string> {
  for (let i = 0; i < count; i++) writeFiles(folder, { [`${100 + i}.png`]: await colorPhoto(i % 4, i) });
  return folder;
}

describe('dino eval copies', () => {
  it('makes copies of a folder, the same ones for a seed, and scores each kind', async () => {
    const images = await originals(8);
    const run = await trainedOn(await photos(['a', 'b'], 6), 'vit');
    const asked = ['eval', 'copies', run, '--images', images, '--count', '4', '--json'];
    const said = await dino(...asked);
    expect(said.code).toBe(0);
    const { pixels } = printed.parse(JSON.parse(said.out));
    expect(Object.keys(pixels.blocks)).toHaveLength(18);
    expect(pixels.blocks).toMatchObject({ 'jpegqual/75': 1, 'blur/1': 1 });
    expect(pixels.blocks['crops/80']).toBeLessThan(1);
    expect((await dino(...asked)).out).toBe(said.out);
    expect((await dino(...asked, '--seed', '5')).out).not.toBe(said.out);
    const kept: unknown = JSON.parse(readFileSync(join(run, 'eval', 'copies.json'), 'utf8'));
    expect(kept).toMatchObject({ protocol: { originals: 8, distractors: 0, size: 24, seed: 5 } });
    const report = readFileSync(join(run, 'report.html'), 'utf8');
    expect(report).toContain('Originals and their copies');
    expect(report).toContain('jpegqual/3');
  });

  it('reads blocks of queries with distractors and whitening; a convnet has its pooled feature only', async () => {
    const folder = temporaryFolder();
    const images = await originals(6, join(folder, 'original'));
    for (let i = 0; i < 6; i++) {
      writeFiles(join(folder, 'queries'), {
        [`crops/10/${100 + i}.png`]: await colorPhoto(i % 4, i),
        [`strong/${100 + i}x.png`]: await colorPhoto(i % 4, i),
      });
    }
    const others = await photos(['a', 'b'], 4);
    const run = await trainedOn(others);
    const asked = ['--originals', images, '--queries', join(folder, 'queries')];
    const said = await dino('eval', 'copies', run, ...asked, '--distractors', others, '--whiten', others);
    expect(said).toMatchObject({ code: 0 });
    expect(said.out).toContain('12 queries among 14 images: the pooled feature of squares of 23 pixels');
    expect(said.out).toContain('whitened to 8 components of 8 images');
    expect(said.out).toMatch(/crops\/10 .*100\.0/);
  });

  it('says what is missing: a source, other images, originals of a block', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 6));
    const one = await originals(1);
    const evaluate = async (...args: string[]) => {
      const said = await dino('eval', 'copies', run, ...args);
      return `${said.code} ${said.err.trim().split('\n').at(-1)}`;
    };
    expect(await evaluate()).toMatch(/^2 .*--images/);
    expect(await evaluate('--originals', one)).toMatch(/^2 .*--queries/);
    expect(await evaluate('--images', one, '--queries', one)).toMatch(/^2 /);
    expect(await evaluate('--images', one)).toMatch(/^1 .*one image only/);
    const strangers = join(temporaryFolder(), 'queries');
    writeFiles(strangers, { 'blur/7.png': await colorPhoto(0, 7) });
    expect(await evaluate('--originals', await originals(3), '--queries', strangers)).toMatch(
      /^1 .*block blur .*neither by file names nor by number/,
    );
    const empty = join(temporaryFolder(), 'empty');
    mkdirSync(empty);
    expect(await evaluate('--images', empty)).toMatch(/^1 .*is empty/);
  });
});

describe('blocks of queries', () => {
  it('go by the name, by the number where no name fits, and by four letters in the strong block', async () => {
    const folder = temporaryFolder();
    const content = 'x';
    writeFiles(folder, { 'original/2001a.jpg': content, 'original/2002.jpg': content });
    writeFiles(folder, {
      'queries/crops/10/2002.png': content,
      'queries/jpegqual/3/one.jpg': content,
      'queries/jpegqual/3/two.jpg': content,
      'queries/strong/2001zzz.jpg': content,
    });
    const blocks = queryBlocks(openSource(join(folder, 'queries')), openSource(join(folder, 'original')));
    expect(blocks.names).toEqual(['crops/10', 'jpegqual/3', 'strong']);
    expect([0, 1, 2, 3].map((query) => blocks.positives(query))).toEqual([[1], [0], [1], [0]]);
    expect([0, 1, 2, 3].map((query) => blocks.blockOf(query))).toEqual([0, 1, 1, 2]);
  });

  it('cannot tell two originals of one name apart', () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'original/a/1.jpg': 'x', 'original/b/1.png': 'x', 'queries/blur/1.jpg': 'x' });
    const [queries, original] = [openSource(join(folder, 'queries')), openSource(join(folder, 'original'))];
    expect(() => queryBlocks(queries, original)).toThrow('two originals called 1 (a/1.jpg, b/1.png)');
  });

  it('are squares of 320 pixels for a network of 224', () => {
    expect(copySize(224, 16)).toBe(320);
    expect(copySize(224, 8)).toBe(320);
    expect(copySize(64, 8)).toBe(88);
  });
});

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { colorPhoto } from './color-photos.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const share = z.number().min(0).max(1);
const retrieved = z.strictObject({
  map: share,
  recallAt: z.record(z.string(), share),
  nsScore: z.number().min(0).max(4).optional(),
});
const compared = z.strictObject({
  trained: retrieved,
  untrained: retrieved,
  pixels: retrieved,
  pca: retrieved,
  chance: retrieved,
});

const harmonic = (n: number): number =>
  Array.from({ length: n }, (_, i) => 1 / (i + 1)).reduce((a, b) => a + b);

function kept(run: string): unknown {
  return JSON.parse(readFileSync(join(run, 'eval', 'retrieval.json'), 'utf8'));
}

describe('dino eval retrieval on folders', () => {
  it('finds the images of a class that only its color gives away, and shows queries in the report', async () => {
    const images = join(temporaryFolder(), 'photos');
    for (let i = 0; i < 12; i++)
      writeFiles(images, { [`${'abc'[i % 3]}/${i}.png`]: await colorPhoto(i % 3, i) });
    const run = await trainedOn(images);
    const said = await dino('eval', 'retrieval', run, '--images', images, '--k', '1', '3', '--json');
    expect(said.code).toBe(0);
    const printed = compared.parse(JSON.parse(said.out));
    expect(printed.pixels.map).toBeGreaterThan(0.9);
    expect(printed.pixels.recallAt).toEqual({ 1: 1, 3: 1 });
    expect(printed.pixels.nsScore).toBeGreaterThan(3.5);
    // Three of eleven others are right: 1 - C(8, 3) / C(11, 3) for the first three, 1 + 3 * 3 / 11 places of four.
    expect(printed.chance).toEqual({
      map: expect.closeTo((3 + 11 * 0.2 + 0.8 * harmonic(11)) / 22, 12),
      recallAt: { 1: expect.closeTo(3 / 11, 12), 3: expect.closeTo(1 - 56 / 165, 12) },
      nsScore: expect.closeTo(1 + 9 / 11, 12),
    });
    expect(kept(run)).toMatchObject({
      protocol: { size: 16, multiScale: false, queries: 12, database: 11, queriesWithPositives: 12 },
    });
    const report = readFileSync(join(run, 'report.html'), 'utf8');
    expect(report).toContain('Queries and their nearest images');
    expect(report).toContain('<dt>by chance</dt>');
    expect(report).toContain('Recall at k in percent, and N-S of 4');
    expect(report).toContain('class="same"');
  });

  it('tells groups by the file name, asks other images, takes several scales and whitens', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images, 'vit');
    const [flat, test] = [join(temporaryFolder(), 'flat'), join(temporaryFolder(), 'test')];
    for (let i = 0; i < 8; i++)
      writeFiles(flat, { [`${i % 2 ? 'red' : 'blue'}_${i}.png`]: await colorPhoto(i % 2, i) });
    for (let i = 0; i < 4; i++)
      writeFiles(test, { [`${i % 2 ? 'red' : 'blue'}_${i}.png`]: await colorPhoto(i % 2, i + 20) });
    const asked = ['--images', flat, '--test', test, '--separator', '_'];
    const said = await dino('eval', 'retrieval', run, ...asked, '--multiscale', 'true', '--whiten', images);
    expect(said).toMatchObject({ code: 0 });
    expect(said.out).toContain('retrieval of 4 queries among 8 images');
    expect(said.out).toContain('whitened to 12 components of 12 images');
    expect(said.out).toContain('class token at 16 pixels, mean of scales');
    expect(said.out).toMatch(/^by chance +\d/m);
    // Five of eight images cannot miss all four that are right.
    expect(said.err).toContain('Recall at 5, 10 left out: among so many of 8 images even a random order');
    expect(said.out).not.toContain('N-S');
    const byPrefix = await dino('eval', 'retrieval', run, '--images', flat, '--prefix', '3', '--json');
    expect(compared.parse(JSON.parse(byPrefix.out)).pixels.recallAt['1']).toBe(1);
  });

  it('has no N-S score where groups are not of four, and says whether training helped', async () => {
    const images = join(temporaryFolder(), 'photos');
    for (let i = 0; i < 24; i++)
      writeFiles(images, { [`${'abcd'[i % 4]}/${i}.png`]: await colorPhoto(i % 4, i) });
    const run = await trainedOn(images);
    const said = await dino('eval', 'retrieval', run, '--images', images, '--k', '1');
    expect(said.out).not.toContain('N-S');
    expect(kept(run)).not.toHaveProperty('trained.nsScore');
    expect(kept(run)).toHaveProperty('gains.pixels.low');
    // Colors are classes here, so that pixels are right each time and no network can be better.
    expect(said.err).toContain('warning: For retrieval, training has not helped: it is no better than');
    const log = readFileSync(join(run, 'log.txt'), 'utf8');
    expect(log).toContain('"topic":"scores of retrieval"');
  });

  it('says what is missing: groups, positives, other images', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images);
    const evaluate = async (...args: string[]) => {
      const said = await dino('eval', 'retrieval', run, ...args);
      return `${said.code} ${said.err.trim().split('\n').at(-1)}`;
    };
    const flat = join(temporaryFolder(), 'flat');
    for (let i = 0; i < 4; i++) writeFiles(flat, { [`${i}.png`]: await png(i) });
    expect(await evaluate()).toMatch(/^2 .*--images/);
    expect(await evaluate('--images', images, '--prefix', '2', '--separator', '_')).toMatch(/^2 .*exclude/);
    expect(await evaluate('--images', flat)).toMatch(/^1 .*has no class folders.*--prefix/);
    expect(await evaluate('--images', flat, '--separator', '_')).toMatch(/^1 .*0\.png.* has no "_"/);
    expect(await evaluate('--images', await photos(['a', 'b', 'c'], 1))).toMatch(
      /^1 .*another one of its group/,
    );
    expect(await evaluate('--images', await photos(['a'], 5))).toMatch(/^1 .*belong together \("a"\)/);
    expect(await evaluate('--images', await photos(['a'], 1))).toMatch(/^1 .*one image only/);
    const others = await evaluate('--images', images, '--test', await photos(['x', 'y'], 2));
    expect(others).toMatch(/^1 .*has one of its group/);
  });
});

describe('dino eval retrieval on revisited Oxford and Paris', () => {
  /** Six images in two colors: queries are the first of each color, with one hard and one junk image. */
  async function landmarks() {
    const folder = join(temporaryFolder(), 'jpg');
    for (let i = 0; i < 8; i++) writeFiles(folder, { [`view_${i}.png`]: await colorPhoto(i % 2, i) });
    const truth = {
      imlist: [2, 3, 4, 5, 6, 7].map((i) => `view_${i}`),
      qimlist: ['view_0', 'view_1'],
      gnd: [
        { easy: [0], hard: [2], junk: [4], bbx: [2.4, 1, 40, 30] },
        { easy: [1], hard: [3], junk: [5], bbx: [0, 0, 48, 40] },
      ],
    };
    const file = join(temporaryFolder(), 'gnd.json');
    writeFiles(join(file, '..'), { [basename(file)]: JSON.stringify(truth) });
    return { folder, file, truth };
  }

  it('scores easy, medium and hard with whole queries and with their boxes', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 6), 'vit');
    const { folder, file } = await landmarks();
    const asked = ['--database', folder, '--ground_truth', file];
    const said = await dino('eval', 'retrieval', run, ...asked, '--json');
    expect(said.code).toBe(0);
    const level = z.strictObject({ map: share, meanPrecisionAt: z.record(z.string(), share) });
    const levels = z.strictObject({ easy: level, medium: level, hard: level });
    const scores = z
      .strictObject({ trained: levels, untrained: levels, pixels: levels, pca: levels })
      .parse(JSON.parse(said.out));
    expect(scores.pixels.medium).toMatchObject({ map: 1, meanPrecisionAt: { 1: 1, 10: 1 } });
    const boxes = await dino(
      'eval',
      'retrieval',
      run,
      ...asked,
      '--crop_queries',
      'true',
      '--multiscale',
      'true',
      '--imsize',
      '24',
    );
    expect(boxes).toMatchObject({ code: 0 });
    expect(boxes.out).toContain('2 queries (their boxes) among 6 images');
    expect(boxes.out).toContain('24 pixels on the longer side, mean of scales');
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('Retrieval of landmarks');
  });

  it('says how to convert a pickle, and what is wrong with a ground truth', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 6));
    const { folder, truth } = await landmarks();
    const where = temporaryFolder();
    const evaluate = async (name: string, content: string | Uint8Array, ...args: string[]) => {
      writeFiles(where, { [name]: content });
      const truth = ['--ground_truth', join(where, name)];
      const said = await dino('eval', 'retrieval', run, '--database', folder, ...truth, ...args);
      return `${said.code} ${said.err.trim().split('\n').at(-1)}`;
    };
    expect(await evaluate('gnd.pkl', Uint8Array.of(0x80, 3))).toMatch(/^1 .*pickle.*python3 -c .*gnd\.json/);
    expect(await evaluate('gnd', Uint8Array.of(0x80, 3))).toMatch(/^1 .*pickle.*gnd\.json/);
    expect(await evaluate('a.json', 'no')).toMatch(/^1 .*a\.json is not JSON/);
    expect(await evaluate('b.json', '{"imlist": ["view_2"]}')).toMatch(/^1 .*qimlist/);
    const changed = (change: object) => JSON.stringify({ ...truth, ...change });
    expect(await evaluate('c.json', changed({ qimlist: ['view_0'] }))).toMatch(
      /^1 .*1 queries and the truth of 2/,
    );
    expect(await evaluate('d.json', changed({ imlist: ['view_2'] }))).toMatch(/^1 .*names image 2 of 1/);
    const absent = changed({ imlist: [...truth.imlist.slice(1), 'nowhere'] });
    expect(await evaluate('e.json', absent)).toMatch(/^1 .*1 of 6 images.*"nowhere"/);
    const boxless = changed({ gnd: truth.gnd.map(({ bbx: _, ...rest }) => rest) });
    expect(await evaluate('f.json', boxless, '--crop_queries', 'true')).toMatch(/^1 .*no box/);
    writeFiles(folder, { 'view_3.png': 'not an image' });
    expect(await evaluate('g.json', JSON.stringify(truth))).toMatch(
      /^1 .*The ground truth needs all images, and .*view_3\.png cannot be decoded/,
    );
  });
});

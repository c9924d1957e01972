import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { scenesSource } from '../../src/data/source.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { dedupeReport } from '../../src/eval/dedupe-report.ts';
import { findDuplicates } from '../../src/eval/duplicates.ts';
import { FrozenBackbone, untrainedWeights } from '../../src/eval/frozen-backbone.ts';
import { jpegCopy } from '../../src/image/jpeg-node.ts';
import { Random } from '../../src/random/random.ts';
import { temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { colourPhoto } from './colour-photos.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const pairsSchema = z.array(z.object({ a: z.string(), b: z.string(), similarity: z.number() }));

describe('dino dedupe', () => {
  it('finds the copies that were put into a folder, measures its threshold, and leaves all files alone', async () => {
    const folder = join(temporaryFolder(), 'photos');
    for (let i = 0; i < 8; i++) writeFiles(folder, { [`${i}.png`]: await colourPhoto(i % 4, i) });
    const again = await sharp(await colourPhoto(2, 2))
      .jpeg({ quality: 95 })
      .toBuffer();
    writeFiles(folder, { 'same.png': await colourPhoto(1, 5), 'smaller.jpg': again, 'broken.jpg': 'no' });
    const before = readdirSync(folder).sort();
    const run = await trainedOn(await photos(['a', 'b'], 6));
    const said = await dino('dedupe', run, folder, '--json');
    expect(said.code).toBe(0);
    expect(said.err).toContain('broken.jpg cannot be decoded');
    const { threshold } = z.object({ threshold: z.number().max(1) }).parse(JSON.parse(said.out));
    const read = (name: string): unknown =>
      JSON.parse(readFileSync(join(run, 'eval', 'dedupe', name), 'utf8'));
    const pairs = pairsSchema.parse(read('pairs.json'));
    const same = pairs.find(({ a, b }) => a === '5.png' && b === 'same.png');
    expect(same?.similarity).toBeCloseTo(1, 5);
    expect(pairs).toContainEqual(expect.objectContaining({ a: '2.png', b: 'smaller.jpg' }));
    for (const { similarity } of pairs) expect(similarity).toBeGreaterThanOrEqual(threshold - 1e-6);
    const groups = z.array(z.array(z.string())).parse(read('groups.json'));
    expect(groups.some((group) => group.includes('5.png') && group.includes('same.png'))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(before);
    const report = readFileSync(join(run, 'report.html'), 'utf8');
    expect(report).toContain('The most similar pairs');
    const strict = await dino('dedupe', run, folder, '--threshold', '1');
    expect(strict).toMatchObject({ code: 0 });
    expect(strict.out).toContain('5.png  same.png');
    expect(strict.out).toContain('(as given)');
  });

  it('says that there are none, and warns where nearly everything counts', async () => {
    const images = await photos(['a', 'b'], 5);
    const run = await trainedOn(images);
    const none = await dino('dedupe', run, images, '--threshold', '1');
    expect(none).toMatchObject({ code: 0 });
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('There are none.');
    const all = await dino('dedupe', run, images, '--threshold', '-0.99');
    expect(all.out).toContain('pairs: 45, groups: 1, images more than one of each: 9');
    expect(all.err).toContain('100.0 % of all pairs count');
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
    const config = {
      kind: 'vit',
      imageSize: 16,
      patchSize: 8,
      channels: 3,
      dim: 16,
      depth: 1,
      heads: 2,
      mlpRatio: 2,
    } as const;
    const weights = new Map(untrainedWeights(config, 16, 1));
    weights.set('norm.bias', new Float32Array(16).fill(Number.NaN));
    const backbone = new FrozenBackbone(config, 16, ortNode, { threads: 1 });
    const source = scenesSource({ count: 4, size: 16 });
    await expect(
      dedupeReport({ source, backbone, weights, engine: ortNode, jpeg: jpegCopy }),
    ).rejects.toThrow('the feature of scene-0 is not finite (NaN)');
    await backbone.dispose();
  });
});

describe('pairs of similar rows', () => {
  const [count, dim] = [30, 4];
  const random = new Random(6, 'pairs');
  const values = Float32Array.from({ length: count * dim }, () => random.normal());
  const cosine = (a: number, b: number) => {
    const [x, y] = [a, b].map((row) => values.subarray(row * dim, (row + 1) * dim)) as [
      Float32Array,
      Float32Array,
    ];
    return x.reduce((sum, value, i) => sum + value * y[i]!, 0) / (Math.hypot(...x) * Math.hypot(...y));
  };

  it('are those that comparing each with each finds, whatever the blocks', async () => {
    const expected: string[] = [];
    for (let a = 0; a < count; a++)
      for (let b = a + 1; b < count; b++) if (cosine(a, b) >= 0.8) expected.push(`${a} ${b}`);
    expect(expected.length).toBeGreaterThan(10);
    for (const block of [7, 30, 1024]) {
      const { pairs, count: found } = await findDuplicates(
        ortNode,
        { values, dim },
        { threshold: 0.8, block },
      );
      expect(found).toBe(expected.length);
      expect(pairs.map(({ a, b }) => `${a} ${b}`).sort()).toEqual([...expected].sort());
      for (const [i, { similarity, a, b }] of pairs.entries()) {
        expect(similarity).toBeCloseTo(cosine(a, b), 5);
        expect(similarity).toBeLessThanOrEqual(pairs[i - 1]?.similarity ?? 1.00001);
      }
    }
  });

  it('keep the most similar ones of too many, and join rows over others', async () => {
    const all = await findDuplicates(ortNode, { values, dim }, { threshold: 0.8 });
    const few = await findDuplicates(ortNode, { values, dim }, { threshold: 0.8, keep: 4, block: 5 });
    expect(few.pairs).toEqual(
      all.pairs.slice(0, 4).map((pair) => expect.objectContaining({ a: pair.a, b: pair.b })),
    );
    expect(few.count).toBe(all.count);
    expect(few.groups).toEqual(all.groups);
    // 0 and 2 are both near 1, not near each other; 3 is alone; 4 and 5 are a pair.
    const angles = [0, 0.3, 0.6, 2, 3, 3.1];
    const chain = { values: Float32Array.from(angles.flatMap((t) => [Math.cos(t), Math.sin(t)])), dim: 2 };
    const { groups, count: pairs } = await findDuplicates(ortNode, chain, { threshold: Math.cos(0.4) });
    expect(groups).toEqual([
      [0, 1, 2],
      [4, 5],
    ]);
    expect(pairs).toBe(3);
    await expect(
      findDuplicates(ortNode, { values: values.subarray(0, 4), dim }, { threshold: 0 }),
    ).rejects.toThrow('one image has no duplicates');
  });
});

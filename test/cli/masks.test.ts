import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { labelPalette } from '../../src/report/pictures/label-colors.ts';
import { encodeIndexedPng } from '../../src/report/pictures/png.ts';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

/** Labels by row and column, as an indexed PNG. */
const maskFile = (width: number, height: number, label: (y: number, x: number) => number) =>
  encodeIndexedPng(
    {
      width,
      height,
      data: Uint8Array.from({ length: width * height }, (_, i) => label(Math.floor(i / width), i % width)),
    },
    labelPalette,
  );

/** Four images of 24 x 20 in two folders, with masks of their left half. */
async function annotated(): Promise<{ images: string; masks: string }> {
  const folder = temporaryFolder();
  for (const name of ['a/1', 'a/2', 'b/1', 'b/2']) {
    writeFiles(folder, { [`images/${name}.png`]: await png(name.length, 24, 20) });
    writeFiles(folder, { [`masks/${name}.png`]: await maskFile(24, 20, (_, x) => (x < 12 ? 1 : 0)) });
  }
  return { images: join(folder, 'images'), masks: join(folder, 'masks') };
}

const summary = z.strictObject({ bestHead: z.number(), meanHead: z.number(), corLoc: z.number() });

describe('dino eval masks', () => {
  it('scores the network, itself untrained and the floor, and shows best and worst', async () => {
    const { images, masks } = await annotated();
    writeFiles(masks, {
      'a/2.png': await maskFile(48, 40, (y, x) => (y < 4 ? 255 : x < 24 ? 2 : 5)), // two objects, twice the size
    });
    const run = await trainedOn(await photos(['a', 'b'], 4), 'vit');
    const said = await dino('eval', 'masks', run, '--images', images, '--masks', masks, '--json');
    expect(said).toMatchObject({ code: 0 });
    const scores = z
      .strictObject({ trained: summary, untrained: summary, box: summary, image: summary })
      .parse(JSON.parse(said.out));
    // 24 x 20 is seen as 16 x 16 after 19 x 16: the left half is 9.5 pixels wide, sampled as 9 or 10.
    expect(scores.image.bestHead).toBeGreaterThan(0.5);
    expect(scores.image.bestHead).toBeLessThan(0.65);
    expect(scores.trained.bestHead).toBeGreaterThanOrEqual(0);
    expect(scores.trained.bestHead).toBeLessThanOrEqual(1);
    const kept: unknown = JSON.parse(readFileSync(join(run, 'eval', 'masks.json'), 'utf8'));
    expect(kept).toMatchObject({ protocol: { images: 4, objects: 5, threshold: 0.6, size: [16] } });
    const report = readFileSync(join(run, 'report.html'), 'utf8');
    expect(report).toContain('Objects in the attention');
    // Both heads are counted from 1, in the record and in the report.
    const { images: rows } = z
      .object({ images: z.array(z.object({ heads: z.array(z.number().int().min(1).max(2)).min(1) })) })
      .parse(kept);
    const shown = [...report.matchAll(/trained, head (\d)/g)].map(([, head]) => Number(head));
    expect(shown.every((head) => head === 1 || head === 2)).toBe(true);
    for (const { heads } of rows) expect(shown).toContain(heads[0]);
  });

  it('leaves out images without mask, files that are no images and empty masks, and says so', async () => {
    const { images, masks } = await annotated();
    rmSync(join(masks, 'a', '1.png'));
    writeFiles(images, { 'a/2.png': 'no image' });
    writeFiles(masks, { 'b/1.png': await maskFile(24, 20, () => 0) });
    const run = await trainedOn(await photos(['a', 'b'], 4), 'vit');
    const said = await dino('eval', 'masks', run, '--images', images, '--masks', masks);
    expect(said).toMatchObject({ code: 0 });
    expect(said.out).toContain('1 object in 1 image');
    expect(said.err).toContain('1 images have no mask and were left out, such as a/1');
    expect(said.err).toContain('1 masks hold no object at this size and were left out, such as that of b/1');
    expect(said.err).toContain(`1 image was left out: ${join(images, 'a/2.png')} cannot be decoded`);
    writeFiles(masks, { 'b/2.png': await maskFile(24, 20, () => 0) });
    const none = await dino('eval', 'masks', run, '--images', images, '--masks', masks);
    expect(none).toMatchObject({ code: 1 });
    expect(none.err).toContain('None of the 3 images has a mask with an object');
  });

  it('says which mask has another shape, which folder is missing, and that nothing matches', async () => {
    const { images, masks } = await annotated();
    const run = await trainedOn(await photos(['a', 'b'], 4), 'vit');
    const evaluate = (...flags: string[]) => dino('eval', 'masks', run, ...flags);
    writeFiles(masks, { 'b/1.png': await maskFile(20, 24, () => 1) });
    const turned = await evaluate('--images', images, '--masks', masks);
    expect(turned).toMatchObject({ code: 1 });
    expect(turned.err).toContain(`${join(masks, 'b/1.png')} has 24 x 20 pixels and its image 20 x 24`);
    const twice = await evaluate('--images', images, '--masks', join(images, '..'));
    expect(twice.err).toContain('None of the 4 images of');
    writeFiles(masks, { 'a/1.gif': 'another' });
    expect((await evaluate('--images', images, '--masks', masks)).err).toContain('have one name');
    const other = await photos(['z'], 2);
    expect((await evaluate('--images', images, '--masks', other)).err).toContain('None of the 4 images of');
    const nowhere = join(masks, 'nowhere');
    expect((await evaluate('--images', images, '--masks', nowhere)).err).toContain(
      `There is no folder at ${nowhere}: give the folder that holds the masks.`,
    );
    expect(await evaluate('--images', images)).toMatchObject({ code: 2 });
    expect((await evaluate('--images', images, '--masks', masks, '--threshold', '-1')).err).toContain(
      '--threshold -1',
    );
    const net = await trainedOn(await photos(['a', 'b'], 4));
    const refused = await dino('eval', 'masks', net, '--images', images, '--masks', masks);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.err).toContain(
      'A convolutional network that is pooled by its mean has no attention masks',
    );
  });
});

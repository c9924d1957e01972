import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decodeMask } from '../../src/image/mask-node.ts';
import { labelPalette } from '../../src/report/pictures/label-colors.ts';
import { encodeIndexedPng } from '../../src/report/pictures/png.ts';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const SIDE = 64;

/** A square of labels: the left half is `label`. */
const mask = (label: number, side = SIDE) =>
  encodeIndexedPng(
    {
      width: side,
      height: side,
      data: Uint8Array.from({ length: side * side }, (_, i) => (i % side < side / 2 ? label : 0)),
    },
    labelPalette,
  );

/** Frames of one picture that stands still, with masks for the first `masks` of them. */
async function clip(
  folder: string,
  frames: string,
  masksAt: string,
  count: number,
  masks = count,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    writeFiles(folder, { [`${frames}/0000${i}.png`]: await png(1, SIDE, SIDE) });
    if (i < masks) writeFiles(folder, { [`${masksAt}/0000${i}.png`]: await mask(2) });
  }
}

const statistics = z.strictObject({ mean: z.number(), recall: z.number(), decay: z.number() });
const summary = z.looseObject({ jAndF: z.number(), j: statistics, f: statistics, objects: z.number() });
const printed = z.strictObject({
  clips: z.number(),
  frames: z.number(),
  trained: summary,
  untrained: summary,
  kept: summary,
});

const size = ['--image_size', '64'] as const;

describe('dino eval video', () => {
  it('carries the first mask on, scores it, and writes indexed masks and overlays', async () => {
    const folder = temporaryFolder();
    await clip(folder, 'frames', 'masks', 4);
    const run = await trainedOn(await photos(['a', 'b'], 4), 'vit');
    const [frames, masks] = [join(folder, 'frames'), join(folder, 'masks')];
    const flags = ['--frames', frames, '--masks', masks, ...size, '--n_last_frames', '2', '--topk', '1'];
    const said = await dino('eval', 'video', run, ...flags, '--json');
    expect(said).toMatchObject({ code: 0 });
    const { trained, kept } = printed.parse(JSON.parse(said.out));
    expect(kept.jAndF).toBe(1);
    expect(trained).toMatchObject({ objects: 1, jAndF: expect.closeTo(1, 5) });
    expect(said.err).toMatch(
      /For video segmentation, too few objects to say whether training helped\. J and F on 1 object: trained 1\.000, the untrained network \d\.\d+, the first mask kept 1\.000\. .* Measure on 20 objects or more\./,
    );
    const { gains }: { gains: unknown } = JSON.parse(readFileSync(join(run, 'eval/video.json'), 'utf8'));
    expect(gains).toHaveProperty('untrained');
    expect(gains).toHaveProperty('kept');
    const made = join(run, 'eval', 'video');
    expect(readdirSync(join(made, 'overlays'))).toHaveLength(4);
    const last = await decodeMask(readFileSync(join(made, 'masks', '00003.png')), 'made');
    expect(last).toEqual(await decodeMask(await mask(2), 'given'));
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('Masks over time');
  });

  it('carries masks by the last map of a network without attention', async () => {
    const folder = temporaryFolder();
    await clip(folder, 'frames', 'masks', 3);
    const run = await trainedOn(await photos(['a', 'b'], 4));
    const both = ['--frames', join(folder, 'frames'), '--masks', join(folder, 'masks')];
    const said = await dino('eval', 'video', run, ...both, ...size, '--topk', '1', '--json');
    expect(said).toMatchObject({ code: 0 });
    expect(printed.parse(JSON.parse(said.out)).trained.jAndF).toBeCloseTo(1, 5);
  });

  it('runs folders of clips and the layout of DAVIS, and makes masks without scores from a first mask', async () => {
    const clips = temporaryFolder();
    await clip(clips, 'one/frames', 'one/masks', 3);
    await clip(clips, 'two/frames', 'two/masks', 2, 1);
    const run = await trainedOn(await photos(['a', 'b'], 4), 'vit');
    const both = await dino('eval', 'video', run, clips, ...size);
    expect(both).toMatchObject({ code: 0 });
    expect(both.out).toContain('5 frames of 2 clips');
    expect(both.err).toContain('1 of 2 clips have no mask between the first frame and the last');
    expect(readdirSync(join(run, 'eval', 'video', 'masks'))).toEqual(['one', 'two']);
    const davis = temporaryFolder();
    await clip(davis, 'JPEGImages/480p/bear', 'Annotations/480p/bear', 2, 1);
    const alone = await dino('eval', 'video', run, davis, ...size);
    expect(alone).toMatchObject({ code: 0 });
    expect(alone.out).toContain('not scored');
  });

  it('says what is wrong with frames and masks, naming the file', async () => {
    const folder = temporaryFolder();
    await clip(folder, 'frames', 'masks', 3);
    const images = await photos(['a', 'b'], 4);
    const run = await trainedOn(images, 'vit');
    const [frames, masks] = [join(folder, 'frames'), join(folder, 'masks')];
    const refused = async (...flags: string[]): Promise<string> => {
      const said = await dino('eval', 'video', run, ...flags, ...size);
      expect(said.code).toBeGreaterThan(0);
      return said.err;
    };
    const both = ['--frames', frames, '--masks', masks];
    writeFiles(frames, { '00001.png': await png(1, 80, 64) });
    expect(await refused(...both)).toContain(
      `${join(frames, '00001.png')} has 64 x 80 pixels and the first frame 64 x 64`,
    );
    writeFiles(frames, { '00001.png': 'no image' });
    expect(await refused(...both)).toContain(`${join(frames, '00001.png')} cannot be decoded`);
    writeFiles(frames, { '00001.png': await png(1, SIDE, SIDE) });
    writeFiles(masks, { '00001.png': await mask(1, 32) });
    expect(await refused(...both)).toContain(
      `${join(masks, '00001.png')} has 32 x 32 pixels and the first mask 64 x 64`,
    );
    writeFiles(masks, { '00000.png': await mask(0) });
    expect(await refused(...both)).toContain(`${join(masks, '00000.png')} has no object to follow`);
    rmSync(join(masks, '00000.png'));
    expect(await refused(...both)).toContain('00000, has no mask');
    for (const name of ['00001.png', '00002.png']) rmSync(join(frames, name));
    expect(await refused(...both)).toContain('has one frame, so there is nothing to carry its mask to');
    expect(await refused('--frames', frames)).toContain('Video needs --frames and --masks');
    expect(await refused(folder, ...both)).toContain('Video needs --frames and --masks');
    expect(await refused(images)).toContain('holds no clips');
    expect(await refused('--frames', join(folder, 'x'), '--masks', masks)).toContain('There is no folder at');
    expect(await refused(...both, '--topk', '0')).toContain('--topk 0');
  });
});

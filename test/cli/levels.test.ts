import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseNpy } from '../../src/format/npy.ts';
import { temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { tiffOf } from '../image/tiff-of.ts';
import { dino } from './command.ts';
import { trainedOn } from './tiny-network.ts';

/** Ramps of different directions, as bytes or as what a camera of 12 bits gives. */
function pictures(type: 'uint8' | 'uint16'): string {
  const folder = temporaryFolder();
  const side = 20;
  for (let n = 0; n < 16; n++) {
    const bytes = Array.from({ length: side * side }, (_, i) => {
      const [y, x] = [Math.floor(i / side), i % side];
      return Math.round((255 * ((n * x + (16 - n) * y) % (16 * side))) / (16 * side));
    });
    const samples = type === 'uint8' ? bytes : bytes.map((byte) => Math.round((4095 * byte) / 255));
    writeFiles(folder, { [`${n}.tif`]: tiffOf({ width: side, height: side, type, samples }) });
  }
  return folder;
}

async function features(run: string, images: string, ...flags: readonly string[]): Promise<Float32Array> {
  const output = join(temporaryFolder(), 'features');
  const said = await dino('embed', run, images, '--output', output, ...flags);
  expect(said).toMatchObject({ code: 0 });
  const { data } = parseNpy(readFileSync(join(output, 'features.npy')), 'features.npy');
  return Float32Array.from(data, Number);
}

describe('--levels', () => {
  it('are set once: the run keeps them, and what is done with it uses them', async () => {
    const [bytes, twelve] = [pictures('uint8'), pictures('uint16')];
    const refused = await dino(
      'train',
      twelve,
      '--steps',
      '2',
      '--output_dir',
      join(temporaryFolder(), 'run'),
    );
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.err).toContain('--levels 0 4095');
    const run = await trainedOn(twelve, 'convnet', ['--levels', '0', '4095']);
    expect(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')).config.levels).toEqual([0, 4095]);
    const [ofTwelve, ofBytes] = [await features(run, twelve), await features(run, bytes)];
    expect(ofTwelve.length).toBe(ofBytes.length);
    const off = ofTwelve.map((value, i) => Math.abs(value - (ofBytes[i] ?? 0)));
    expect(Math.max(...off)).toBeLessThan(1e-5);
    const other = await features(run, twelve, '--levels', '0', '65535');
    expect(Math.max(...ofTwelve.map((value, i) => Math.abs(value - (other[i] ?? 0))))).toBeGreaterThan(1e-3);
    expect(await features(run, twelve, '--levels', 'image')).toHaveLength(ofBytes.length);
  });

  it.each([[['5']], [['9', '3']], [['some']], [['1', '2', '3']]])('%s are refused', async (values) => {
    const said = await dino('train', 'photos', '--levels', ...values);
    expect(said).toMatchObject({ code: 2 });
    expect(said.err).toContain('must be two numbers, black and then white, or the word image');
  });

  it('that clip every sample, or do not apply, are told by every command that reads images', async () => {
    const [bytes, twelve] = [pictures('uint8'), pictures('uint16')];
    const run = await trainedOn(bytes);
    const warned = async (images: string, ...levels: readonly string[]): Promise<string> =>
      (
        await dino(
          'eval',
          'cluster',
          run,
          '--images',
          images,
          '--k',
          '2',
          '--no-report',
          '--levels',
          ...levels,
        )
      ).err;
    expect(await warned(twelve, '60000', '65535')).toContain(
      `--levels 60000 65535 makes 8 of the 8 images looked at in ${twelve} black or white all over: give the samples`,
    );
    const changesNothing = `--levels 0 4095 changes nothing in the 8 images looked at in ${bytes}: it is for images of more than 8 bits`;
    expect(await warned(bytes, '0', '4095')).toContain(changesNothing);
    expect(await warned(twelve, '0', '4095')).not.toContain('looked at');
    const one = join(twelve, '3.tif');
    const attended = await dino('map', run, twelve, '--levels', '60000', '65535');
    expect(attended.err).toContain('makes 8 of the 8 images');
    expect((await dino('search', run, twelve, one, '--levels', '60000', '65535')).err).toContain(
      `makes the image looked at in ${one}`,
    );
    const dry = await dino(
      'train',
      bytes,
      '--levels',
      '0',
      '4095',
      '--steps',
      '2',
      '--dry_run',
      '--threads',
      '1',
    );
    expect(dry.err).toContain(changesNothing);
    const clipped = await dino(
      ...['train', twelve, '--levels', '60000', '65535', '--steps', '2', '--dry_run', '--threads', '1'],
    );
    const all = clipped.err + clipped.out;
    expect(all.match(/Images of one color|all over/g), all).toHaveLength(1);
    expect(all).toContain('They were read with --levels 60000 65535: give the samples that are to be black');
  });
});

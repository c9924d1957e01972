import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseNpy } from '../../src/format/npy.ts';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

afterEach(() => void vi.unstubAllEnvs());

async function sizeOf(file: string): Promise<readonly [number, number]> {
  const { width, height } = await sharp(file).metadata();
  return [width, height];
}

describe('dino attend', () => {
  it('writes maps, masks, overlay, colors and arrays of each image, and shows them', async () => {
    const images = await photos(['a', 'b'], 4);
    const run = await trainedOn(images, 'vit');
    const said = await dino(
      ...[
        'attend',
        run,
        images,
        '--image_size',
        '32',
        '--patch_query',
        '3',
        '5',
        '--threshold',
        '0.3',
        '--json',
      ],
    );
    expect(said).toMatchObject({ code: 0 });
    expect(JSON.parse(said.out)).toMatchObject({ images: 8, output: join(run, 'eval', 'attend') });
    const files = join(run, 'eval', 'attend', 'a', '0');
    expect(readdirSync(files).sort()).toEqual([
      ...[
        'attention.npy',
        'attn-head1.png',
        'attn-head2.png',
        'attn-mean.png',
        'input.png',
        'mask-head1.png',
      ],
      ...['mask-head2.png', 'mask-mean.png', 'overlay.png', 'pca.png', 'similarity.npy', 'similarity.png'],
    ]);
    // 24 x 20 pixels become 38 x 32, of which 36 x 32 fill patches of 4.
    for (const file of ['attn-mean.png', 'mask-head2.png', 'overlay.png', 'pca.png', 'similarity.png'])
      expect(await sizeOf(join(files, file))).toEqual([36, 32]);
    const { shape, data } = parseNpy(readFileSync(join(files, 'attention.npy')), 'attention.npy');
    expect(shape).toEqual([2, 8, 9]);
    const similarity = parseNpy(readFileSync(join(files, 'similarity.npy')), 'similarity.npy');
    expect(similarity.data[Math.floor((3 * 1.6) / 4) * 9 + Math.floor((5 * 38) / 24 / 4)]).toBeCloseTo(1, 5);
    // The mask is what `--threshold` says: the fewest patches that hold 30 % of the first head's attention.
    const head = [...data.subarray(0, 72)].sort((x, y) => y - x);
    const total = head.reduce((sum, x) => sum + x, 0);
    let [kept, sum] = [0, 0];
    while (sum < 0.3 * total) sum += head[kept++] ?? total;
    const mask = await sharp(join(files, 'mask-head1.png')).raw().toBuffer({ resolveWithObject: true });
    const inside = mask.data.filter((level, i) => i % mask.info.channels === 0 && level === 255).length;
    expect(inside / 16).toBe(kept);
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('Attention in images');
  });

  it('takes one image of any shape, and writes where it is told', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 4), 'vit');
    const folder = temporaryFolder();
    writeFiles(folder, { 'tall.png': await png(3, 20, 50) });
    const output = join(folder, 'out');
    const said = await dino(
      'attend',
      run,
      join(folder, 'tall.png'),
      '--output',
      output,
      '--image_size',
      '20',
      '9',
    );
    expect(said).toMatchObject({ code: 0 });
    expect(await sizeOf(join(output, 'tall', 'overlay.png'))).toEqual([8, 20]);
    expect(readdirSync(output).sort()).toEqual(['eval', 'report.html', 'tall']);
    expect(existsSync(join(run, 'eval'))).toBe(false);
  });

  it('numbers the overlays of frames, and refuses frames of several sizes', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 4), 'vit');
    const frames = temporaryFolder();
    for (const i of [1, 2, 10]) writeFiles(frames, { [`f${i}.png`]: await png(i, 24, 20) });
    vi.stubEnv('PATH', temporaryFolder()); // no ffmpeg: everything but the mp4 is there
    const said = await dino('attend', run, frames, '--video', 'true');
    expect(said).toMatchObject({ code: 0 });
    const folder = join(run, 'eval', 'attend');
    expect(readdirSync(join(folder, 'overlays'))).toEqual(['00000.png', '00001.png', '00002.png']);
    expect(readdirSync(folder).sort()).toEqual(['maps', 'overlays']);
    writeFiles(frames, { 'f3.png': await png(3, 24, 21) });
    const mixed = await dino('attend', run, frames, '--video', 'true');
    expect(mixed).toMatchObject({ code: 1 });
    expect(mixed.err).toContain('The frame f3 has 21 x 24 pixels and the first 20 x 24');
  });

  it('leaves no frames of an earlier, longer video behind the last, and names those of others', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 4), 'vit');
    vi.stubEnv('PATH', temporaryFolder());
    const [longer, shorter, output] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
    for (const i of [0, 1, 2, 3]) writeFiles(longer, { [`${i}.png`]: await png(i, 24, 20) });
    for (const i of [0, 1]) writeFiles(shorter, { [`${i}.png`]: await png(i, 24, 20) });
    const attended = (frames: string) =>
      dino('attend', run, frames, '--video', 'true', '--output', output, '--no-report');
    expect(await attended(longer)).toMatchObject({ code: 0 });
    expect(readdirSync(join(output, 'maps'))).toHaveLength(4);
    writeFiles(output, { 'overlays/00007.png': 'mine', 'overlays/7.png': 'mine', 'maps/note.txt': 'mine' });
    const said = await attended(shorter);
    expect(said).toMatchObject({ code: 0 });
    expect(readdirSync(join(output, 'maps')).sort()).toEqual(['00000.png', '00001.png', 'note.txt']);
    expect(readdirSync(join(output, 'overlays')).sort()).toEqual([
      ...['00000.png', '00001.png', '00007.png', '7.png'],
    ]);
    expect(said.err).toContain(
      `${output} also holds numbered pictures behind the last frame (overlays/00007.png), and nothing tells whose they are`,
    );
  });

  it('reads a video file where there is ffmpeg, and says what always works where there is none', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 4), 'vit');
    const folder = temporaryFolder();
    writeFiles(folder, { 'clip.mp4': 'not really', 'frame.png': await png(1, 24, 20) });
    vi.stubEnv('PATH', temporaryFolder());
    const without = await dino('attend', run, join(folder, 'clip.mp4'));
    expect(without).toMatchObject({ code: 1 });
    expect(without.err).toContain(
      'there is no ffmpeg command to read it: install ffmpeg, or give a folder of frames',
    );
    vi.unstubAllEnvs();
    // Stands in for ffmpeg: two frames for a video that is read, a file for one that is written.
    const bin = join(temporaryFolder(), 'bin');
    const script = `#!/bin/sh
for last; do :; done
case "$*" in
  -version) ;;
  *-framerate*) echo video > "$last" ;;
  *) for i in 1 2; do cp '${join(folder, 'frame.png')}' "$(dirname "$last")/0000$i.png"; done ;;
esac
`;
    writeFiles(bin, { ffmpeg: script });
    chmodSync(join(bin, 'ffmpeg'), 0o755);
    vi.stubEnv('PATH', `${bin}:${process.env.PATH ?? ''}`);
    const read = await dino('attend', run, join(folder, 'clip.mp4'), '--json');
    expect(read).toMatchObject({ code: 0 });
    expect(JSON.parse(read.out)).toMatchObject({ images: 2 });
    expect(readdirSync(join(run, 'eval', 'attend')).sort()).toEqual(['attention.mp4', 'maps', 'overlays']);
  });

  it('leaves an image of an extreme shape out by name, and goes on with the others', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 4), 'vit');
    const folder = temporaryFolder();
    writeFiles(folder, { 'line.png': await png(1, 1200, 1), 'photo.png': await png(2, 24, 20) });
    const memory = vi.spyOn(process, 'availableMemory').mockReturnValue(256 * 2 ** 20);
    const said = await dino('attend', run, folder, '--json');
    const alone = await dino('attend', run, join(folder, 'line.png'));
    memory.mockRestore();
    expect(said).toMatchObject({ code: 0 });
    expect(JSON.parse(said.out)).toMatchObject({ images: 1 });
    expect(said.err).toMatch(
      /1 image was left out: line cannot be shown: An image of 16 x 19200 pixels for the network needs .* GiB/,
    );
    expect(alone).toMatchObject({ code: 1 });
    expect(alone.err).toContain('An image of 16 x 19200 pixels for the network needs');
  });

  it('says what is wrong with an image, a threshold, a size, a query, a convolutional network', async () => {
    const images = await photos(['a', 'b'], 4);
    const run = await trainedOn(images, 'vit');
    const folder = temporaryFolder();
    writeFiles(folder, { 'broken.png': 'no image', 'good.png': await png(1, 24, 20) });
    const broken = join(folder, 'broken.png');
    const one = await dino('attend', run, broken);
    expect(one).toMatchObject({ code: 1 });
    expect(one.err).toContain(`${broken} cannot be decoded`);
    const some = await dino('attend', run, folder);
    expect(some).toMatchObject({ code: 0 });
    expect(some.err).toContain(`1 image was left out: ${broken} cannot be decoded`);
    const good = join(folder, 'good.png');
    expect((await dino('attend', run, good, '--threshold', '1.2')).err).toContain('--threshold 1.2');
    expect(await dino('attend', run, good, '--threshold', '0')).toMatchObject({ code: 2 });
    expect(await dino('attend', run, good, '--image_size', '8', '8', '8')).toMatchObject({ code: 2 });
    expect((await dino('attend', run, good, '--image_size', '3')).err).toContain('no room for a patch of 4');
    const query = await dino('attend', run, good, '--patch_query', '20', '0');
    expect(query.err).toContain('The pixel at row 20, column 0 lies outside the image of 20 x 24 pixels');
    expect((await dino('attend', run, join(folder, 'none'))).err).toContain(
      `There is nothing at ${join(folder, 'none')}: give an image, a folder or an archive of images, or a video file.`,
    );
    expect(await dino('attend', run)).toMatchObject({ code: 2 });
    const net = await dino('attend', await trainedOn(images, 'convnet'), good);
    expect(net).toMatchObject({ code: 1 });
    expect(net.err).toContain(
      'A convolutional network that is pooled by its mean has no attention maps; train with --arch hybrid or vit',
    );
  });
});

/** Commands show images to weights from elsewhere as the files beside these say, or as flags say. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openSource } from '../../src/data/open-source-node.ts';
import { openReader } from '../../src/data/reader-node.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { parseNpy } from '../../src/format/npy.ts';
import type { Image } from '../../src/image/image.ts';
import { centerCrop, resize, resizeShortSide } from '../../src/image/resize.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import {
  folderWith,
  halvesProcessor,
  huggingFaceTensors,
  officialTensors,
  timmConfig,
  vitConfig,
} from '../weights/folders.ts';
import { dinoIn, type Said } from './command.ts';
import { photos } from './tiny-network.ts';

const hf = (): string =>
  folderWith({
    'config.json': vitConfig,
    'preprocessor_config.json': halvesProcessor,
    'model.safetensors': huggingFaceTensors(),
  });
const timm = (): string => folderWith({ 'config.json': timmConfig, 'model.safetensors': officialTensors() });

/** Results of weights that are in no run folder go here. */
let results = '';
beforeEach(() => {
  results = temporaryFolder();
});
const dino = (...args: readonly string[]): Promise<Said> => dinoIn(results, ...args);

/** What `dino embed` writes, [images, 16]. */
async function embedded(weights: string, images: string, ...flags: string[]): Promise<Float32Array> {
  const output = temporaryFolder();
  const said = await dino(
    'embed',
    weights,
    images,
    '--output',
    output,
    '--format',
    'npy',
    '--no-report',
    ...flags,
  );
  expect(said, said.err).toMatchObject({ code: 0 });
  const { data } = parseNpy(readFileSync(join(output, 'features.npy')), 'features.npy');
  return data as Float32Array;
}

/** Features of images that are shown and normalized here, by hand. */
async function byHand(
  weights: string,
  images: string,
  view: (image: Image) => Image,
  mean: readonly number[],
  std: readonly number[],
): Promise<Float32Array> {
  const { backbone, trained } = openSubject(weights);
  const frozen = new FrozenBackbone(backbone, 16, ortNode, { threads: 1 });
  const source = openSource(images);
  const reader = openReader(source.spec);
  const rows: number[] = [];
  for (let i = 0; i < source.length; i++) {
    const { data } = view(await reader.read(i));
    const pixels = Float32Array.from({ length: 3 * 256 }, (_, at) => {
      const [c, p] = [Math.floor(at / 256), at % 256];
      return (data[3 * p + c]! / 255 - mean[c]!) / std[c]!;
    });
    rows.push(...(await frozen.features(trained, pixels)));
  }
  reader.close();
  await frozen.dispose();
  return Float32Array.from(rows);
}

function expectNear(found: Float32Array, wanted: Float32Array): void {
  expect(found).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(found[i]).toBeCloseTo(value, 4);
}

const halves = [0.5, 0.5, 0.5];
const squashed = (image: Image): Image => resize(image, 16, 16, 'bilinear');

describe('features', () => {
  it('of a Hugging Face folder are by its preprocessor', async () => {
    const images = await photos(['a'], 3);
    expectNear(await embedded(hf(), images), await byHand(hf(), images, squashed, halves, halves));
  });

  it('of a timm folder are by its pretrained_cfg', async () => {
    const images = await photos(['a'], 3);
    const { mean, std } = timmConfig.pretrained_cfg;
    // floor(16 / 0.9) = 17
    const view = (image: Image): Image => centerCrop(resizeShortSide(image, 17, 'bilinear'), 16, 16);
    expectNear(await embedded(timm(), images), await byHand(timm(), images, view, mean, std));
  });

  it('are by flags where these are given', async () => {
    const images = await photos(['a'], 3);
    const flags = [
      '--mean',
      '0.1',
      '0.2',
      '0.3',
      '--std',
      '0.5',
      '--resize',
      'short',
      '--crop_pct',
      '0.8',
      '--interpolation',
      'bicubic',
    ];
    const view = (image: Image): Image => centerCrop(resizeShortSide(image, 20, 'bicubic'), 16, 16);
    expectNear(
      await embedded(hf(), images, ...flags),
      await byHand(hf(), images, view, [0.1, 0.2, 0.3], halves),
    );
  });

  it('stay the same through an export in any layout', async () => {
    const images = await photos(['a'], 3);
    const wanted = await embedded(hf(), images);
    for (const [layout, file] of [
      ['huggingface', ''],
      ['torch', 'backbone.pth'],
      ['safetensors', 'model.safetensors'],
      ['timm', 'model.safetensors'],
    ] as const) {
      const output = join(temporaryFolder(), 'exported');
      expect(await dino('export', hf(), '--to', layout, '--output', output)).toMatchObject({ code: 0 });
      expectNear(await embedded(join(output, file), images), wanted);
      const said = await dino('inspect', join(output, file));
      expect(said.out).toContain('2 heads');
      expect(said.out).toContain('squashed to 16 x 16 pixels (bilinear), mean 0.5 0.5 0.5, std 0.5 0.5 0.5');
    }
  });
});

describe('the protocol line', () => {
  it('says how images were shown, and where that stands', async () => {
    const images = await photos(['a', 'b'], 4);
    const line = async (weights: string, ...args: string[]): Promise<string> => {
      const said = await dino('eval', 'knn', weights, '--train', images, '--k', '3', '--no-report', ...args);
      expect(said, said.err).toMatchObject({ code: 0 });
      return said.out.split('\n')[0] ?? '';
    };
    const folder = hf();
    expect(await line(folder)).toContain(
      `squashed to 16 x 16 pixels (bilinear), mean 0.5 0.5 0.5, std 0.5 0.5 0.5 (${join(folder, 'preprocessor_config.json')})`,
    );
    expect(await line(folder, '--mean', '0.4', '--eval_size', '24')).toContain(
      'squashed to 24 x 24 pixels (bilinear), mean 0.4 0.4 0.4, std 0.5 0.5 0.5 (as asked for, the rest as in',
    );
    expect(await line(timm())).toContain(
      'short side to 17 pixels (bilinear), center of 16, mean 0.5 0.4 0.3',
    );
    const alone = join(folderWith({ 'weights.safetensors': officialTensors() }), 'weights.safetensors');
    expect(await line(alone, '--heads', '2')).toContain(
      "mean 0.485 0.456 0.406, std 0.229 0.224 0.225 (DINO's own: nothing beside the weights says another)",
    );
  });

  it('of a command with a view of its own says mean and deviation', async () => {
    const images = await photos(['a'], 2);
    const said = await dino('attend', hf(), images, '--image_size', '16', '--no-report');
    expect(said, said.err).toMatchObject({ code: 0 });
    expect(said.out).toContain('; images: mean 0.5 0.5 0.5, std 0.5 0.5 0.5 (');
  });

  it('names what is wrong with a flag', async () => {
    const images = await photos(['a'], 2);
    const said = async (...flags: string[]): Promise<string> =>
      (await dino('embed', hf(), images, ...flags)).err;
    expect(await said('--eval_size', '20')).toContain(
      'which are not made of whole patches of 8: give --eval_size 24',
    );
    expect(await said('--std', '0.5', '0.2')).toContain('--std gives 2 numbers');
    expect(await said('--std', '0')).toContain('std');
    expect(await said('--interpolation', 'nearest')).toContain('interpolation');
  });
});

describe('an embedded folder', () => {
  it('is searched only by a network that is shown images alike', async () => {
    const images = await photos(['a'], 3);
    const [bank, folder] = [temporaryFolder(), hf()];
    await dino('embed', folder, images, '--output', bank, '--no-report');
    const photo = join(images, 'a/1.png');
    const same = await dino('search', folder, photo, '--bank', bank, '--no-report');
    expect(same, same.err).toMatchObject({ code: 0 });
    expect(same.out).toMatch(/a\/1\.png\s+1\.0000/);
    const other = await dino('search', folder, photo, '--bank', bank, '--mean', '0.4', '--no-report');
    expect(other.err).toContain('holds features of images that were shown in another way');
  });
});

describe('attention', () => {
  it('is by the statistics of the weights', async () => {
    const images = await photos(['a'], 1);
    const read = async (folder: string, ...flags: string[]): Promise<Uint8Array> => {
      const output = temporaryFolder();
      const said = await dino(
        'attend',
        folder,
        images,
        '--image_size',
        '16',
        '--output',
        output,
        '--no-report',
        ...flags,
      );
      expect(said, said.err).toMatchObject({ code: 0 });
      const [file = ''] = readdirSync(output, { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('attention.npy'),
      );
      return readFileSync(join(output, file));
    };
    const usual = await read(hf());
    const other = await read(hf(), '--mean', '0.1');
    expect(other).not.toEqual(usual);
  });
});

describe('a folder with the configs of both libraries', () => {
  const both = (): string => folderWith({ ...configs, 'model.safetensors': officialTensors() });
  const configs = { 'config.json': vitConfig, 'timm_config.json': timmConfig };
  const wanted = (folder: string): string =>
    `${join(folder, 'config.json')} is taken, and not timm_config.json beside it, which counts only where there is no config.json`;

  it('is opened by one of them, and every command says by which', async () => {
    const [folder, images] = [both(), await photos(['a', 'b'], 4)];
    expect((await dino('inspect', folder)).out).toContain(`config: ${wanted(folder)}`);
    const tiny = ['--global_crops_size', '16', '--steps', '1', '--dry_run'];
    for (const args of [
      ['embed', folder, images, '--output', temporaryFolder()],
      ['export', folder, '--to', 'torch', '--output', temporaryFolder()],
      ['train', images, '--init', folder, '--local_crops_size', '8', ...tiny],
      ['train', images, '--method', 'distill', '--teacher', folder, '--arch', 'convnet', ...tiny],
    ]) {
      const said = await dino(...args);
      expect(said, said.err).toMatchObject({ code: 0 });
      expect(said.err.split(wanted(folder)), said.err).toHaveLength(2); // once
    }
  });

  it('says nothing where there is one config', async () => {
    const folder = folderWith({ 'config.json': vitConfig, 'model.safetensors': officialTensors() });
    const said = await dino('export', folder, '--to', 'torch', '--output', temporaryFolder());
    expect(said, said.err).toMatchObject({ code: 0 });
    expect(said.err).not.toContain('is taken');
  });
});

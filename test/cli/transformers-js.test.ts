/** What `dino export --to transformers.js` writes, read by the library it is for. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  AutoModel,
  AutoModelForImageClassification,
  AutoProcessor,
  env,
  pipeline,
  RawImage,
  Tensor,
} from '@huggingface/transformers';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { readClassifier } from '../../src/cli/export/classifier-file.ts';
import { openSource } from '../../src/data/open-source-node.ts';
import { openReader } from '../../src/data/reader-node.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { evalView } from '../../src/features/eval-images.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import type { Image } from '../../src/image/image.ts';
import { normalizationTable, normalize, statisticsFor } from '../../src/image/normalize.ts';
import { inputView, usualPreprocessing } from '../../src/image/preprocessing.ts';
import { centerCrop } from '../../src/image/resize.ts';
import { Random } from '../../src/random/random.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { huggingFacePreprocessor } from '../../src/weights/hugging-face.ts';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

beforeAll(() => {
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
});

/** A folder as the library wants to hear of it: a name inside `env.localModelPath`. */
function named(folder: string): string {
  env.localModelPath = dirname(folder);
  return basename(folder);
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
    Array.from(x).reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function worst(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  const largest = Array.from(b).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / largest;
}

/** A folder of images of one size. */
async function squares(side: number): Promise<string> {
  const folder = join(temporaryFolder(), 'squares');
  for (let i = 0; i < 8; i++) writeFiles(folder, { [`${i}.png`]: await png(i, side, side) });
  return folder;
}

/** Waves of several lengths and some noise, as photos have both. */
function smoothImage(width: number, height: number): Image {
  const random = new Random(6, 'photo', width);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [c, p] = [i % 3, Math.floor(i / 3)];
    const [x, y] = [(p % width) / width, Math.floor(p / width) / height];
    const waves = Math.sin(9 * x + c) + Math.sin(14 * y * (c + 1)) + 0.5 * Math.sin(60 * (x + y));
    return Math.max(0, Math.min(255, Math.round(128 + 40 * waves + 12 * random.normal())));
  });
  return { width, height, channels: 3, data };
}

interface Exported {
  readonly images: string;
  readonly run: string;
  readonly folder: string;
}

async function exported(arch: 'vit' | 'convnet'): Promise<Exported> {
  const images = await photos(['a', 'b', 'c'], 8);
  const run = await trainedOn(images, arch);
  const folder = join(temporaryFolder(), 'exported');
  const said = await dino('export', run, '--to', 'transformers.js', '--output', folder);
  expect(said).toMatchObject({ code: 0 });
  return { images, run, folder };
}

/** Our feature of normalized pixels, [1, 3, 16, 16]. */
async function ourFeature(run: string, pixels: Float32Array): Promise<Float32Array> {
  const { backbone, trained, size } = openSubject(run);
  const frozen = new FrozenBackbone(backbone, size, ortNode, { threads: 1 });
  return frozen.features(trained, pixels);
}

/**
 * Runs the JavaScript of a card as whoever copies it: beside the folder, with a photo.
 *
 * @returns what it prints
 */
function runSnippet(card: string, folder: string, photo: string): unknown {
  const [, code = ''] = /```js\n(.*?)```/s.exec(card) ?? [];
  const script = join(dirname(folder), 'snippet.mjs');
  writeFileSync(script, code);
  const modules = join(import.meta.dirname, '../../node_modules');
  symlinkSync(modules, join(dirname(folder), 'node_modules'), 'junction');
  copyFileSync(photo, join(dirname(folder), 'photo.jpg'));
  const printed = execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `
    const all = [];
    console.log = (value) => void all.push(value);
    await import(${JSON.stringify(pathToFileURL(script).href)});
    process.stdout.write(JSON.stringify(all));
  `,
    ],
    { cwd: dirname(folder), encoding: 'utf8' },
  );
  return JSON.parse(printed);
}

describe.each(['vit', 'convnet'] as const)('transformers.js on an exported %s', (arch) => {
  it('gives our features from the same pixels, and nearly from the smaller files', async () => {
    const { run, folder } = await exported(arch);
    const random = new Random(2, 'pixels');
    const pixels = Float32Array.from({ length: 3 * 16 * 16 }, () => random.normal());
    const wanted = await ourFeature(run, pixels);
    for (const [dtype, least] of [
      ['fp32', 1 - 1e-9],
      ['fp16', 0.9999],
      ['q8', 0.99],
    ] as const) {
      const model = await AutoModel.from_pretrained(named(folder), { dtype });
      const { pooler_output: feature } = await model({
        pixel_values: new Tensor('float32', pixels, [1, 3, 16, 16]),
      });
      expect(cosine(feature.data, wanted), dtype).toBeGreaterThan(least);
      if (dtype === 'fp32') expect(worst(feature.data, wanted)).toBeLessThan(1e-5);
      await model.dispose();
    }
  });

  it('gives our features through its own pipeline', async () => {
    const { run, folder } = await exported(arch);
    // 18 pixels on the short side: what the processor would resize to, so that both see the same pixels.
    const random = new Random(3, 'photo');
    const data = Uint8Array.from({ length: 18 * 22 * 3 }, () => random.integer(256));
    const file = join(temporaryFolder(), 'photo.png');
    await sharp(data, { raw: { width: 22, height: 18, channels: 3 } })
      .png()
      .toFile(file);
    const crop = centerCrop({ width: 22, height: 18, channels: 3, data }, 16, 16);
    const pixels = new Float32Array(3 * 16 * 16);
    normalize(crop, normalizationTable(statisticsFor(3)), pixels);
    const wanted = await ourFeature(run, pixels);
    const extract = await pipeline('image-feature-extraction', named(folder), { dtype: 'fp32' });
    const pooled = await extract(await RawImage.read(file), { pool: true });
    expect(worst(pooled.data as Float32Array, wanted)).toBeLessThan(1e-3);
    await extract.dispose();
  });

  it('prepares images of the input size as they are, if those of the run had it', async () => {
    const images = await squares(16);
    const run = await trainedOn(images, arch);
    const folder = join(temporaryFolder(), 'exported');
    const said = await dino('export', run, '--to', 'transformers.js', '--output', folder);
    expect(said.err).toContain('have 16 x 16 pixels and are seen as they are');
    const extract = await pipeline('image-feature-extraction', named(folder), { dtype: 'fp32' });
    const source = openSource(images);
    const reader = openReader(source.spec);
    const image = await reader.read(1);
    reader.close();
    const pixels = new Float32Array(3 * 16 * 16);
    normalize(image, normalizationTable(statisticsFor(3)), pixels);
    const { data, width, height } = image;
    const pooled = await extract(new RawImage(data, width, height, 3), { pool: true });
    expect(worst(pooled.data as Float32Array, await ourFeature(run, pixels))).toBeLessThan(1e-3);
    await extract.dispose();
    // Asked for, the processor cuts out the center instead.
    const again = await dino(
      'export',
      run,
      '--to',
      'transformers.js',
      '--output',
      folder,
      '--resize',
      'short',
    );
    expect(again.err).not.toContain('as they are');
    expect(JSON.parse(readFileSync(join(folder, 'preprocessor_config.json'), 'utf8'))).toMatchObject({
      size: { shortest_edge: 18 },
      crop_size: { height: 16, width: 16 },
    });
  });

  it('sees photos nearly as we do', async () => {
    const { run, folder } = await exported(arch);
    const { preprocessing } = openSubject(run);
    const extract = await pipeline('image-feature-extraction', named(folder), { dtype: 'fp32' });
    for (const [width, height] of [
      [200, 150],
      [90, 120],
      [24, 20],
    ] as const) {
      const photo = smoothImage(width, height);
      const pixels = new Float32Array(3 * 16 * 16);
      normalize(inputView(photo, preprocessing), normalizationTable(preprocessing.statistics), pixels);
      const pooled = await extract(new RawImage(photo.data, width, height, 3), { pool: true });
      expect(cosine(pooled.data as Float32Array, await ourFeature(run, pixels)), `${width}`).toBeGreaterThan(
        0.999,
      );
    }
    await extract.dispose();
  });

  it('gives the logits of a fine-tuned network', async () => {
    const { run, images } = await exported(arch);
    const flags = ['--train', images, '--epochs', '2', '--no-report'];
    expect(await dino('eval', 'finetune', run, ...flags)).toMatchObject({ code: 0 });
    const target = join(temporaryFolder(), 'classifier');
    const to = ['--to', 'transformers.js', '--classifier', 'finetune', '--output', target];
    expect(await dino('export', run, ...to)).toMatchObject({ code: 0 });
    const random = new Random(4, 'pixels');
    const pixels = Float32Array.from({ length: 3 * 16 * 16 }, () => random.normal());
    const subject = openSubject(run);
    const { head, weights } = readClassifier(subject, 'finetune');
    const feature = await new FrozenBackbone(subject.backbone, 16, ortNode, { threads: 1 }).features(
      weights,
      pixels,
    );
    const wanted = head.classes.map((_, c) =>
      feature.reduce((sum, value, d) => sum + value * head.weight[c * feature.length + d]!, head.bias[c]!),
    );
    const model = await AutoModelForImageClassification.from_pretrained(named(target), { dtype: 'fp32' });
    const { logits } = await model({ pixel_values: new Tensor('float32', pixels, [1, 3, 16, 16]) });
    expect(worst(logits.data, wanted)).toBeLessThan(1e-4);
    expect(weights.get('cls_token') ?? weights.get('conv1.weight')).not.toEqual(
      subject.trained.get('cls_token') ?? subject.trained.get('conv1.weight'),
    );
    await model.dispose();
  });

  it('names classes as our classifier does', async () => {
    const { run, images } = await exported(arch);
    const flags = ['--train', images, '--epochs', '30', '--no-report'];
    expect(await dino('eval', 'linear', run, ...flags)).toMatchObject({ code: 0 });
    const target = join(temporaryFolder(), 'classifier');
    const to = ['--to', 'transformers.js', '--classifier', 'linear', '--output', target];
    expect(await dino('export', run, ...to)).toMatchObject({ code: 0 });
    expect(JSON.parse(readFileSync(join(target, 'config.json'), 'utf8'))).toMatchObject({
      id2label: { 0: 'a', 1: 'b', 2: 'c' },
    });
    const classify = await pipeline('image-classification', named(target), { dtype: 'fp32' });
    const source = openSource(images);
    const reader = openReader(source.spec);
    let right = 0;
    for (let i = 0; i < source.length; i++) {
      const { data, width, height } = await reader.read(i);
      const [best] = await classify(new RawImage(data, width, height, 3), { top_k: 1 });
      if (best !== undefined && 'label' in best && best.label === source.classes[source.label(i)!]) right++;
    }
    reader.close();
    // The classes are colors, which even three steps of training leave apart; a guess would be right for a third.
    expect(right / source.length).toBeGreaterThan(0.7);
    const photo = join(images, 'a/1.png');
    const wanted = await classify(await RawImage.read(photo));
    await classify.dispose();
    const card = readFileSync(join(target, 'README.md'), 'utf8');
    expect(card).toContain('pipeline_tag: image-classification');
    expect(card).toContain('**Labels:** a, b, c.');
    expect(card).toContain(
      `npx dino export ${basename(run)} ${to.join(' ').replace(target, basename(target))}`,
    );
    expect(card).toContain(
      `npx dino eval linear ${basename(run)} ${flags.join(' ').replace(images, basename(images))}`,
    );
    expect(card).toMatch(/- Accuracy of a linear classifier on the features: [\d.]+ % \(\d+ test images; /);
    expect(card).not.toMatch(/[{]"/);
    expect(runSnippet(card, target, photo)).toEqual([wanted]);
  });
});

it('prepares gray images for a gray network', async () => {
  const folder = temporaryFolder();
  const processor = huggingFacePreprocessor(usualPreprocessing(16, 1), 'transformers.js');
  writeFiles(folder, { 'preprocessor_config.json': JSON.stringify(processor) });
  const prepare = await AutoProcessor.from_pretrained(named(folder));
  const gray = new RawImage(
    Uint8Array.from({ length: 400 }, (_, i) => 6 * ((i % 20) + Math.floor(i / 20))),
    20,
    20,
    1,
  );
  const { pixel_values: wanted } = await prepare(gray);
  expect(wanted.dims).toEqual([1, 1, 16, 16]);
  const table = normalizationTable(statisticsFor(1));
  const pixels = new Float32Array(16 * 16);
  const image = { width: 20, height: 20, channels: 1, data: Uint8Array.from(gray.data) } as const;
  normalize(evalView(image, 16), table, pixels);
  expect(worst(wanted.data, pixels)).toBeLessThan(0.05);
});

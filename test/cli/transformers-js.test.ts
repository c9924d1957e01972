/** What `dino export --to transformers.js` writes, read by the library it is for. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
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
import { readClassifier } from '../../src/cli/classifier-file.ts';
import { statisticsFor } from '../../src/data/assemble.ts';
import { openReader } from '../../src/data/reader.ts';
import { openSource } from '../../src/data/source.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { evalView } from '../../src/eval/eval-images.ts';
import { FrozenBackbone } from '../../src/eval/frozen-backbone.ts';
import { openSubject } from '../../src/eval/subject.ts';
import { normalizationTable, normalize } from '../../src/image/normalize.ts';
import { centerCrop } from '../../src/image/resize.ts';
import { Random } from '../../src/random/random.ts';
import { huggingFacePreprocessor } from '../../src/weights/hugging-face.ts';
import { temporaryFolder, writeFiles } from '../data/fixtures.ts';
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

/** Our feature of normalised pixels, [1, 3, 16, 16]. */
async function ourFeature(run: string, pixels: Float32Array): Promise<Float32Array> {
  const { backbone, trained, size } = openSubject(run);
  const frozen = new FrozenBackbone(backbone, size, ortNode, { threads: 1 });
  return frozen.features(trained, pixels);
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
    // The classes are colours, which even three steps of training leave apart.
    expect(right / source.length).toBeGreaterThan(0.8);
    await classify.dispose();
  });
});

it('prepares gray images for a gray network', async () => {
  const folder = temporaryFolder();
  const processor = huggingFacePreprocessor(16, statisticsFor(1));
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

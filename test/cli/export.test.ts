import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { calibratedBy, readClassifier } from '../../src/cli/export/classifier-file.ts';
import { openFile } from '../../src/files/file-source-node.ts';
import { parseSafetensors, serializeSafetensors } from '../../src/format/safetensors.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { checkComplete, findNetwork } from '../../src/weights/find-network.ts';
import { openStateDict } from '../../src/weights/state-dict.ts';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino, dinoIn } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const scores = z.looseObject({ trained: z.unknown() });

describe('dino export', () => {
  it('gives back every tensor bit for bit from each layout', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 6), 'vit');
    const { trained } = openSubject(run);
    const files = { huggingface: 'model.safetensors', torch: 'backbone.pth', timm: 'model.safetensors' };
    for (const [layout, file] of Object.entries(files)) {
      expect(await dino('export', run, '--to', layout)).toMatchObject({ code: 0 });
      const path = join(run, 'export', layout, file);
      const found = findNetwork(openStateDict(openFile(path)), { name: path, heads: 2 });
      checkComplete(found, path);
      expect(found.config).toMatchObject({ dim: 16, depth: 2, patchSize: 4, imageSize: 16, channels: 3 });
      const weights = found.weights();
      expect([...weights.keys()].sort()).toEqual([...trained.keys()].sort());
      for (const [name, values] of weights) expect(values, name).toEqual(trained.get(name));
    }
  });

  it('writes the files that transformers reads, with the eps the weights were trained with', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 6), 'vit');
    await dino('export', run, '--to', 'huggingface');
    const read = (name: string): unknown =>
      JSON.parse(readFileSync(join(run, 'export/huggingface', name), 'utf8'));
    expect(read('config.json')).toMatchObject({
      model_type: 'vit',
      hidden_size: 16,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 64,
      layer_norm_eps: 1e-6,
      image_size: 16,
      patch_size: 4,
    });
    expect(read('preprocessor_config.json')).toMatchObject({
      size: { shortest_edge: 18 },
      crop_size: { height: 16, width: 16 },
      image_mean: [0.485, 0.456, 0.406],
    });
    expect(readFileSync(join(run, 'export/huggingface/README.md'), 'utf8')).toContain('3 steps of 8 images');
  });

  it('says what has no place in a layout, and does not write over other things', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images);
    const said = await dino('export', run, '--to', 'huggingface');
    expect(said).toMatchObject({ code: 1 });
    expect(said.err).toContain('no place for a convolutional network');
    expect(await dino('export', run, '--to', 'torch', '--threads', '1')).toMatchObject({ code: 0 });
    expect((await dino('export', run, '--to', 'torch', '--threads', '0')).err).toContain(
      '--threads 0: must be 1 or more.',
    );
    expect((await dino('export', run, '--to', 'torch', '--output', images)).err).toContain(
      `${images} holds a, which is no part of such an export: choose another --output.`,
    );
    expect(await dino('export', run)).toMatchObject({ code: 2 });
    expect((await dino('export', run, '--to', 'tensorflow')).err).toContain('to');
  });

  it('replaces an export of the same kind and says so, and no file that it did not write', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 6), 'vit');
    const files = {
      huggingface: 'README.md',
      torch: 'backbone.pth',
      timm: 'model.safetensors',
      safetensors: 'model.safetensors',
      onnx: 'model.onnx',
    };
    for (const [layout, file] of Object.entries(files)) {
      const output = join(temporaryFolder(), 'out');
      const again = ['export', run, '--to', layout, '--output', output];
      const first = await dino(...again);
      expect([layout, first]).toMatchObject([layout, { code: 0 }]);
      expect(first.err).not.toContain('is replaced');
      expect([layout, (await dino(...again)).err]).toEqual([
        layout,
        expect.stringContaining(`The export that was in ${output} is replaced.`),
      ]);
      writeFileSync(join(output, file), 'mine');
      const refused = await dino(...again);
      expect([layout, refused]).toMatchObject([layout, { code: 1 }]);
      expect(refused.err).toContain(`${join(output, file)} is there already, and not from dino export`);
      expect(readFileSync(join(output, file), 'utf8')).toBe('mine');
    }
    const hub = join(temporaryFolder(), 'hub');
    writeFiles(hub, { '.git/HEAD': 'main', 'config.json': '{}' });
    const foreign = await dino('export', run, '--to', 'huggingface', '--output', hub);
    expect(foreign.err).toContain(`${join(hub, 'config.json')} is there already`);
    const other = await dino(
      'export',
      run,
      '--to',
      'onnx',
      '--output',
      join(run, 'export/../checkpoint.safetensors'),
    );
    expect(other.err).toContain('checkpoint.safetensors is a file: choose another --output.');
  });
});

describe('the processor of a classifier', () => {
  it('is for the images it was trained on, not for those of the run', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 6), 'vit');
    const images = temporaryFolder();
    for (let i = 0; i < 12; i++) writeFiles(images, { [`${i % 2}/${i}.png`]: await png(i, 16, 16) });
    const flags = ['--train', images, '--epochs', '2', '--no-report'];
    expect(await dino('eval', 'linear', run, ...flags)).toMatchObject({ code: 0 });
    const size = async (...args: string[]): Promise<unknown> => {
      const said = await dino('export', run, '--to', 'transformers.js', ...args);
      expect(said, said.err).toMatchObject({ code: 0 });
      const folder = said.out.split('config.json')[0] ?? '';
      return JSON.parse(readFileSync(join(folder, 'preprocessor_config.json'), 'utf8'));
    };
    expect(await size('--classifier', 'linear')).toMatchObject({ size: { height: 16, width: 16 } });
    expect(await size()).toMatchObject({ size: { shortest_edge: 18 }, resample: 1 });
  });

  it('divides its logits by the temperature, and the card says what that is good for', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images, 'vit');
    await dino('eval', 'linear', run, '--train', images, '--epochs', '2', '--no-report');
    const path = join(run, 'eval/linear/classifier.safetensors');
    const { tensors, metadata } = parseSafetensors(readFileSync(path), path);
    expect(metadata).not.toHaveProperty('calibration'); // of so few images
    const before = readClassifier(openSubject(run), 'linear');
    const card = async (): Promise<string> => {
      await dino('export', run, '--to', 'transformers.js', '--classifier', 'linear');
      return readFileSync(join(run, 'export/transformers.js-linear/README.md'), 'utf8');
    };
    expect(await card()).toContain('they are not probabilities');
    const calibration = {
      temperature: 2.5,
      fitted: 60,
      errorBefore: 0.124,
      errorAfter: 0.0312,
      measured: 90,
    };
    writeFileSync(
      path,
      Buffer.concat(serializeSafetensors(tensors, { ...metadata, ...calibratedBy(calibration) })),
    );
    const after = readClassifier(openSubject(run), 'linear');
    expect(after.calibration).toEqual(calibration);
    for (const name of ['weight', 'bias'] as const)
      for (const [i, value] of after.head[name].entries())
        expect(value).toBeCloseTo(before.head[name][i]! / 2.5, 6);
    expect(await card()).toContain(
      'logits are divided by 2.50, a temperature fitted on 60 images that it did not learn from. On 90 others the expected calibration error is 3.1 %; without the temperature it was 12.4 %.',
    );
  });

  it('is refused where the classifier was trained with another preprocessing', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images, 'vit');
    const flags = ['--train', images, '--epochs', '2', '--no-report', '--mean', '0.4'];
    expect(await dino('eval', 'linear', run, ...flags)).toMatchObject({ code: 0 });
    const to = ['--to', 'onnx', '--classifier', 'linear'];
    expect((await dino('export', run, ...to)).err).toContain(
      'was trained on images that were shown in another way',
    );
    expect(await dino('export', run, ...to, '--mean', '0.4')).toMatchObject({ code: 0 });
  });
});

describe('weights in place of a run', () => {
  it('give the scores of the run they were exported from, whatever the layout', async () => {
    const images = await photos(['a', 'b', 'c'], 6);
    const run = await trainedOn(images, 'vit');
    const flags = ['--train', images, '--k', '3', '--json'];
    const trained = (said: { out: string }): unknown => scores.parse(JSON.parse(said.out)).trained;
    const wanted = trained(await dino('eval', 'knn', run, ...flags));
    const results = temporaryFolder();
    for (const [layout, path] of [
      ['huggingface', ''],
      ['torch', 'backbone.pth'],
      ['timm', 'model.safetensors'],
    ] as const) {
      await dino('export', run, '--to', layout);
      // Two heads of 8: Hugging Face's config tells, and our own files.
      const said = await dinoIn(results, 'eval', 'knn', join(run, 'export', layout, path), ...flags);
      expect(said, said.err).toMatchObject({ code: 0 });
      expect(trained(said)).toEqual(wanted);
    }
    // A folder for each name and network: the files of one network have one, whatever their layout.
    const folders = readdirSync(results).sort();
    expect(folders.map((name) => name.replace(/-[0-9a-f]{6}-eval$/, ''))).toEqual([
      'backbone',
      'huggingface',
      'model',
    ]);
    const [backbone = '', huggingFace = ''] = folders;
    expect(readFileSync(join(results, backbone, 'report.html'), 'utf8')).toContain('k-NN classification');
    expect(readFileSync(join(results, huggingFace, 'eval/knn.json'), 'utf8')).toContain('"trained"');
  });
});

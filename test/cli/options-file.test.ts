/** `--config`: options from YAML and JSON files, and from the record of a run. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withOptionsFile } from '../../src/cli/train/options-file.ts';
import { fileFields } from '../../src/cli/train/train-flags.ts';
import { RunFolder } from '../../src/run/run-folder-node.ts';
import { readRecord } from '../../src/run/run-record.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

function file(name: string, text: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, text);
  return path;
}

const read = (path: string, given = {}) => withOptionsFile(path, given, fileFields());

describe('a file of options', () => {
  it('is YAML or JSON, with names as in config.json or as on the command line', () => {
    const yaml = [
      'arch: vit  # its size follows',
      'local_crops_number: 4',
      'global-crops-scale: [0.3, 1]',
      'normLastLayer: false',
      'evals: knn',
      'data_path: my photos',
      'seeds: [0, 1]',
    ].join('\n');
    const options = {
      arch: 'vit',
      localCropsNumber: 4,
      globalCropsScale: [0.3, 1],
      normLastLayer: false,
      evals: ['knn'],
      dataPath: 'my photos',
      seeds: [0, 1],
    };
    expect(read(file('a.yaml', yaml))).toEqual(options);
    expect(read(file('a.json', JSON.stringify(options)))).toEqual(options);
    expect(read(file('a.yml', `config:\n  ${yaml.replaceAll('\n', '\n  ')}`))).toEqual(options);
  });

  it('is overridden by flags, also by those that say the same thing in other words', () => {
    const path = file('a.yaml', 'minutes: 30\nlr: 0.1\nseed: 3\nwarmup_epochs: 2');
    expect(read(path, { steps: 10, lr: 0.2, warmupSteps: 5 })).toEqual({
      steps: 10,
      lr: 0.2,
      seed: 3,
      warmupSteps: 5,
    });
    expect(read(path, { seeds: [0, 1] })).not.toHaveProperty('seed');
  });

  it.each([
    ['lrr: 1', 'there is no option "lrr". Did you mean lr?'],
    ['learning_rate: 0.1', 'there is no option "learning_rate". Did you mean lr?'],
    ['batch_size: 32', 'there is no option "batch_size". Did you mean batch_size_per_gpu?'],
    ['batchSize: 32', 'there is no option "batchSize". Did you mean batchSizePerGpu?'],
    ['num_epochs: 3', 'there is no option "num_epochs". Did you mean epochs?'],
    ['device: cuda', 'device "cuda": must be auto, cpu, xla or webgpu'],
    [
      'gpus: 2',
      'there is no option "gpus": --device xla takes a GPU or TPU, --device webgpu any GPU (dino devices lists them).',
    ],
    [
      'use_fp16: true',
      'there is no option "use_fp16": numbers are float32; --precision says what an XLA device multiplies with, so leave it out.',
    ],
    ['verbose: true', 'there is no option "verbose". dino train --help lists all.'],
    ['out_dim: many', 'out_dim "many": must be a number.'],
    ['out_dim: 8.5', 'out_dim 8.5: must be a whole number.'],
    ['resume: runs/a', 'there is no option "resume"'],
    ['- 1', 'holds no options'],
    ['', 'holds no options'],
    ['a: [1', 'is neither YAML nor JSON: '],
    ['lr: 1\nlr: 2', 'is neither YAML nor JSON: '],
  ])('that does not fit is named: %j', (text, message) => {
    const path = file('bad.yaml', text);
    expect(() => read(path)).toThrow(message);
    expect(() => read(path)).toThrow(path);
  });

  it('that is not there is named', async () => {
    const said = await dino('train', '.', '--config', 'no-such.yaml');
    expect(said.code).toBe(2);
    expect(said.err).toMatch(
      /^error: There is nothing at no-such\.yaml: give a YAML or JSON file of options\.$/m,
    );
    expect((await dino('train', '--resume', 'runs/a', '--config', 'a.yaml')).err).toContain(
      '--config cannot be given',
    );
  });
});

describe('the config.json of a run', () => {
  it('repeats it: the same config, the same weights', async () => {
    const images = await photos(['a', 'b'], 6);
    for (const arch of ['convnet', 'vit'] as const) {
      const first = await trainedOn(images, arch);
      const second = join(temporaryFolder(), 'second');
      const from = arch === 'vit' ? first : join(first, 'config.json'); // the run folder does as well
      expect(await dino('train', images, '--config', from, '--output', second)).toMatchObject({ code: 0 });
      const [a, b] = [RunFolder.open(first), RunFolder.open(second)];
      expect(readRecord(b).config).toEqual(readRecord(a).config);
      const loss = (folder: RunFolder) => folder.readLog().map((line) => line.train_loss);
      expect(loss(b)).toEqual(loss(a));
    }
  });

  it('gives what still fits when a flag asks for another network', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 6));
    const { config } = readRecord(RunFolder.open(run));
    const options = read(join(run, 'config.json'), { arch: 'vit_tiny' });
    expect(options).toMatchObject({ arch: 'vit_tiny', outDim: config.outDim, steps: 3 });
    for (const name of ['widths', 'blocks', 'stemStride', 'dim', 'depth', 'heads', 'microBatch'])
      expect(options).not.toHaveProperty(name);
    expect(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')).config).toHaveProperty('widths');
  });
});

/** What is answered to words that are no command, flags of other programs, and paths that a shell took apart. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';

describe('a word that is no command', () => {
  it.each([
    ['trian', 'dino train?'],
    ['Train', 'dino train?'],
    ['atend', 'dino attend?'],
    ['quick-start', 'dino quickstart?'],
    ['evaluate', 'dino eval?'],
    ['knn', 'dino eval knn?'],
    ['clusters', 'dino eval cluster?'],
    ['resume', 'dino train --resume?'],
    ['umap', 'dino map?'],
    ['duplicates', 'dino dedupe?'],
    ['insp', 'dino inspect?'],
  ])('%s', async (word, hint) => {
    const said = await dino(word, 'runs/a');
    expect(said.code).toBe(2);
    expect(said.err).toBe(`error: There is no command "${word}". Did you mean ${hint}\n`);
  });

  it('is answered with the list where nothing is near, and with training where it is a folder', async () => {
    expect((await dino('xyzzy')).err).toContain('--help lists them.');
    const folder = temporaryFolder();
    expect((await dino(folder)).err).toContain(`Did you mean dino train ${folder}?`);
    expect((await dino('--minutes', '3', folder)).err).toContain('The command comes before its flags');
  });

  it('among evaluations, too', async () => {
    expect((await dino('eval', 'kn', 'runs/a')).err).toContain('Did you mean dino eval knn?');
    expect((await dino('eval', 'attend', 'runs/a')).err).toContain('Did you mean dino attend?');
  });
});

describe('a flag of another program', () => {
  it.each([
    [
      ['train', 'x', '--gpus=2'],
      '--gpus: --device xla takes a GPU or TPU, --device webgpu any GPU (dino devices lists them).',
    ],
    [
      ['eval', 'knn', 'x', '--cuda'],
      '--cuda: --device xla takes a GPU or TPU, --device webgpu any GPU (dino devices lists them).',
    ],
    [['inspect', 'x', '--device', 'cpu'], '--device: nothing is computed on a device here, so leave it out.'],
    [
      ['embed', 'x', '--fp16', 'true'],
      '--fp16: numbers are float32, and --precision says what an XLA device',
    ],
    [['inspect', 'x', '--fp16'], '--fp16: everything is computed in float32 here, so leave it out.'],
  ])('%s', async (words, hint) => {
    const said = await dino(...words);
    expect(said.code).toBe(2);
    expect(said.err).toContain(`There is no flag ${hint}`);
  });
});

describe('a path with spaces and without quotes', () => {
  it('is shown with them, as a word and as the value of a flag', async () => {
    const folder = temporaryFolder();
    const [path, tests] = [join(folder, 'my photos of 2024'), join(folder, 'test set')];
    mkdirSync(tests);
    writeFiles(path, { 'a b.jpg': 'x' });
    for (const words of [
      ['train', ...path.split(' ')],
      ['train', ...path.split(' '), '--minutes', '1'],
      ['train', `--data_path=${path.split(' ')[0]}`, ...path.split(' ').slice(1)],
      ['attend', 'runs/a', ...path.split(' ')],
    ]) {
      const said = await dino(...words);
      expect(said.code).toBe(2);
      expect(said.err).toContain(`write "${path}" in quotes`);
    }
    const said = await dino('eval', 'knn', 'runs/a', '--train', folder, '--test', ...tests.split(' '));
    expect(said.err).toContain(`write "${tests}" in quotes`);
    expect((await dino('search', 'r', ...join(path, 'a b.jpg').split(' '), '--bank', path)).err).toContain(
      `"${join(path, 'a b.jpg')}"`,
    );
  });

  it('is not suspected where the words are paths themselves', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'a/1.jpg': 'x', 'a b/1.jpg': 'x', 'b/1.jpg': 'x' });
    expect((await dino('train', join(folder, 'a'), 'b')).err).toContain('is one word too many');
  });
});

describe('--output and --output_dir', () => {
  it('mean the same wherever there is one of them', async () => {
    const missing = join(temporaryFolder(), 'none');
    for (const flag of ['--output', '--output_dir', '--output-dir']) {
      for (const words of [
        ['train', missing],
        ['quickstart', missing],
        ['embed', missing, missing],
        ['eval', 'knn', missing, '--train', missing],
        ['export', missing, '--to', 'onnx'],
      ]) {
        // Past the flags, to the path.
        const said = await dino(...words, flag, join(missing, 'out'));
        expect(said, words.join(' ')).toMatchObject({ code: 1 });
      }
    }
  });
});

/** Weights in every kind of folder and file give one network, and what is none is named. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { f32 } from '../../src/format/safetensors.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { dino } from '../cli/command.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import {
  folderWith,
  huggingFaceTensors,
  officialTensors,
  shards,
  type Tensors,
  timmConfig,
  vitConfig,
} from './folders.ts';

const official = officialTensors();

function expectTheNetwork(path: string): void {
  const { trained, backbone } = openSubject(path);
  expect(backbone).toMatchObject({ dim: 16, depth: 2, heads: 2, patchSize: 8, imageSize: 16 });
  for (const [name, tensor] of official) expect(trained.get(name), name).toEqual(f32(tensor));
}

describe('a folder of weights', () => {
  const config = { 'config.json': vitConfig };
  const timm = { 'config.json': timmConfig };
  it.each([
    ['model.safetensors of Hugging Face', { ...config, 'model.safetensors': huggingFaceTensors() }],
    ['pytorch_model.bin of Hugging Face', { ...config, 'pytorch_model.bin': huggingFaceTensors() }],
    ['shards of safetensors', { ...config, ...shards(huggingFaceTensors(), 'safetensors') }],
    ['shards of torch.save', { ...config, ...shards(huggingFaceTensors(), 'bin') }],
    ['model.safetensors of timm', { ...timm, 'model.safetensors': official }],
    ['pytorch_model.bin of timm', { ...timm, 'pytorch_model.bin': official }],
    ['one file of any name', { ...timm, 'vit.pth': official }],
  ])('with %s is read by all commands', async (_, files) => {
    const folder = folderWith(files);
    expectTheNetwork(folder);
    const said = await dino('inspect', folder);
    expect(said, said.out).toMatchObject({ code: 0 });
    expect(said.out).toContain('2 heads');
    expect(said.out).toContain('whole: every tensor of the network is there');
  });

  it('is read by its index too, and one shard names its folder', () => {
    const folder = folderWith({ 'config.json': vitConfig, ...shards(huggingFaceTensors(), 'safetensors') });
    expectTheNetwork(join(folder, 'model.safetensors.index.json'));
    expect(() => openSubject(join(folder, 'model-00001-of-00002.safetensors'))).toThrow(
      `is one of several shards: give their folder, ${folder}`,
    );
  });

  it('names a shard, an index or a tensor that is missing', () => {
    const all = shards(huggingFaceTensors(), 'safetensors');
    const { 'model-00002-of-00002.safetensors': second, ...without } = all;
    expect(() => openSubject(folderWith({ 'config.json': vitConfig, ...without }))).toThrow(
      'names model-00002-of-00002.safetensors, which is not beside it',
    );
    const { 'model.safetensors.index.json': index, ...parts } = all;
    expect(() => openSubject(folderWith({ 'config.json': vitConfig, ...parts }))).toThrow(
      'no index of its shards: download model.safetensors.index.json too',
    );
    const fewer = new Map(second as Tensors);
    const [lost = ''] = fewer.keys();
    fewer.delete(lost);
    expect(() =>
      openSubject(
        folderWith({ 'config.json': vitConfig, ...all, 'model-00002-of-00002.safetensors': fewer }),
      ),
    ).toThrow(`promises ${lost} in model-00002-of-00002.safetensors`);
    expect(index).toBeDefined();
  });

  it('that holds several files asks for one of them', () => {
    expect(() => openSubject(folderWith({ 'a.pth': official, 'b.pth': official }))).toThrow(
      'holds 2 files of weights (a.pth, b.pth): give one of them',
    );
  });
});

describe('what lies where weights should', () => {
  it.each([
    ['version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 88\n', 'a Git LFS pointer'],
    ['<!DOCTYPE html>\n<html><head></head></html>', 'a web page'],
    ['\n  <html lang="en">', 'a web page'],
    ['<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', 'an XML text'],
    ['{"error": "Repository not found"}', "a server's answer"],
    ['/annex/objects/SHA256E-s1--0.pth\n', 'a git-annex pointer'],
    ['\x1f\x8b\b\0', 'a gzip archive'],
    ['', 'empty'],
  ])('is named: %j', async (content, what) => {
    for (const name of ['weights.pth', 'weights.safetensors']) {
      const path = join(temporaryFolder(), name);
      writeFileSync(path, Buffer.from(content, 'latin1'));
      expect(() => openSubject(path)).toThrow(`${path} is ${what}`);
      for (const command of [
        ['inspect', path],
        ['train', temporaryFolder(), '--init', path],
      ])
        expect((await dino(...command)).err).toContain(`is ${what}`);
    }
  });

  it('is named in a config too', () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\n';
    for (const name of ['config.json', 'preprocessor_config.json'])
      expect(() =>
        openSubject(
          folderWith({
            'config.json': vitConfig,
            'model.safetensors': huggingFaceTensors(),
            [name]: pointer,
          }),
        ),
      ).toThrow(`${name} is a Git LFS pointer`);
  });
});

describe('a checkpoint of several networks', () => {
  const both = (): Tensors =>
    new Map(
      [...official].flatMap(([name, tensor]) => {
        const student = { ...tensor, data: f32(tensor).map((value) => value + 1), dtype: 'F32' as const };
        return [
          [`model/student.backbone.${name}`, student],
          [`model/teacher.backbone.${name}`, tensor],
        ] as const;
      }),
    );

  it.each(['.', '/'])('is opened by --checkpoint_key, wherever the key stands (%s)', (dot) => {
    const tensors = new Map([...both()].map(([name, tensor]) => [name.replace('/', dot), tensor]));
    const path = join(folderWith({ 'weights.safetensors': tensors }), 'weights.safetensors');
    const bias = (key?: string): Float32Array | undefined =>
      openSubject(path, { heads: 2, ...(key === undefined ? {} : { checkpointKey: key }) }).trained.get(
        'norm.bias',
      );
    const teacher = f32(official.get('norm.bias')!);
    expect(bias()).toEqual(teacher);
    expect(bias('teacher')).toEqual(teacher);
    expect(bias('student')).toEqual(teacher.map((value) => value + 1));
  });

  it('names what can be chosen as it is given', () => {
    const twice = new Map(
      [...official].flatMap(([name, tensor]) => [[`one/${name}`, tensor] as const, [name, tensor] as const]),
    );
    const path = join(folderWith({ 'weights.safetensors': twice }), 'weights.safetensors');
    expect(() => openSubject(path, { heads: 2 })).toThrow(
      'the file holds several networks ("" at the top of the file, one): choose one by --checkpoint_key.',
    );
    for (const checkpointKey of ['one', ''])
      expect(openSubject(path, { heads: 2, checkpointKey }).backbone).toMatchObject({ dim: 16 });
  });

  it('that holds one of them refuses the other', () => {
    const student = new Map([...both()].filter(([name]) => name.includes('student')));
    const path = join(folderWith({ 'weights.safetensors': student }), 'weights.safetensors');
    expect(() => openSubject(path, { heads: 2, checkpointKey: 'teacher' })).toThrow(
      'holds no teacher, only model/student.backbone.',
    );
    expect(openSubject(path, { heads: 2 }).backbone).toMatchObject({ dim: 16 });
  });
});

describe('a name that reads as a path', () => {
  it.each(['runs/nosuch', './some/run', 'src/nosuch', 'owner/weights.pth', 'owner/model.safetensors'])(
    'asks no server: %s',
    async (name) => {
      const before = process.env.DINO_HUB_URL;
      process.env.DINO_HUB_URL = 'http://127.0.0.1:9'; // whoever asks says that it cannot be reached
      try {
        const said = await dino('embed', name, temporaryFolder());
        expect(said.code).toBe(1);
        expect(said.err).toContain(`There is nothing at ${name}`);
        expect(said.err).not.toContain('reached');
      } finally {
        if (before === undefined) delete process.env.DINO_HUB_URL;
        else process.env.DINO_HUB_URL = before;
      }
      expect(existsSync(name)).toBe(false);
    },
  );
});

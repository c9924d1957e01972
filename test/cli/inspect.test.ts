import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { parseSafetensors, type StoredTensor, serializeSafetensors } from '../../src/format/safetensors.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const golden = join(import.meta.dirname, '../golden');
const checkpoint = (name: string): string => join(golden, 'checkpoints', name);

/** The golden backbone with some tensors changed. */
function backbone(change: (tensors: Map<string, StoredTensor>) => void): string {
  const { tensors } = parseSafetensors(readFileSync(checkpoint('backbone.safetensors')), 'backbone');
  change(tensors);
  const path = join(temporaryFolder(), 'weights.safetensors');
  writeFileSync(path, Buffer.concat(serializeSafetensors(tensors)));
  return path;
}

describe('dino inspect', () => {
  it('tells format, layout and network of each kind of file', async () => {
    const plain = await dino('inspect', checkpoint('backbone_legacy.pth'), '--heads', '2');
    expect(plain.code).toBe(0);
    expect(plain.out).toContain('torch.save, 30 tensors');
    expect(plain.out).toContain('width 16, 2 blocks, 2 heads, patches of 8, images of 16 pixels, 3 channels');
    const full = await dino('inspect', checkpoint('checkpoint.pth'), '--heads', '2');
    expect(full.code).toBe(0);
    expect(full.out).toContain('under "teacher/backbone."');
    expect(full.out).toContain('head: K 24, hidden 16, bottleneck 8');
    expect(full.out).toContain('other networks in the file: student/module.backbone.');
    const student = await dino(
      'inspect',
      checkpoint('checkpoint.pth'),
      '--heads',
      '2',
      '--checkpoint_key',
      'student',
    );
    expect(student.out).toContain('under "student/module.backbone."');
    const half = await dino('inspect', checkpoint('backbone_fp16.pth'), '--heads', '2', '--json');
    expect(JSON.parse(half.out)).toMatchObject({ whole: true, config: { dim: 16, depth: 2, heads: 2 } });
  });

  it('names every tensor that is missing, unexpected or of another shape', async () => {
    const bias = 'blocks.1.mlp.fc2.bias';
    const said = await dino(
      'inspect',
      backbone((tensors) => {
        tensors.delete('norm.bias');
        tensors.set(bias, { dtype: 'F32', shape: [4, 4], data: new Float32Array(16) });
        tensors.set('blocks.0.gamma', { dtype: 'F32', shape: [16], data: new Float32Array(16) });
        tensors.set('head.weight', { dtype: 'F32', shape: [16], data: new Float32Array(16) });
      }),
      '--heads',
      '2',
    );
    expect(said.code).toBe(1);
    expect(said.out).toContain('missing: norm.bias\n');
    expect(said.out).toContain(`misshapen: ${bias} is [4, 4] and should be [16]\n`);
    expect(said.out).toContain('unexpected: blocks.0.gamma\n');
    expect(said.out).toContain('not part of the backbone: head.weight\n');
    expect(said.out).toContain('not whole');
  });

  it('says why a file cannot be used', async () => {
    const error = async (...args: string[]): Promise<string> => {
      const said = await dino('inspect', ...args);
      expect(said.code).not.toBe(0);
      return said.err;
    };
    expect(await error(checkpoint('hostile_zip.pth'))).toContain('posix.system, which no checkpoint needs');
    expect(await error(join(golden, 'nothing.pth'))).toContain('There is no file at');
    expect(await error(golden)).toMatch(/holds \d+ files of weights \(.*\): give one of them/);
    expect(await error(temporaryFolder())).toContain('holds no weights');
    expect(await error(checkpoint('truncated_zip.pth'))).toContain('was it copied completely?');
  });

  it('shows what it can of a file that holds no network it knows', async () => {
    const said = await dino('inspect', checkpoint('odd_tensors.pth'));
    expect(said.code).toBe(1);
    expect(said.out).toMatch(/torch\.save, \d+ tensors\ntensors: /);
    expect(said.out).toMatch(/refused: .*no network of a known layout/);
    const json = await dino('inspect', checkpoint('odd_tensors.pth'), '--json');
    expect(JSON.parse(json.out)).toMatchObject({ format: 'torch.save', whole: false });
  });

  it('says of a run what of it is damaged or missing', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 6));
    expect(await dino('inspect', run)).toMatchObject({ code: 0 });
    const broken = (change: (folder: string) => void): string => {
      const folder = join(temporaryFolder(), 'run');
      cpSync(run, folder, { recursive: true });
      change(folder);
      return folder;
    };
    const config = broken((folder) =>
      writeFileSync(join(folder, 'config.json'), '{"format": "dino-ts run 1", '),
    );
    const said = await dino('inspect', config);
    expect(said.code).toBe(1);
    expect(said.out).toContain('3 of 3 steps done');
    expect(said.out).toContain(`refused: ${join(config, 'config.json')} is not valid JSON: restore it`);
    expect(said.out).toContain('the checkpoint is whole, but the run is not');
    const gone = broken((folder) => rmSync(join(folder, 'config.json')));
    expect((await dino('inspect', gone)).out).toContain('is not a run folder (it has no config.json)');
    const short = broken((folder) => truncateSync(join(folder, 'checkpoint.safetensors'), 5000));
    expect((await dino('inspect', short)).err).toContain(
      `${short} is a run folder whose checkpoint is damaged: restore it from a copy`,
    );
    const none = broken((folder) => rmSync(join(folder, 'checkpoint.safetensors')));
    expect((await dino('inspect', none)).err).toContain(
      `${none} is a run folder without a checkpoint (checkpoint.safetensors): let the run write one`,
    );
  });

  it('names images, ONNX models and what was written here for other programs', async () => {
    const images = await photos(['a', 'b'], 6);
    const folder = temporaryFolder();
    const jpeg = await sharp(await png(1))
      .jpeg()
      .toBuffer();
    writeFiles(folder, { 'x.jpg': jpeg, 'x.png': await png(1) });
    const of = async (path: string): Promise<string> => {
      const { out, err } = await dino('inspect', path);
      return out + err;
    };
    expect(await of(join(folder, 'x.jpg'))).toContain(
      'x.jpg is an image (JPEG) and holds no weights: give a run',
    );
    expect(await of(join(folder, 'x.png'))).toContain('x.png is an image (PNG) and holds no weights');
    const vit = await trainedOn(images, 'vit');
    await dino('export', vit, '--to', 'transformers.js');
    const onnx = join(vit, 'export/transformers.js');
    expect(await of(join(onnx, 'onnx/model.onnx'))).toContain('model.onnx is an ONNX model');
    const wanted = `${onnx} holds ONNX models (onnx/model.onnx), as dino export --to transformers.js or onnx writes, and no weights`;
    expect(await of(onnx)).toContain(wanted);
    expect((await dino('embed', onnx, images)).err).toContain(wanted);
    for (const run of [vit, await trainedOn(images)]) {
      await dino('eval', 'finetune', run, '--train', images, '--epochs', '1', '--no-report');
      const tuned = join(run, 'eval/finetune/model.safetensors');
      expect(await of(tuned)).toContain('fine-tuned on 2 classes by dino eval finetune');
      expect(await of(tuned)).toContain('whole: every tensor of the network is there');
      const [own, its] = [openSubject(run), openSubject(tuned)];
      expect(its.backbone).toEqual(own.backbone);
      expect([...its.trained.keys()].sort()).toEqual([...own.trained.keys()].sort());
    }
  });
});

it('a folder with a config.json of another program is no run folder', async () => {
  const images = await photos(['a', 'b'], 6);
  const folder = join(temporaryFolder(), 'model');
  writeFiles(folder, { 'config.json': '{"model_type": "vit"}' });
  expect((await dino('inspect', folder)).err).toContain(`${folder} holds no weights (model.safetensors`);
  expect((await dino('train', '--resume', folder)).err).toContain(
    'is not a run folder (its config.json is of another program)',
  );
  expect((await dino('train', images, '--output_dir', folder)).err).toContain(
    `${folder} exists and is not empty: choose another --output_dir.`,
  );
  const run = await trainedOn(images);
  expect(
    await dino('eval', 'cluster', run, '--images', images, '--k', '2', '--output', folder),
  ).toMatchObject({
    code: 0,
  });
  expect(readFileSync(join(folder, 'config.json'), 'utf8')).toBe('{"model_type": "vit"}');
});

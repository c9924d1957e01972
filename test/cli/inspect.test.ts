import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSafetensors, type StoredTensor, serializeSafetensors } from '../../src/format/safetensors.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { dino } from './command.ts';

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
});

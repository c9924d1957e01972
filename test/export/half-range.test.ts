/** Whether float16 can hold what a network computes is found out on an image, and said. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import { largestValue } from '../../src/export/half-range.ts';
import { onnxModel } from '../../src/export/onnx-model.ts';
import { untrainedWeights } from '../../src/features/network-weights.ts';
import { f32, type StoredTensor } from '../../src/format/safetensors.ts';
import { dino } from '../cli/command.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { tinyVit } from '../model/tiny-networks.ts';
import { folderWith, huggingFaceTensors, vitConfig } from '../weights/folders.ts';

const vit = { ...tinyVit, mlpRatio: 4 } as const;
const hybrid = {
  kind: 'convnet',
  channels: 3,
  widths: [8, 16],
  blocks: [0, 1],
  stemStride: 2,
  heads: 3,
  stem: 'conv',
} as const;

/** A folder whose blocks add so much to all tokens; together more than float16 can hold, if it is enough. */
function adding(value: number): string {
  const tensors = huggingFaceTensors();
  for (const block of [0, 1]) {
    const name = `encoder.layer.${block}.output.dense.bias`;
    const bias = tensors.get(name)!;
    const large: StoredTensor = { dtype: 'F32', shape: bias.shape, data: f32(bias).map(() => value) };
    tensors.set(name, large);
  }
  return folderWith({ 'config.json': vitConfig, 'model.safetensors': tensors });
}

describe('the largest value of a model', () => {
  it.each([vit, hybrid])('is that of its activations (%#)', async (config) => {
    const weights = new Map(untrainedWeights(config, 16, 0));
    const probe = { pixels: new Float32Array(3 * 256).fill(2), shape: [1, 3, 16, 16] as const };
    const before = await largestValue(ortNode, onnxModel(config, weights), probe);
    expect(before).toBeGreaterThan(1);
    expect(before).toBeLessThan(1000);
    const last =
      config.kind === 'vit' ? 'norm.bias' : [...weights.keys()].find((name) => name.endsWith('.bias'))!;
    weights.set(
      last,
      weights.get(last)!.map(() => 90_000),
    );
    expect(await largestValue(ortNode, onnxModel(config, weights), probe)).toBeGreaterThan(89_000);
  });
});

describe('an export for transformers.js', () => {
  const half = (folder: string): string => join(folder, 'onnx/model_fp16.onnx');

  it('leaves the model in float16 out where it overflows, and says so', async () => {
    const output = join(temporaryFolder(), 'exported');
    const fine = await dino('export', adding(30_000), '--to', 'transformers.js', '--output', output);
    expect(fine, fine.err).toMatchObject({ code: 0, err: '' });
    expect(existsSync(half(output))).toBe(true);
    expect(readFileSync(join(output, 'README.md'), 'utf8')).toContain("`dtype: 'fp16'`");
    // Each number fits, and their sum does not.
    const over = await dino('export', adding(40_000), '--to', 'transformers.js', '--output', output);
    expect(over.code).toBe(0);
    expect(over.err).toMatch(
      /model_fp16\.onnx is left out, since float16 overflows: on a probe image the network computes a value of 8\.00e\+4/,
    );
    expect(existsSync(half(output))).toBe(false);
    expect(readFileSync(join(output, 'README.md'), 'utf8')).not.toContain('fp16');
    // A weight that does not fit is named.
    const weight = await dino('export', adding(70_000), '--to', 'transformers.js', '--output', output);
    expect(weight.err).toContain('left out');
  });
});

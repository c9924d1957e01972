/** DINOv2 networks in the place of a run, and back to Hugging Face's names. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AutoModel, env, Tensor } from '@huggingface/transformers';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ortNode } from '../../src/engine/ort-node.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { openFile } from '../../src/files/file-source-node.ts';
import {
  f32,
  parseSafetensors,
  type StoredTensor,
  serializeSafetensors,
} from '../../src/format/safetensors.ts';
import type { BackboneConfig } from '../../src/model/backbone.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { findNetwork } from '../../src/weights/find-network.ts';
import { openStateDict } from '../../src/weights/state-dict.ts';
import { dino, dinoIn } from '../cli/command.ts';
import { photos } from '../cli/tiny-network.ts';
import { temporaryFolder } from '../data/fixtures.ts';

const { tensors, metadata } = parseSafetensors(
  readFileSync(join(import.meta.dirname, '../golden/hf_dinov2.safetensors')),
  'hf_dinov2',
);
const { hf_config: configs } = z
  .looseObject({ hf_config: z.record(z.string(), z.record(z.string(), z.unknown())) })
  .parse(JSON.parse(metadata.config ?? ''));

function under(prefix: string): Map<string, StoredTensor> {
  return new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [],
    ),
  );
}

/** Images, or what Hugging Face's own network gives for them. */
function floats(name: string): { readonly data: Float32Array; readonly shape: number[] } {
  const tensor = tensors.get(name)!;
  return { data: f32(tensor), shape: [...tensor.shape] };
}

/** A folder as `save_pretrained` writes it. */
function folderOf(variant: string): string {
  const folder = join(temporaryFolder(), 'model');
  mkdirSync(folder);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(configs[variant]));
  writeFileSync(
    join(folder, 'model.safetensors'),
    Buffer.concat(serializeSafetensors(under(`hf/${variant}/`))),
  );
  return folder;
}

describe.each([
  ['mlp', 'dinov2', 0],
  ['swiglu', 'dinov2', 0],
  ['registers', 'dinov2_with_registers', 4],
] as const)('a DINOv2 network (%s)', (variant, type, registers) => {
  it('comes back from Hugging Face names bit for bit', async () => {
    const folder = folderOf(variant);
    const out = join(temporaryFolder(), 'again');
    const said = await dino('export', folder, '--to', 'huggingface', '--output', out);
    expect(said).toMatchObject({ code: 0 });
    const again = parseSafetensors(readFileSync(join(out, 'model.safetensors')), 'again').tensors;
    const before = under(`hf/${variant}/`);
    expect([...again.keys()].sort()).toEqual([...before.keys()].sort());
    for (const [name, { data, shape }] of before) {
      expect(again.get(name)?.data, name).toEqual(data);
      expect(again.get(name)?.shape, name).toEqual(shape);
    }
    const config: unknown = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    expect(config).toMatchObject({ ...configs[variant], model_type: type });
  });

  it("gives Hugging Face's tokens, registers among them, through transformers.js", async () => {
    const out = join(temporaryFolder(), 'exported');
    const said = await dino('export', folderOf(variant), '--to', 'transformers.js', '--output', out);
    expect(said, said.err).toMatchObject({ code: 0 });
    env.allowRemoteModels = false;
    env.localModelPath = dirname(out);
    const model = await AutoModel.from_pretrained(basename(out), { dtype: 'fp32' });
    for (const [images, name] of [
      ['in', 'last_hidden_state'],
      ['in_small', 'last_hidden_state_small'],
    ] as const) {
      const { data, shape } = floats(images);
      const wanted = floats(`${name}/${variant}`);
      const { last_hidden_state: given } = await model({ pixel_values: new Tensor('float32', data, shape) });
      expect(given.dims).toEqual(wanted.shape);
      wanted.data.forEach((value, i) => void expect(given.data[i]).toBeCloseTo(value, 4));
    }
    await model.dispose();
  });

  it('gives attention to patches alone, and their tokens', async () => {
    const { backbone, trained, size } = openSubject(folderOf(variant));
    expect(backbone).toMatchObject({ layerScale: true, patchSize: 8, imageSize: 24 });
    expect(backbone.kind === 'vit' && (backbone.registers ?? 0)).toBe(registers);
    const frozen = new FrozenBackbone(backbone, size, ortNode, { threads: 1 });
    const pixels = Float32Array.from({ length: 3 * 24 * 24 }, (_, i) => Math.sin(i));
    const maps = await frozen.attention(trained, pixels);
    expect(maps).toHaveLength(2 * 9);
    for (let head = 0; head < 2; head++) {
      const mass = maps.subarray(head * 9, (head + 1) * 9).reduce((a, b) => a + b);
      expect(mass).toBeGreaterThan(0.1);
      expect(mass).toBeLessThan(1);
    }
    const [tokens = new Float32Array()] = await frozen.tokens(trained, { pixels, height: 24, width: 24 });
    expect(tokens).toHaveLength(10 * 18);
    // The feature alone is computed with one query, so that it is rounded in another order.
    const feature = await frozen.features(trained, pixels);
    for (const [i, value] of feature.entries()) expect(tokens[i]).toBeCloseTo(value, 5);
  });
});

describe('DINOv2 weights', () => {
  it('are read under the official names, with blocks in chunks too', () => {
    const path = join(temporaryFolder(), 'teacher.safetensors');
    const chunked = new Map(
      [...under('official/registers/')].map(([name, tensor]) => [
        `teacher.backbone.${name.replace(/^blocks\.(\d)/, 'blocks.0.$1')}`,
        tensor,
      ]),
    );
    writeFileSync(path, Buffer.concat(serializeSafetensors(chunked)));
    const found = findNetwork(openStateDict(openFile(path)), { name: path, heads: 2 });
    expect(found).toMatchObject({ missing: [], unexpected: [], misshapen: [], prefix: 'teacher.backbone.' });
    expect(found.config).toMatchObject({ registers: 4, positions: { offset: 0, antialias: true } });
  });

  it('classify as any other', async () => {
    const images = await photos(['a', 'b'], 6);
    const folder = folderOf('registers');
    const said = await dinoIn(
      temporaryFolder(),
      'eval',
      'knn',
      folder,
      '--train',
      images,
      '--k',
      '3',
      '--json',
      '--no-report',
    );
    expect(said).toMatchObject({ code: 0 });
  });

  it.each(['mlp', 'swiglu', 'registers'] as const)(
    'are trained on, in their own shape: %s',
    async (variant) => {
      const folder = folderOf(variant);
      const { backbone, trained } = openSubject(folder);
      const run = join(temporaryFolder(), 'run');
      const flags = ['--global_crops_size', '24', '--local_crops_size', '8', '--batch_size_per_gpu', '4'];
      const short = ['--steps', '1', '--threads', '1', '--num_workers', '1', '--eval_every', '0'];
      const still = ['--freeze_backbone_steps', '1', '--output_dir', run];
      const images = await photos(['a', 'b'], 6);
      const said = await dino(
        'train',
        images,
        '--method',
        'dinov2',
        '--init',
        folder,
        ...flags,
        ...short,
        ...still,
      );
      expect(said, said.err).toMatchObject({ code: 0 });
      expect(said.err).toMatch(
        /From .+: \d+ parameters of student and teacher\. Fresh: the head, the optimizer/,
      );
      const after = openSubject(run);
      const { dim, depth, registers = 0, swiglu = false } = vitOf(backbone);
      expect(vitOf(after.backbone)).toMatchObject({ dim, depth, layerScale: true });
      expect([vitOf(after.backbone).registers ?? 0, vitOf(after.backbone).swiglu ?? false]).toEqual([
        registers,
        swiglu,
      ]);
      // The backbone did not move yet, and the teacher is the mean of equal weights.
      for (const name of ['blocks.0.ls1.gamma', 'blocks.1.attn.qkv.weight', 'norm.weight'])
        for (const [at, value] of after.trained.get(name)!.entries())
          expect(value, `${name} ${at}`).toBeCloseTo(trained.get(name)![at]!, 5);
    },
  );
});

function vitOf(backbone: BackboneConfig): Extract<BackboneConfig, { kind: 'vit' }> {
  if (backbone.kind !== 'vit') throw new Error('A ViT was expected.');
  return backbone;
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseSafetensors } from '../../src/format/safetensors.ts';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const short = ['--epochs', '2', '--batch_size_per_gpu', '6', '--threads', '1'];

describe('dino eval finetune', () => {
  it('compares trained with untrained weights and leaves the network by the names of its parts', async () => {
    const classes = ['a', 'b', 'c', 'd', 'e'];
    const [train, test] = [await photos(classes, 4), await photos(classes.slice(0, 4), 2)];
    writeFiles(train, { 'b/broken.png': 'no image' });
    const run = await trainedOn(train, 'vit');
    const said = await dino('eval', 'finetune', run, '--train', train, '--test', test, ...short, '--json');
    expect(said.code).toBe(0);
    expect(said.err).toContain('1 image was left out');
    const one = z.strictObject({ top1: z.number().min(0).max(100) });
    z.strictObject({ trained: one, untrained: one }).parse(JSON.parse(said.out));
    const kept: unknown = JSON.parse(readFileSync(join(run, 'eval', 'finetune.json'), 'utf8'));
    expect(kept).toMatchObject({
      protocol: { epochs: 2, batchSize: 6, layerDecay: 0.75, warmupEpochs: 0.2, heldBack: false },
    });
    const { tensors, metadata } = parseSafetensors(
      readFileSync(join(run, 'eval/finetune/model.safetensors')),
      'it',
    );
    expect(tensors.get('head.weight')?.shape).toEqual([5, 16]);
    expect(tensors.get('backbone.blocks.1.attn.qkv.weight')?.shape).toEqual([48, 16]);
    expect(JSON.parse(metadata.backbone ?? '')).toMatchObject({ kind: 'vit', depth: 2 });
    expect(JSON.parse(readFileSync(join(run, 'eval/finetune/labels.json'), 'utf8'))).toEqual(classes);
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('Top-1 by epoch');
  });

  it('holds back a fifth of each class, and takes all images for a step where there are few', async () => {
    const images = await photos(['a', 'b'], 5);
    const run = await trainedOn(images);
    const said = await dino('eval', 'finetune', run, '--train', images, '--epochs', '1', '--threads', '1');
    expect(said).toMatchObject({ code: 0 });
    expect(said.out).toContain('with 8 images, 2 images held back');
    expect(said.out).toContain('0.03 x 8/256');
    expect(said.err).toContain(
      'warning: For fine-tuning, very few steps. 1 step in 1 epoch is too few to learn classes: the scores say little about what the network is worth. Give --epochs 50 or more, more images, or a smaller --batch_size_per_gpu.',
    );
    const longer = ['--epochs', '50', '--threads', '1', '--no-report'];
    expect((await dino('eval', 'finetune', run, '--train', images, ...longer)).err).toMatch(
      /For fine-tuning, too few images to say whether training helped\. Top-1 on 2 images: trained [\d.]+ %, .* Measure on 50 images or more\./,
    );
  });

  it('says what is wrong: no labels, one class, an unknown class, shares upside down', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images);
    const flat = join(temporaryFolder(), 'flat');
    for (let i = 0; i < 4; i++) writeFiles(flat, { [`${i}.png`]: await png(i) });
    const evaluate = (...args: string[]) => dino('eval', 'finetune', run, ...args);
    expect((await evaluate('--train', flat)).err).toContain('fine-tuning needs labels');
    expect((await evaluate('--train', await photos(['only'], 4))).err).toContain('only one class ("only")');
    expect((await evaluate('--train', images, '--test', await photos(['z', 'a'], 2))).err).toContain(
      'class "z"',
    );
    expect((await evaluate('--train', images, '--crops_scale', '0.5', '0.2')).err).toContain(
      'is upside down',
    );
    expect(await evaluate('--test', images)).toMatchObject({ code: 2 });
    expect(await evaluate('--train', images, '--layer_decay', '1.5')).toMatchObject({ code: 2 });
  });
});

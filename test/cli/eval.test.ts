import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';

/** Class folders of images: `classes` x `each`. */
async function photos(classes: readonly string[], each: number, from = 0): Promise<string> {
  const folder = join(temporaryFolder(), 'photos');
  for (const [c, name] of classes.entries()) {
    for (let i = 0; i < each; i++)
      writeFiles(folder, { [`${name}/${i}.png`]: await png(c * 60 + i + from, 24, 20) });
  }
  return folder;
}

async function trainedOn(images: string): Promise<string> {
  const run = join(temporaryFolder(), 'run');
  const flags = [
    ...['--widths', '8', '16', '--out_dim', '32', '--head_hidden_dim', '32', '--head_bottleneck_dim', '16'],
    ...['--global_crops_size', '16', '--local_crops_size', '8', '--batch_size_per_gpu', '8', '--steps', '3'],
    ...['--threads', '1', '--num_workers', '1', '--eval_every', '0', '--output_dir', run],
  ];
  expect((await dino('train', images, ...flags)).code).toBe(0);
  return run;
}

const percent = z.number().min(0).max(100);
const accuracy = z.strictObject({
  top1: z.strictObject({ 3: percent, 10: percent }),
  top5: z.strictObject({ 3: percent, 10: percent }),
});

describe('dino eval knn', () => {
  it('prints one JSON object with the scores of the trained and untrained network and the pixels, and keeps it', async () => {
    const classes = ['a', 'b', 'c'];
    const [train, test] = [await photos(classes, 8), await photos(classes, 2, 100)];
    const run = await trainedOn(train);
    const said = await dino('eval', 'knn', run, '--train', train, '--test', test, '--k', '3', '10', '--json');
    expect(said.code).toBe(0);
    const printed = z
      .strictObject({ trained: accuracy, untrained: accuracy, pixels: accuracy, pca: accuracy })
      .parse(JSON.parse(said.out));
    const kept: unknown = JSON.parse(readFileSync(join(run, 'eval', 'knn.json'), 'utf8'));
    expect(kept).toMatchObject(printed);
    expect(kept).toMatchObject({ protocol: { k: [3, 10], bankImages: 24, testImages: 6 } });
  });

  it('leaves out each k that the bank cannot give, and says so', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images);
    const said = await dino('eval', 'knn', run, '--train', images, '--test', images);
    expect(said.code).toBe(0);
    expect(said.out).toContain('k = 10');
    expect(said.out).not.toContain('k = 20');
    expect(said.err).toContain('k = 20, 100, 200 left out: the bank has only 12 images');
  });

  it('says what is missing: labels, a class, a source, a checkpoint', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images);
    const flat = join(temporaryFolder(), 'flat');
    for (let i = 0; i < 4; i++) writeFiles(flat, { [`${i}.png`]: await png(i) });
    const unlabelled = await dino('eval', 'knn', run, '--train', flat, '--test', images);
    expect(unlabelled).toMatchObject({ code: 1 });
    expect(unlabelled.err).toContain('has no class folders, and k-NN needs labels');
    const other = await dino('eval', 'knn', run, '--train', images, '--test', await photos(['a', 'z'], 2));
    expect(other.err).toContain('the class "z"');
    expect(await dino('eval', 'knn', run, '--train', images)).toMatchObject({ code: 2 });
    const best = await dino('eval', 'knn', run, '--train', images, '--test', images, '--checkpoint', 'best');
    expect(best.err).toContain('best.safetensors does not exist');
  });
});

/** A network trained for a few steps on small images with classes, for tests of commands that need one. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';

/** Class folders of images: `classes` x `each`; the class gives the color. `from` makes other images of the same classes. */
export async function photos(classes: readonly string[], each: number, from = 0): Promise<string> {
  const folder = join(temporaryFolder(), 'photos');
  for (const [c, name] of classes.entries()) {
    for (let i = 0; i < each; i++)
      writeFiles(folder, { [`${name}/${i}.png`]: await png(c * 60 + i + from, 24, 20) });
  }
  return folder;
}

const networks = {
  convnet: ['--arch', 'convnet', '--widths', '8', '16'],
  hybrid: [
    '--arch',
    'hybrid',
    '--widths',
    '8',
    '16',
    '--blocks',
    '0',
    '1',
    '--heads',
    '3',
    '--stem_stride',
    '2',
  ],
  vit: [
    '--arch',
    'vit',
    '--dim',
    '16',
    '--depth',
    '2',
    '--heads',
    '2',
    '--patch_size',
    '4',
    '--stem',
    'patch',
  ],
} as const;

/** Trains for three steps. @param more further flags @returns the run folder */
export async function trainedOn(
  images: string,
  arch: keyof typeof networks = 'convnet',
  more: readonly string[] = [],
): Promise<string> {
  const run = join(temporaryFolder(), 'run');
  const flags = [
    ...['--out_dim', '32', '--head_hidden_dim', '32', '--head_bottleneck_dim', '16'],
    ...['--global_crops_size', '16', '--local_crops_size', '8', '--batch_size_per_gpu', '8', '--steps', '3'],
    ...['--threads', '1', '--num_workers', '1', '--eval_every', '0', '--output_dir', run],
  ];
  expect((await dino('train', images, ...networks[arch], ...flags, ...more)).code).toBe(0);
  return run;
}

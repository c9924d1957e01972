/** Mistakes a user makes: each ends in one sentence with the cause, the value and the way out, and leaves nothing behind. */
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { shellWords } from '../../src/cli/terminal/shell-words.ts';
import { png, tarArchive, tarMember, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino, withFlags } from './command.ts';

let pictures: Record<string, Buffer> = {};
beforeAll(async () => {
  const files = await Promise.all(Array.from({ length: 24 }, (_, i) => png(i, 40, 36)));
  pictures = Object.fromEntries(files.map((file, i) => [`${i % 2 === 0 ? 'even' : 'odd'}/${i}.png`, file]));
});

/** A folder of 24 good images. */
function photos(): string {
  const folder = join(temporaryFolder(), 'photos');
  writeFiles(folder, pictures);
  return folder;
}

/** Flags of a run of a second. */
const tiny = [
  ...['--widths', '8', '16', '--out_dim', '32', '--head_hidden_dim', '32', '--head_bottleneck_dim', '16'],
  ...['--global_crops_size', '16', '--local_crops_size', '8', '--batch_size_per_gpu', '8', '--steps', '4'],
  ...['--threads', '1', '--num_workers', '1', '--eval_every', '0'],
];

async function refused(code: number, ...args: readonly string[]): Promise<string> {
  const output = join(temporaryFolder(), 'run');
  const said = await dino(...args, '--output_dir', output);
  expect(said.code).toBe(code);
  expect(existsSync(output)).toBe(false);
  const [line = '', ...more] = said.err.trimEnd().split('\n');
  expect(more).toEqual([]);
  expect(line).toMatch(/^error: .*[.?]/);
  return line;
}

describe('images that cannot be used', () => {
  it('a path with nothing at it, an empty folder, a folder without images', async () => {
    const folder = temporaryFolder();
    expect(await refused(1, 'train', join(folder, 'none'))).toContain('There is nothing at');
    mkdirSync(join(folder, 'empty'));
    expect(await refused(1, 'train', join(folder, 'empty'))).toContain(join(folder, 'empty'));
    writeFiles(folder, { 'texts/a.txt': 'a' });
    expect(await refused(1, 'train', join(folder, 'texts'))).toContain('texts');
  });

  it('a folder whose images are all unreadable', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${i}.jpg`, 'no image'])));
    expect(await refused(1, 'train', folder)).toContain('can be read');
  });

  it('corrupt and truncated files among good ones are skipped, counted and listed', async () => {
    const folder = photos();
    const whole = pictures['even/0.png'] ?? Buffer.alloc(0);
    writeFiles(folder, {
      'even/cut.png': whole.subarray(0, Math.floor(whole.length / 2)),
      'odd/not.jpg': 'not an image at all',
    });
    symlinkSync('loop.png', join(folder, 'loop.png'));
    const run = join(temporaryFolder(), 'run');
    const said = await dino('train', folder, ...withFlags(tiny, '--steps', '7'), '--output_dir', run);
    expect(said.code).toBe(0);
    expect(said.err).toContain(
      'skipped even/cut.png: cannot be decoded (it is damaged or cut off): replace or remove it.',
    );
    expect(said.err).toContain('1 entry was left out: loop.png (a link that leads to itself).');
    expect(said.err).toContain(`3 files were left out; ${join(run, 'skipped.txt')} says why.`);
    const skipped = readFileSync(join(run, 'skipped.txt'), 'utf8').trim().split('\n').sort();
    expect(skipped.slice(0, 2)).toEqual([
      'even/cut.png\tcannot be decoded (it is damaged or cut off): replace or remove it.',
      'loop.png\ta link that leads to itself',
    ]);
    expect(skipped[2]).toMatch(/^odd\/not\.jpg\tcannot be decoded \(it is no image, /);
    // Another way of reading, the same words.
    const output = join(temporaryFolder(), 'features');
    const embedded = await dino('embed', run, folder, '--output', output);
    expect(embedded.err).toContain(
      `2 images were left out (${join(output, 'eval', 'embed.json')} lists all); the first: even/cut.png cannot be decoded (it is damaged or cut off): replace or remove it.`,
    );
  });

  it('of formats that are not read are counted and named, in a folder and in a tar', async () => {
    const folder = photos();
    writeFiles(folder, { 'a.NEF': 'x', 'even/b.nef': 'x', 'c.bmp': 'x', 'notes.txt': 'x', '.d.bmp': 'x' });
    const archive = join(temporaryFolder(), 'photos.tar');
    const members = Object.entries({ 'c.bmp': Buffer.from('x'), ...pictures });
    writeFileSync(archive, tarArchive(members.map(([name, data]) => tarMember({ name, data }))));
    const said = await dino('train', folder, ...tiny, '--dry_run');
    expect(said.err).toContain(
      `${folder} also has images in formats that are not read (2 .nef, 1 .bmp): convert them`,
    );
    expect((await dino('train', archive, ...tiny, '--dry_run')).err).toContain('(1 .bmp)');
  });

  it('a single image trains and has a report', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'photos/1.png': pictures['even/0.png'] ?? Buffer.alloc(0) });
    const run = join(folder, 'run');
    const flags = withFlags(tiny, '--batch_size_per_gpu', '1', '--output_dir', run);
    expect((await dino('train', join(folder, 'photos'), ...flags)).code).toBe(0);
    expect(existsSync(join(run, 'report.html'))).toBe(true);
  });

  it('more than half of them unreadable stops the run', async () => {
    const folder = photos();
    writeFiles(folder, Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`odd/bad${i}.png`, 'no'])));
    const said = await dino(
      'train',
      folder,
      ...withFlags(tiny, '--steps', '40'),
      '--output_dir',
      join(temporaryFolder(), 'run'),
    );
    expect(said.code).toBe(1);
    expect(said.err).toMatch(
      /error: \d+ of the \d+ files tried in .* could not be decoded: check the files; the first: odd\/bad\d+\.png cannot be decoded/,
    );
  });

  it('images smaller than a crop are enlarged', async () => {
    const run = join(temporaryFolder(), 'run');
    const said = await dino(
      'train',
      photos(),
      ...withFlags(tiny, '--global_crops_size', '64'),
      '--output_dir',
      run,
    );
    expect(said.code).toBe(0);
    expect(existsSync(join(run, 'checkpoint.safetensors'))).toBe(true);
  });
});

describe('flags that do not fit', () => {
  it('an unknown one is answered with the nearest', async () => {
    expect(await refused(2, 'train', photos(), '--teacher_tmp', '0.04')).toContain(
      'Did you mean --teacher_temp?',
    );
    expect(await refused(2, 'train', photos(), '--local-crop-number=8')).toContain('--local_crops_number?');
    // Four letters apart is near for a long name only.
    expect(await refused(2, 'train', photos(), '--tau', '8')).toContain('no flag --tau. --help lists');
  });

  it('a value of the wrong kind is named with what was expected', async () => {
    expect(await refused(2, 'train', photos(), '--out_dim', 'many')).toContain(
      '--out_dim many: must be a number.',
    );
    expect(await refused(2, 'train', photos(), '--out_dim', '8.5')).toContain(
      '--out_dim 8.5: must be a whole number.',
    );
    expect(await refused(2, 'train', photos(), '--global_crops_scale', '0.9', '0.4')).toContain(
      '--global_crops_scale',
    );
    expect(await refused(2, 'train', photos(), '--optimizer', 'adam')).toContain('--optimizer adam');
  });

  it('two that say one thing, and those of another network', async () => {
    expect(await refused(2, 'train', photos(), '--steps', '5', '--epochs', '2')).toContain('contradict');
    expect(await refused(2, 'train', photos(), '--arch', 'vit', '--widths', '8')).toContain(
      '--arch hybrid or convnet',
    );
    expect(await refused(2, 'train', photos(), '--arch', 'vit_small', '--dim', '100')).toContain(
      'whose shape is fixed',
    );
  });

  it('crops that are no multiple of the patch, heads that do not divide the width', async () => {
    const vit = ['--arch', 'vit', '--batch_size_per_gpu', '8'];
    expect(
      await refused(2, 'train', photos(), ...vit, '--patch_size', '6', '--global_crops_size', '32'),
    ).toContain('--global_crops_size 32 is not a multiple of --patch_size 6; 30 is.');
    expect(await refused(2, 'train', photos(), ...vit, '--dim', '100', '--heads', '3')).toContain(
      'does not divide',
    );
  });

  it('crops that no memory holds, before anything is compiled', async () => {
    const said = await refused(
      2,
      'train',
      photos(),
      ...withFlags(tiny, '--global_crops_size', '60000'),
      '--dry_run',
    );
    expect(said).toMatch(
      /^error: Crops of 60000 pixels for 8 images at once need more than \d+ GiB of memory/,
    );
    expect(said).toContain('give a smaller --global_crops_size or --batch_size_per_gpu');
  });

  it('a batch larger than the data set', async () => {
    expect(await refused(2, 'train', photos(), '--batch_size_per_gpu', '64')).toContain(
      'larger than the data set of 24 images: set it to 24 or less',
    );
  });
});

describe('run folders', () => {
  it('that hold a run are not written over', async () => {
    const run = join(temporaryFolder(), 'run');
    expect((await dino('train', photos(), ...tiny, '--output_dir', run)).code).toBe(0);
    const said = await dino('train', photos(), ...tiny, '--output_dir', run);
    expect(said.code).toBe(1);
    expect(said.err).toMatch(
      /holds a run already: choose another --output_dir, or go on with it by --resume/,
    );
    // A run that is done has nothing to resume, and that is no error.
    const resumed = await dino('train', '--resume', run);
    expect(resumed.code).toBe(0);
    expect(resumed.err).toContain('has done all of its 4 steps: give --minutes, --steps or --epochs');
  });

  it('that are none cannot be resumed or evaluated', async () => {
    const folder = temporaryFolder();
    const none = join(folder, 'none');
    const file = join(folder, 'a.txt');
    writeFileSync(file, '');
    const weights = 'give a run folder, a file or a folder of weights, or the name of published ones';
    for (const words of [['train', '--resume'], ['report'], ['export', '--train_step']]) {
      const said = async (path: string): Promise<string> => (await dino(...words, path)).err;
      const wayOut = 'give the folder that `dino train` made.';
      expect(await said(folder)).toBe(
        `error: ${folder} is not a run folder (it has no config.json): ${wayOut}\n`,
      );
      expect(await said(none)).toBe(`error: There is nothing at ${none}: ${wayOut}\n`);
      expect(await said(file)).toBe(`error: ${file} is a file and no run folder: ${wayOut}\n`);
    }
    for (const words of [
      ['eval', 'knn', '--train', folder, '--test', folder],
      ['export', '--to', 'onnx'],
      ['train', photos(), '--init'],
      ['train', photos(), '--method', 'distill', '--teacher'],
    ]) {
      const said = await dino(...words, folder);
      expect(said).toMatchObject({ code: 1 });
      expect(said.err).toContain(`${folder} is not a run folder (it has no config.json): ${weights}.`);
    }
  });

  it('are resumed with the settings of the run only', async () => {
    const said = await dino('train', '--resume', 'runs/x', '--lr', '1');
    expect(said.code).toBe(2);
    expect(said.err).toContain('--lr cannot be given with it');
  });
});

describe('a dry run', () => {
  it('prints recipe, parameters, memory, step time and time left, and makes no folder', async () => {
    const output = join(temporaryFolder(), 'run');
    const said = await dino('train', photos(), ...tiny, '--dry-run', '--output_dir', output);
    expect(said.code).toBe(0);
    expect(existsSync(output)).toBe(false);
    expect(said.err).toMatch(/--momentum_teacher +0\.\d+ +\S+/);
    expect(said.err).toMatch(/million parameters, \d+ MiB of training state/);
    expect(said.err).toMatch(/4 steps of 8 images .*[\d.]+ ms a step, (about|less than)/);
  });
});

describe('a mistake in a flag', () => {
  it.each([
    ['--stpes', '4', 'There is no flag --stpes. Did you mean --steps?'],
    ['--batch', '4', 'Did you mean --batch_size_per_gpu?'],
    ['--epochs', '0', '--epochs 0: must be more than 0.'],
    ['--momentum_teacher', '2', '--momentum_teacher 2: must be 1 or less.'],
    [
      '--arch',
      'vt',
      '--arch vt: must be hybrid, convnet, vit, vit_tiny, vit_small, vit_base, resnet18, resnet50, xcit_small_12_p16, xcit_small_12_p8, xcit_medium_24_p16 or xcit_medium_24_p8.',
    ],
    ['--seed', '99999999999', '--seed 99999999999: must be 4294967295 or less.'],
    ['--global_crops_scale', '0.3', '--global_crops_scale 0.3: must be 2 values, with a space between.'],
  ])('%s %s', async (flag, value, message) => {
    const said = await dino('train', 'photos', flag, value);
    expect(said.code).toBe(2);
    expect(said.err).toContain(message);
  });

  it('is not a list with commas', async () => {
    const output = join(temporaryFolder(), 'run');
    const flags = withFlags(
      tiny,
      '--global_crops_scale',
      '0.3,1',
      '--widths',
      '8,16',
      '--output_dir',
      output,
    );
    expect((await dino('train', photos(), ...flags, '--dry_run')).code).toBe(0);
  });
});

describe('a flag that is given twice', () => {
  it.each([
    [['train', 'photos', '--steps', '5', '--steps', '7'], '--steps is given twice: 5 and 7. Give it once.'],
    [['train', 'photos', '--seed=1', '--seed', '1'], '--seed is given twice: 1 and 1. Give it once.'],
    [
      ['train', 'photos', '--output', 'a', '--output_dir', 'b'],
      '--output_dir is given twice: a and b. Give it once.',
    ],
    [
      ['eval', 'knn', 'run', '--train', 'photos', '--k', '5', '10', '--k', '20'],
      '--k is given twice: 5 10 and 20. Give it once, with all its values.',
    ],
  ])('%s', async (words, message) => {
    expect(await dino(...words)).toEqual({ code: 2, out: '', err: `error: ${message}\n` });
  });
});

it('an empty word, as a variable that is not set leaves it', async () => {
  for (const words of [
    ['train', ''],
    ['eval', 'knn', '', '--train', 'photos'],
    ['report', ''],
  ])
    expect((await dino(...words)).err).toBe(
      'error: An empty word stands where a path belongs: is a variable of the shell not set?\n',
    );
});

describe('words and flags that would be passed over', () => {
  it('are refused', async () => {
    for (const words of [
      ['eval', 'cluster', 'run', '--images', 'photos/cat', 'photos/dog'],
      ['embed', 'run', 'photos', 'more'],
      ['map', 'run', 'photos', 'more'],
      ['inspect', 'a.pth', 'b.pth'],
      ['export', 'run', 'other', '--to', 'onnx'],
      ['quickstart', 'photos', 'more'],
    ]) {
      const said = await dino(...words);
      expect(said.code, words.join(' ')).toBe(2);
      expect(said.err).toContain('is one word too many');
    }
  });

  it('where they contradict a run', async () => {
    const run = join(temporaryFolder(), 'run');
    expect((await dino('train', photos(), ...tiny, '--output_dir', run)).code).toBe(0);
    const refused_ = async (...flags: string[]) => (await dino('embed', run, photos(), ...flags)).err;
    expect(await refused_('--heads', '2')).toContain('which has 3');
    expect(await refused_('--allow_missing', 'norm.bias')).toContain('leave --allow_missing out');
    expect(await refused_('--checkpoint_key', 'pupil')).toContain('and no pupil');
    expect(await refused_('--checkpoint', 'best')).toContain('leave --checkpoint best out');
    const file = join(run, 'checkpoint.safetensors');
    expect((await dino('embed', file, photos(), '--checkpoint', 'best')).err).toContain('is no run folder');
    expect((await dino('embed', run, photos(), '--output', run)).err).toContain('is a run folder');
  });
});

it('the command of a run can be pasted into a shell', async () => {
  expect(shellWords(['my photos', '--lr=0.1', "it's", '$HOME', 'plain/path.tar'])).toBe(
    String.raw`'my photos' --lr=0.1 'it'\''s' '$HOME' plain/path.tar`,
  );
});

it('a run whose images were moved names --data_path, and goes on with it', async () => {
  const before = photos();
  const run = join(temporaryFolder(), 'run');
  expect((await dino('train', before, ...tiny, '--output_dir', run)).code).toBe(0);
  const after = join(temporaryFolder(), 'moved');
  renameSync(before, after);
  expect((await dino('train', '--resume', run, '--steps', '5')).err).toContain(
    `The images of ${run} are no longer at ${before}: say where they are now, by dino train --resume ${run} --data_path <source>.`,
  );
  expect(await dino('train', '--resume', run, '--data_path', after, '--steps', '5')).toMatchObject({
    code: 0,
  });
});

it('a dry run with --json prints its plan as one object', async () => {
  const said = await dino('train', photos(), ...tiny, '--json', '--dry_run');
  expect(said.code).toBe(0);
  expect(JSON.parse(said.out)).toMatchObject({ type: 'plan', steps: 4, config: { threads: 1 } });
});

it('--n_last_blocks is refused where a network has one pooled feature', async () => {
  const run = join(temporaryFolder(), 'run');
  const images = photos();
  await dino('train', images, ...tiny, '--output_dir', run);
  const said = await dino('eval', 'linear', run, '--train', images, '--n_last_blocks', '2');
  expect(said).toMatchObject({ code: 2 });
  expect(said.err).toContain(
    '--n_last_blocks is for Vision Transformers, and this network has one pooled feature',
  );
});

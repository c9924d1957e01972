/** Every registered method from the command line: it trains, reports what it watches, goes on, and its network is read by other commands. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { definitions, methodNamed } from '../../src/method/registry.ts';
import { RunFolder } from '../../src/run/run-folder-node.ts';
import { readRecord } from '../../src/run/run-record.ts';
import { methodOf } from '../../src/train/build.ts';
import { optionFields, type TrainOptions } from '../../src/train/config.ts';
import { toFlag } from '../../src/train/option-names.ts';
import { optionText } from '../../src/train/recipe.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { tinyMethod, tinyVitOf, trainedTeacher } from '../method/tiny-methods.ts';
import { dino, type Said, withFlags } from './command.ts';
import { photos } from './tiny-network.ts';

const names = definitions().map(({ name }) => name);

/** Options as they are written on the command line. */
function flagsOf(options: TrainOptions): string[] {
  return Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${toFlag(name)}`, ...optionText(value).split(' ')],
  );
}

const twoClasses = (): Promise<string> => photos(['cats', 'dogs'], 6);

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

describe.each(names)('dino train --method %s', (method) => {
  it('trains, reports, is evaluated and exported', async () => {
    const folder = await twoClasses();
    const run = join(temporaryFolder(), 'run');
    const { options } = await tinyMethod(method);
    const flags = flagsOf({ ...options, steps: 4, numWorkers: 1 });
    const trained = await dino('train', folder, ...flags, '--output_dir', run);
    expect(trained, trained.err).toMatchObject({ code: 0 });
    const { config } = readRecord(RunFolder.open(run));
    expect(config.method).toBe(method);
    const { measures } = methodOf(config);
    const page = readFileSync(join(run, 'report.html'), 'utf8');
    for (const { title, caption } of measures) {
      expect(page).toContain(escaped(title));
      expect(page).toContain(escaped(caption));
    }
    expect(page.includes('teacher momentum')).toBe(methodNamed(method).hasTeacher);
    const log = readFileSync(join(run, 'log.txt'), 'utf8');
    for (const { key } of measures) expect(log).toContain(`"${key}":`);
    const knn = await dino('eval', 'knn', run, '--train', folder, '--test', folder, '--threads', '1');
    expect(knn, knn.err).toMatchObject({ code: 0 });
    const exported = await dino('export', run, '--to', 'onnx');
    expect(exported, exported.err).toMatchObject({ code: 0 });
    expect(await dino('export', run, '--to', 'transformers.js')).toMatchObject({ code: 0 });
    const card = readFileSync(join(run, 'export/transformers.js/README.md'), 'utf8');
    expect(card).toContain(
      method === 'distill'
        ? `trained with distillation (teacher ${basename(String(options.teacher))})\n`
        : `trained with ${methodNamed(method).label}\n`,
    );
    if (method === 'distill') expect(page).toContain(`<title>Distillation on ${folder}</title>`);
    // It has done all of its steps, and can be given more.
    const more = await dino('train', '--resume', run, '--steps', '6');
    expect(more, more.err).toMatchObject({ code: 0 });
    expect(more.err).toContain('Resuming');
    expect(await dino('report', run)).toMatchObject({ code: 0 });
  });

  it('has a help with its own options, and none that say nothing to it', async () => {
    const { code, out } = await dino('train', '--method', method, '--help');
    expect(code).toBe(0);
    const shown = new Set([...out.matchAll(/^ {2}--([a-z_]+)/gm)].map(([, flag]) => flag));
    const { groups, label, meaningless } = methodNamed(method);
    const own = groups.flatMap(({ fields }) => Object.keys(fields));
    const foreign = definitions()
      .flatMap((other) => other.groups.flatMap(({ fields }) => Object.keys(fields)))
      .filter((name) => !own.includes(name));
    for (const name of own) expect(shown, name).toContain(toFlag(name));
    for (const name of [...foreign, ...meaningless]) expect(shown, name).not.toContain(toFlag(name));
    const everyday = Object.keys(optionFields()).filter((name) => ['lr', 'arch', 'method'].includes(name));
    for (const name of everyday) expect(shown).toContain(toFlag(name));
    expect(out.replaceAll(/\s+/g, ' ')).toContain(`The options are those of ${label} (`);
    for (const other of names.filter((name) => name !== method))
      expect(out.replaceAll(/\s+/g, ' ')).toContain(`--method ${other} --help`);
  });
});

/** The one sentence of a refusal; nothing is trained. */
async function refused(code: number, ...args: readonly string[]): Promise<string> {
  const said: Said = await dino(
    'train',
    await twoClasses(),
    ...args,
    '--output_dir',
    join(temporaryFolder(), 'run'),
  );
  expect(said.code, said.err).toBe(code);
  const lines = said.err.trimEnd().split('\n');
  expect(lines).toHaveLength(1); // before the recipe is shown, and anything compiled
  return lines[0]!.replace('error: ', '');
}

describe('what a method cannot do is said in a sentence', () => {
  const tiny = flagsOf({ globalCropsSize: 16, batchSizePerGpu: 4, steps: 2, threads: 1, numWorkers: 0 });
  const ofMethod = (method: string, ...more: readonly string[]): Promise<string> =>
    refused(2, '--method', method, ...withFlags(tiny, ...more));

  it('a name that is none', async () => {
    expect(await refused(2, '--method', 'simclrr')).toBe(
      'There is no method "simclrr". Did you mean --method simclr?',
    );
    expect(await refused(2, '--method', 'DINOv2')).toBe(
      'There is no method "DINOv2". Did you mean --method dinov2?',
    );
    expect(await refused(2, '--method', 'moco', '--help')).toBe(
      'There is no method "moco". There are dino, byol, simclr, mae, dinov2, distill.',
    );
    const file = join(temporaryFolder(), 'options.yaml');
    writeFileSync(file, 'method: byoll\narch: vit\n');
    expect(await refused(2, '--config', file)).toBe(
      `${file}: There is no method "byoll". Did you mean --method byol?`,
    );
  });

  it('MAE on a network without patches, and a ratio that hides all or nothing', async () => {
    for (const arch of ['convnet', 'hybrid', 'resnet18'])
      expect(await ofMethod('mae', '--arch', arch)).toBe(
        'MAE hides patches from a transformer, and a convolutional net has none: choose --arch vit, vit_tiny, vit_small or vit_base.',
      );
    expect(await ofMethod('mae', '--patch_size', '8', '--mask_ratio', '0.8')).toBe(
      '--mask_ratio 0.8 leaves none of 4 patches to be seen: choose a smaller one, or smaller patches.',
    );
    expect(await refused(2, '--method', 'mae', '--mask_ratio', '1')).toBe(
      '--mask_ratio 1: must be less than 1.',
    );
    expect(await ofMethod('mae', '--stem', 'conv', '--arch', 'vit')).toBe(
      '--stem conv has no meaning for --method mae: leave it out.',
    );
  });

  it('DINOv2 on a network without patches', async () => {
    expect(await ofMethod('dinov2', '--arch', 'resnet18')).toBe(
      'DINOv2 hides patches from a transformer, and this network has none: give --arch vit, vit_tiny, vit_small or vit_base.',
    );
  });

  it('DINOv2 where no patch of a step is hidden, which has nothing to learn from', async () => {
    for (const [probability, ratio] of [
      ['0', '0.1 0.5'],
      ['0.1', '0.1 0.5'],
      ['0.5', '0 0'],
    ] as const)
      expect(
        await ofMethod(
          'dinov2',
          '--mask_sample_probability',
          probability,
          '--mask_ratio_min_max',
          ...ratio.split(' '),
        ),
      ).toBe(
        `--mask_sample_probability ${probability} and --mask_ratio_min_max ${ratio} hide 0 of the 128 patches of a step: give larger ones, a larger --batch_size_per_gpu, or --ibot_loss_weight 0.`,
      );
  });

  it('multi-crop where there are two views of one kind', async () => {
    for (const method of ['simclr', 'mae'])
      expect(await ofMethod(method, '--local_crops_number', '4')).toBe(
        `--local_crops_number 4 has no meaning for --method ${method}: leave it out.`,
      );
  });

  it('an option of another method', async () => {
    expect(await ofMethod('byol', '--teacher_temp', '0.05')).toBe(
      '--teacher_temp 0.05 has no meaning for --method byol: leave it out, or give --method dino or dinov2.',
    );
    expect(await refused(2, ...tiny, '--mask_ratio', '0.5')).toBe(
      '--mask_ratio 0.5 has no meaning for --method dino, which is trained if none is given: leave it out, or give --method mae.',
    );
    expect(await ofMethod('simclr', '--momentum_teacher', '0.9')).toBe(
      '--momentum_teacher 0.9 has no meaning for --method simclr: leave it out, or give --method dino or byol or dinov2.',
    );
  });

  it('a step of one image where images are compared', async () => {
    const one = ['--batch_size_per_gpu', '1', '--arch', 'vit'];
    expect(await ofMethod('byol', ...one)).toBe(
      'BYOL normalizes by the statistics of a batch, which one image does not have: give --batch_size_per_gpu 2 or more.',
    );
    expect(await ofMethod('simclr', ...one)).toBe(
      'SimCLR tells the images of a batch apart, and there is one: give --batch_size_per_gpu 2 or more.',
    );
    expect(await ofMethod('dinov2', ...one)).toBe(
      'KoLeo compares the images of a batch, and there is one: give --batch_size_per_gpu 2 or more, or --koleo_loss_weight 0.',
    );
    const only = await photos(['one'], 1);
    expect((await dino('train', only, '--method', 'byol', '--output_dir', join(only, 'run'))).err).toBe(
      'error: BYOL normalizes by the statistics of a batch, which one image does not have: add images to the one that there is.\n',
    );
  });

  it('a teacher that is not there, takes other images, or has patches that crops do not fill', async () => {
    const vit = flagsOf({ ...tinyVitOf(4), steps: 2 });
    expect(await refused(2, '--method', 'distill', ...vit)).toBe(
      '--method distill needs a trained network: give --teacher <run folder, file of weights, or name of published ones>.',
    );
    const none = join(temporaryFolder(), 'none');
    expect(await refused(1, '--method', 'distill', ...vit, '--teacher', none)).toContain(
      `There is nothing at ${none}`,
    );
    const teacher = join(temporaryFolder(), 'gray');
    const gray = ['--channels', '1', '--output_dir', teacher, '--method', 'simclr'];
    expect(await dino('train', await twoClasses(), ...vit, ...gray)).toMatchObject({ code: 0 });
    expect(await refused(2, '--method', 'distill', ...vit, '--teacher', teacher)).toBe(
      'The teacher takes images of 1 channel and the student of 3: give --channels 1, or another --teacher.',
    );
    const rgb = await trainedTeacher();
    expect(
      await refused(
        2,
        '--method',
        'distill',
        ...withFlags(tiny, '--global_crops_size', '18'),
        '--arch',
        'convnet',
        '--teacher',
        rgb,
      ),
    ).toBe("--global_crops_size 18 is not a multiple of the teacher's patches of 4: give 20.");
    expect(
      await refused(
        2,
        '--method',
        'distill',
        ...tiny,
        '--arch',
        'convnet',
        '--patch_weight',
        '1',
        '--teacher',
        rgb,
      ),
    ).toBe(
      '--patch_weight compares patches, which only ViTs have, and needs one on both sides: give --arch vit and a ViT as --teacher, or --patch_weight 0.',
    );
  });

  it('a teacher that has moved, until it is said where it is now', async () => {
    const images = await twoClasses();
    const { options } = await tinyMethod('distill');
    const run = join(temporaryFolder(), 'run');
    expect(
      await dino('train', images, ...flagsOf({ ...options, steps: 2 }), '--output_dir', run),
    ).toMatchObject({ code: 0 });
    const [teacher, moved] = [String(options.teacher), join(temporaryFolder(), 'moved')];
    renameSync(teacher, moved);
    expect(await dino('train', '--resume', run, '--steps', '3')).toMatchObject({
      code: 1,
      err: `error: The network that this run learns from is no longer at ${teacher}: say where it is now, by --teacher <path>.\n`,
    });
    expect(await dino('train', '--resume', run, '--steps', '3', '--teacher', moved)).toMatchObject({
      code: 0,
    });
    renameSync(moved, teacher);
  });

  it('a teacher given to a run that goes on without one', async () => {
    const run = await trainedTeacher();
    const said = await dino('train', '--resume', run, '--steps', '9', '--teacher', run);
    expect(said.code).toBe(2);
    expect(said.err).toContain('--teacher cannot be given with it');
  });

  it('a teacher whose weights were replaced since the run began', async () => {
    const images = await twoClasses();
    const { options } = await tinyMethod('distill');
    const run = join(temporaryFolder(), 'run');
    expect(
      await dino('train', images, ...flagsOf({ ...options, steps: 2 }), '--output_dir', run),
    ).toMatchObject({ code: 0 });
    const teacher = String(options.teacher);
    const other = await trainedTeacher({ seed: 8 });
    for (const file of ['checkpoint.safetensors', 'config.json'])
      writeFileSync(join(teacher, file), readFileSync(join(other, file)));
    const said = await dino('train', '--resume', run, '--steps', '4');
    expect(said).toMatchObject({
      code: 1,
      err: `error: ${teacher} holds other weights than the ones the run was started with: put those back to go on with it, or start a new run.\n`,
    });
    // What it has learned is read without its teacher.
    expect((await dino('export', run, '--to', 'onnx')).code).toBe(0);
  });

  it('a run of a method that this version does not know', async () => {
    const images = await twoClasses();
    const { options } = await tinyMethod('dino');
    const run = join(temporaryFolder(), 'run');
    expect(
      await dino('train', images, ...flagsOf({ ...options, steps: 2 }), '--output_dir', run),
    ).toMatchObject({ code: 0 });
    const file = join(run, 'config.json');
    const record = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...record, config: { ...record.config, method: 'moco' } }));
    const sentence = `error: ${file} is of a run of --method moco, which this version does not know: use the version that made it, or start a new run.\n`;
    for (const args of [
      ['train', '--resume', run],
      ['report', run],
      ['export', run, '--to', 'onnx'],
      ['train', images, '--init', run],
    ])
      expect(await dino(...args), args.join(' ')).toMatchObject({ code: 1, err: sentence });
    // A run of a version without a choice of methods is one of DINO.
    const { method: _, ...older } = record.config;
    writeFileSync(file, JSON.stringify({ ...record, config: older }));
    expect(readRecord(RunFolder.open(run)).config).toEqual(record.config);
    expect((await dino('train', '--resume', run, '--steps', '3')).code).toBe(0);
  });
});

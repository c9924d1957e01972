import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openSource } from '../../src/data/open-source-node.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { linearReport } from '../../src/eval/classify/linear-report.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { parseSafetensors } from '../../src/format/safetensors.ts';
import { serializeTorch } from '../../src/format/torch-save.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const percent = z.number().min(0).max(100);
const short = ['--epochs', '12', '--batch_size_per_gpu', '8', '--lr', '0.003', '0.1'];

function kept(run: string) {
  return z
    .looseObject({
      protocol: z.looseObject({ feature: z.string(), heldBack: z.boolean(), testImages: z.number() }),
      intervals: z.looseObject({
        trained: z.looseObject({ top1: z.object({ low: percent.nullable(), high: percent.nullable() }) }),
      }),
    })
    .parse(JSON.parse(readFileSync(join(run, 'eval', 'linear.json'), 'utf8')));
}

describe('dino eval linear', () => {
  it('finds its training images again, clips the blocks to the depth, and leaves a classifier with its labels', async () => {
    const classes = ['a', 'b', 'c'];
    const [train, test] = [await photos(classes, 8), await photos(classes, 3)];
    const run = await trainedOn(train, 'vit');
    const said = await dino('eval', 'linear', run, '--train', train, '--test', test, ...short, '--json');
    expect(said.code).toBe(0);
    const one = z.strictObject({ top1: percent });
    const printed = z
      .strictObject({ trained: one, untrained: one, pixels: one, pca: one })
      .parse(JSON.parse(said.out));
    expect(printed.pixels.top1).toBeGreaterThan(60); // the test images are among those it learned from
    const { protocol, intervals } = kept(run);
    expect(protocol).toMatchObject({
      feature: 'class tokens of the last 2 blocks',
      heldBack: false,
      testImages: 9,
    });
    expect(intervals.trained.top1.low).toBeLessThanOrEqual(printed.trained.top1);
    expect(intervals.trained.top1.high).toBeGreaterThanOrEqual(printed.trained.top1);
    const { tensors } = parseSafetensors(readFileSync(join(run, 'eval/linear/classifier.safetensors')), 'it');
    expect(tensors.get('linear.weight')?.shape).toEqual([3, 32]);
    expect(tensors.get('linear.bias')?.shape).toEqual([3]);
    expect(JSON.parse(readFileSync(join(run, 'eval/linear/labels.json'), 'utf8'))).toEqual(classes);
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('What was taken for what');
  });

  it('holds back a fifth of each class without a test set, and says so', async () => {
    const images = await photos(['a', 'b'], 10);
    const run = await trainedOn(images);
    const said = await dino('eval', 'linear', run, '--train', images, ...short);
    expect(said).toMatchObject({ code: 0 });
    expect(said.out).toContain('on 16 images, 4 images held back');
    expect(said.out).toContain('pooled feature');
    expect(kept(run).protocol).toMatchObject({ heldBack: true, testImages: 4 });
    // Four images give no interval.
    expect(kept(run).intervals.trained.top1).toEqual({ low: null, high: null });
    expect(said.out).toMatch(/the same, untrained +\d+\.0 +0/);
  });

  it('crops the images anew in each epoch where it is asked to, the same ones each time', async () => {
    const images = await photos(['a', 'b', 'c', 'd', 'e', 'f'], 6);
    const run = await trainedOn(images, 'vit');
    const flags = ['--train', images, '--augment', 'true', '--avgpool_patchtokens', 'true', ...short];
    const [first, again] = [
      await dino('eval', 'linear', run, ...flags),
      await dino('eval', 'linear', run, ...flags),
    ];
    expect(first).toMatchObject({ code: 0 });
    expect(first.out).toContain("the last block's class token and mean patch token");
    expect(first.out).toContain('random crops and mirroring');
    expect(first.out).toContain('top-5');
    expect(again.out).toBe(first.out);
  });

  it('says what is wrong: no labels, one class, an unknown class, blocks that contradict', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images, 'vit');
    const flat = join(temporaryFolder(), 'flat');
    for (let i = 0; i < 4; i++) writeFiles(flat, { [`${i}.png`]: await png(i) });
    const eval_ = (...args: string[]) => dino('eval', 'linear', run, ...args);
    expect((await eval_('--train', flat)).err).toContain('a linear classifier needs labels');
    expect((await eval_('--train', await photos(['only'], 4))).err).toContain('only one class ("only")');
    const unknown = await eval_('--train', images, '--test', await photos(['a', 'z'], 2));
    expect(unknown).toMatchObject({ code: 1 });
    expect(unknown.err).toContain('The class "z"');
    expect(
      (await eval_('--train', images, '--avgpool_patchtokens', 'true', '--n_last_blocks', '4')).err,
    ).toContain('goes with the last block alone');
    expect(await eval_('--test', images)).toMatchObject({ code: 2 });
    expect(await eval_('--train', images, '--lr', '0')).toMatchObject({ code: 2 });
  });

  it('says how many images it needs, before it reads them', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 6));
    const [one, two] = [await photos(['a', 'b'], 1), await photos(['a', 'b'], 2)];
    const said = async (name: string, ...args: string[]) => (await dino('eval', name, run, ...args)).err;
    const has = (images: string, most: string): string =>
      `error: ${images} has at most ${most} of a class, and`;
    const more = 'Give more images of a class';
    expect(await said('linear', '--train', two)).toBe(
      `${has(two, '2 images')} a linear classifier needs 3: one to learn from, one to choose the learning rate by, one to test on. ${more}, or --test with others.\n`,
    );
    expect(await said('linear', '--train', one, '--test', await photos(['a', 'b'], 2, 9))).toBe(
      `${has(one, '1 image')} a linear classifier needs 2: one to learn from, one to choose the learning rate by. ${more}.\n`,
    );
    for (const [name, title] of [
      ['logistic', 'logistic regression'],
      ['finetune', 'fine-tuning'],
    ] as const)
      expect(await said(name, '--train', one)).toBe(
        `${has(one, '1 image')} ${title} needs 2: one to learn from, one to test on. ${more}, or --test with others.\n`,
      );
  });

  it('is exported with the weights it was trained on, and with no others', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images);
    expect(await dino('eval', 'linear', run, '--train', images, ...short)).toMatchObject({ code: 0 });
    const target = (name: string) => [
      '--to',
      'onnx',
      '--classifier',
      'linear',
      '--output',
      join(temporaryFolder(), name),
    ];
    expect(await dino('export', run, ...target('first'))).toMatchObject({ code: 0 });
    const other = await dino('export', run, '--checkpoint_key', 'student', ...target('other'));
    expect(other).toMatchObject({ code: 1 });
    expect(other.err).toContain('was trained on other weights than these');
  });

  it('tests on one class alone, and names an image that cannot be read', async () => {
    const images = await photos(['a', 'b'], 6);
    writeFiles(images, { 'a/broken.png': 'no image' });
    const run = await trainedOn(images);
    const flags = ['--train', images, '--test', await photos(['b'], 3), '--no-report'];
    for (const name of ['linear', 'knn']) {
      const said = await dino('eval', name, run, ...flags, ...(name === 'linear' ? short : ['--k', '5']));
      expect(said).toMatchObject({ code: 0 });
      expect(said.err).toContain(
        `1 image was left out: ${images}/a/broken.png cannot be decoded (it is no image`,
      );
    }
    const clusters = await dino('eval', 'cluster', run, '--images', images, '--no-report');
    expect(clusters.err).toContain('a/broken.png');
  });

  it('allows a class that the test set lacks', async () => {
    const images = await photos(['a', 'b', 'c'], 6);
    const run = await trainedOn(images);
    const said = await dino(
      'eval',
      'linear',
      run,
      '--train',
      images,
      '--test',
      await photos(['a', 'c'], 3),
      ...short,
    );
    expect(said).toMatchObject({ code: 0 });
  });
});

describe('linearReport', () => {
  it('refuses features that are not finite', async () => {
    const images = await photos(['a', 'b'], 6);
    const subject = openSubject(await trainedOn(images));
    const [[name = '', values = new Float32Array()] = []] = [...subject.trained];
    const trained = new Map([...subject.trained, [name, new Float32Array(values.length).fill(Number.NaN)]]);
    const { untrained } = subject;
    const backbone = new FrozenBackbone(subject.backbone, subject.size, ortNode, { threads: 1 });
    const train = openSource(images);
    await expect(linearReport({ train, backbone, trained, untrained, engine: ortNode })).rejects.toThrow(
      "check the network's weights",
    );
    await backbone.dispose();
  });
});

describe('dino eval linear --head', () => {
  it('tests a classifier that was trained elsewhere, under the official names, as it was tested there', async () => {
    const [images, others] = [await photos(['a', 'b', 'c'], 8), await photos(['a', 'b', 'c'], 5, 40)];
    const run = await trainedOn(images, 'vit');
    const trained = await dino(
      'eval',
      'linear',
      run,
      '--train',
      images,
      '--test',
      others,
      '--epochs',
      '20',
      '--json',
      '--no-report',
    );
    expect(trained).toMatchObject({ code: 0 });
    const { tensors } = parseSafetensors(
      readFileSync(join(run, 'eval/linear/classifier.safetensors')),
      'classifier',
    );
    const head = join(temporaryFolder(), 'linearweights.pth');
    const official = new Map([...tensors].map(([name, tensor]) => [`module.${name}`, tensor]));
    writeFileSync(head, Buffer.concat(serializeTorch(official)));
    const said = await dino('eval', 'linear', run, '--head', head, '--test', others, '--json', '--no-report');
    expect(said).toMatchObject({ code: 0 });
    const top1 = z.looseObject({ trained: z.looseObject({ top1: z.number() }) });
    expect(top1.parse(JSON.parse(said.out)).trained.top1).toBeCloseTo(
      top1.parse(JSON.parse(trained.out)).trained.top1,
      5,
    );
    expect((await dino('inspect', head)).out).toContain(
      'a linear classifier of 3 classes on features of width 32',
    );

    const wrong = async (...flags: string[]): Promise<string> =>
      (await dino('eval', 'linear', run, '--head', head, ...flags)).err;
    expect(await wrong()).toContain('needs --test');
    expect(await wrong('--test', await photos(['a', 'b'], 3))).toContain('tells 3 classes and');
    expect(await wrong('--test', others, '--n_last_blocks', '1')).toContain('reads 32 numbers');
    expect(await wrong('--test', others, '--train', images)).toContain('leave --train out');
  });
});

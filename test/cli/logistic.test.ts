import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openSource } from '../../src/data/open-source-node.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { lowShotReport } from '../../src/eval/classify/low-shot.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const point = z.strictObject({ top1: z.number().min(0).max(100), spread: z.number().min(0) });

describe('dino eval logistic', () => {
  it('draws a curve over shots and shares for all that is compared, from few labels to many', async () => {
    const classes = ['a', 'b', 'c'];
    const [train, test] = [await photos(classes, 8), await photos(classes, 3)];
    const run = await trainedOn(train);
    const flags = ['--shots', '4', '1', '--shares', '1', '--draws', '2', '--json'];
    const said = await dino('eval', 'logistic', run, '--train', train, '--test', test, ...flags);
    expect(said.code).toBe(0);
    const curve = z.strictObject({ '1 of each class': point, '4 of each class': point, all: point });
    const printed = z
      .strictObject({ trained: curve, untrained: curve, pixels: curve, pca: curve })
      .parse(JSON.parse(said.out));
    expect(Object.keys(printed.trained)).toEqual(['1 of each class', '4 of each class', 'all']);
    expect(printed.pixels.all).toEqual({ top1: 100, spread: 0 }); // the test images are among those it learned from
    const kept: unknown = JSON.parse(readFileSync(join(run, 'eval', 'logistic.json'), 'utf8'));
    expect(kept).toMatchObject({ protocol: { labeled: [3, 12, 24], draws: 2, c: 1, heldBack: false } });
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('How many labels it needs');
  });

  it('chooses budgets that all classes can give, and holds back a test set', async () => {
    const images = await photos(['a', 'b'], 8);
    const run = await trainedOn(images);
    const said = await dino('eval', 'logistic', run, '--train', images, '--draws', '1');
    expect(said).toMatchObject({ code: 0 });
    expect(said.out).toContain('4 images held back');
    expect(said.out).toContain('5 of each class');
    expect(said.out).not.toContain('10 of each class');
    expect(said.out).toContain('all');
  });

  it('says what is wrong: too few images of a class, no labels, an unknown class, shares out of range', async () => {
    const images = await photos(['a', 'b'], 6);
    writeFiles(images, { 'rare/0.png': await png(7), 'rare/1.png': await png(8) });
    const run = await trainedOn(images);
    const evaluate = (...args: string[]) => dino('eval', 'logistic', run, ...args);
    const few = await evaluate('--train', images, '--test', images, '--shots', '3');
    expect(few).toMatchObject({ code: 1 });
    expect(few.err).toContain(`3 images of each class were asked for, and "rare" of ${images} has 2`);
    const flat = join(temporaryFolder(), 'flat');
    for (let i = 0; i < 4; i++) writeFiles(flat, { [`${i}.png`]: await png(i) });
    expect((await evaluate('--train', flat)).err).toContain('logistic regression needs labels');
    expect((await evaluate('--train', images, '--test', await photos(['a', 'z'], 2))).err).toContain(
      'class "z"',
    );
    expect(await evaluate('--train', images, '--shares', '1.5')).toMatchObject({ code: 2 });
    expect(await evaluate('--test', images)).toMatchObject({ code: 2 });
  });

  it('refuses features that are not finite', async () => {
    const images = await photos(['a', 'b'], 6);
    const subject = openSubject(await trainedOn(images));
    const [[name = '', values = new Float32Array()] = []] = [...subject.trained];
    const trained = new Map([...subject.trained, [name, new Float32Array(values.length).fill(Number.NaN)]]);
    const { untrained } = subject;
    const backbone = new FrozenBackbone(subject.backbone, subject.size, ortNode, { threads: 1 });
    const train = openSource(images);
    await expect(lowShotReport({ train, backbone, trained, untrained, engine: ortNode })).rejects.toThrow(
      "check the network's weights",
    );
    await backbone.dispose();
  });
});

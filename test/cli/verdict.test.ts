/** What the doctor says of evaluations: the same verdict for all that have something to compare with. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { tell } from '../../src/cli/run-evaluation.ts';
import { verdict } from '../../src/eval/verdict.ts';
import { png, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

describe('a verdict', () => {
  const masks = (box: number, low: number) =>
    verdict({
      scope: 'attention masks',
      what: 'Jaccard index of the best head',
      images: 60,
      of: 'objects',
      scale: 'unit',
      scores: { trained: 0.41, untrained: 0.3, box },
      gains: { untrained: { low: 0.05, high: 0.17 }, box: { low, high: 0.2 } },
    });

  it('is said on the console, whether it is well or not', () => {
    const said = vi.spyOn(console, 'error').mockReturnValue();
    try {
      for (const finding of [masks(0.39, 0.001), masks(0.44, -0.1)]) {
        if (finding === undefined) throw new Error('There is no verdict: the scores should give one.');
        tell(finding, undefined);
      }
      const lines = said.mock.calls.map(([line]: unknown[]) => String(line));
      expect(lines[0]).toMatch(
        /^doctor: For attention masks, training helped\. Jaccard index of the best head/,
      );
      expect(lines[1]).toMatch(/^warning: For attention masks, training has not helped: /);
    } finally {
      said.mockRestore();
    }
  });

  it('names what the trained network has to beat', () => {
    expect(masks(0.39, 0.001)).toMatchObject({
      severity: 'ok',
      title: 'For attention masks, training helped',
      detail:
        'Jaccard index of the best head on 60 objects: trained 0.410, the untrained network 0.300, a centered box 0.390.',
    });
    expect(masks(0.39, -0.03)?.title).toBe(
      'For attention masks, training may have helped: the gain over a centered box is within chance',
    );
    expect(masks(0.44, -0.1)).toMatchObject({
      severity: 'warning',
      title: 'For attention masks, training has not helped: it is no better than a centered box',
    });
  });
});

const interval = z.object({ low: z.number(), high: z.number() });
const top1 = z.looseObject({ top1: z.number() });

describe('evaluations with labels', () => {
  it('keep the gain over each baseline and say what it means', async () => {
    const [train, test] = [await photos(['a', 'b'], 6), await photos(['a', 'b'], 26, 7)];
    const run = await trainedOn(train);
    const asked = ['--train', train, '--test', test, '--no-report'];
    const kept = (name: string): unknown =>
      JSON.parse(readFileSync(join(run, 'eval', `${name}.json`), 'utf8'));
    const check = (gain: z.infer<typeof interval>, difference: number): void => {
      expect(gain.low).toBeLessThanOrEqual(difference + 1e-9);
      expect(gain.high).toBeGreaterThanOrEqual(difference - 1e-9);
    };

    await dino('eval', 'linear', run, ...asked, '--epochs', '2', '--lr', '0.1');
    const linear = z
      .looseObject({ trained: top1, pixels: top1, gains: z.record(z.string(), interval) })
      .parse(kept('linear'));
    expect(Object.keys(linear.gains)).toEqual(['untrained', 'pixels', 'pca']);
    check(linear.gains.pixels!, linear.trained.top1 - linear.pixels.top1);

    await dino('eval', 'logistic', run, ...asked, '--shots', '2', '6', '--draws', '2');
    const logistic = z
      .looseObject({
        trained: z.record(z.string(), top1),
        untrained: z.record(z.string(), top1),
        gains: z.looseObject({ untrained: interval }),
      })
      .parse(kept('logistic'));
    const most = '6 of each class';
    check(logistic.gains.untrained, logistic.trained[most]!.top1 - logistic.untrained[most]!.top1);

    await dino('eval', 'finetune', run, ...asked, '--epochs', '1');
    const finetune = z
      .looseObject({ trained: top1, untrained: top1, gains: z.strictObject({ untrained: interval }) })
      .parse(kept('finetune'));
    check(finetune.gains.untrained, finetune.trained.top1 - finetune.untrained.top1);

    const log = readFileSync(join(run, 'log.txt'), 'utf8');
    for (const scope of ['a linear classifier', 'logistic regression', 'fine-tuning'])
      expect(log).toContain(`"topic":"scores of ${scope}"`);
  });

  it('keep and print the share of the largest class where classes are very unequal', async () => {
    const images = await photos(['a', 'b'], 6);
    const test = await photos(['a'], 18, 7);
    for (let i = 0; i < 2; i++) writeFiles(test, { [`b/${i}.png`]: await png(70 + i, 24, 20) });
    const run = await trainedOn(images);
    const asked = ['--train', images, '--test', test, '--no-report'];
    const quick = {
      knn: ['--k', '3'],
      linear: ['--epochs', '2', '--lr', '0.1'],
      logistic: ['--shots', '2', '--draws', '1'],
      finetune: ['--epochs', '1'],
    };
    for (const [name, flags] of Object.entries(quick)) {
      const said = await dino('eval', name, run, ...asked, ...flags);
      expect([name, /^largest class +90\.0/m.test(said.out)]).toEqual([name, true]);
      const kept: unknown = JSON.parse(readFileSync(join(run, 'eval', `${name}.json`), 'utf8'));
      expect([name, kept]).toEqual([name, expect.objectContaining({ largestClass: { top1: 90 } })]);
    }
  });
});

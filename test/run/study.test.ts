/** Which runs a study is made of: one backbone for all methods, variants beside a base, and what is already there. */
import { describe, expect, it } from 'vitest';
import { dinoVariants } from '../../src/method/dino-variants.ts';
import { parseRecord } from '../../src/run/run-record.ts';
import {
  checkSameOptions,
  methodEntries,
  type StudyBase,
  studyRuns,
  variantEntries,
} from '../../src/run/study.ts';
import { type RunResult, studyTable } from '../../src/run/study-results.ts';
import { studyColors } from '../../src/run/study-sections.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';

const facts = { images: 5000, imageSide: 32, channels: 3, cores: 2, readMilliseconds: 1 } as const;
const base = (options: TrainOptions): StudyBase => ({ options, facts });

describe('the runs of a comparison', () => {
  it('have the backbone that the recipe takes for the first method, and options that say something to them', () => {
    const entries = methodEntries(['dino', 'distill'], base({ minutes: 5, teacher: 'x', outDim: 64 }));
    const network = {
      arch: 'hybrid',
      widths: [32, 64, 128],
      blocks: [0, 1, 1],
      stemStride: 2,
      stem: 'conv',
      channels: 3,
      evalSize: 32,
    };
    expect(entries.map(({ options }) => options)).toEqual([
      { method: 'dino', minutes: 5, outDim: 64, heads: expect.any(Number), ...network },
      { method: 'distill', minutes: 5, teacher: 'x', heads: entries[0]?.options.heads, ...network },
    ]);
    expect(entries[1]?.about).toMatch(/^Distillation \(after Romero et al. 2015\): the student .*\.$/);
  });

  it('have the shape that was asked for, and no part of another network', () => {
    const [first] = methodEntries(['dino'], base({ arch: 'vit', dim: 64, depth: 3, heads: 4 }));
    expect(first?.options).toMatchObject({ arch: 'vit', dim: 64, depth: 3, heads: 4, patchSize: 4 });
    expect(first?.options).not.toHaveProperty('widths');
    const [small] = methodEntries(['dino'], base({ arch: 'vit_small' }));
    expect(small?.options).not.toHaveProperty('depth'); // its shape is fixed
  });

  it('are one for each seed', () => {
    const entries = methodEntries(['dino', 'distill'], base({}));
    expect(studyRuns(entries, [3, 5]).map(({ name, options: { seed } }) => [name, seed])).toEqual([
      ['dino-seed-3', 3],
      ['dino-seed-5', 5],
      ['distill-seed-3', 3],
      ['distill-seed-5', 5],
    ]);
    expect(studyRuns(entries, undefined).map(({ name }) => name)).toEqual(['dino', 'distill']);
    expect(studyColors(studyRuns(entries, [3, 5]).map((run) => ({ run })))).toEqual([0, 0, 1, 1]);
  });
});

describe('the runs of an ablation', () => {
  it('leave out what the base does already, and name its line in the figure', () => {
    // The recipe of the hybrid takes Sinkhorn-Knopp and batch norm, and no local crops of so few pixels.
    const { entries, leftOut } = variantEntries(undefined, base({}));
    const [trained, same] = [entries, leftOut].map((list) => list.map(({ name }) => name));
    expect(same).toEqual(expect.arrayContaining(['sinkhorn', 'no-multi-crop', 'batch-norm']));
    expect(trained).toEqual(expect.arrayContaining(['no-momentum', 'center', 'multi-crop', 'no-batch-norm']));
    // The base comes first; every variant is in one of the lists.
    expect(trained?.[0]).toBe('base');
    const names = dinoVariants.map(({ name }) => name);
    expect([...(trained ?? []), ...(same ?? [])].sort()).toEqual(['base', ...names].sort());
    expect(entries.find(({ collapse }) => collapse === 'both')?.name).toBe('center');
    const centered = variantEntries(['center', 'no-centering'], base({ centering: 'center' }));
    expect(centered.entries.map(({ name, collapse }) => [name, collapse])).toEqual([
      ['base', 'both'],
      ['no-centering', 'no centering'],
    ]);
  });

  it('take the place of what all share', () => {
    const { entries } = variantEntries(['small-batch'], base({ batchSizePerGpu: 64, steps: 9 }));
    expect(entries.map(({ options }) => options)).toEqual([
      { batchSizePerGpu: 64, steps: 9 },
      { batchSizePerGpu: 32, steps: 9 },
    ]);
  });
});

describe('a run that is there', () => {
  const given = { steps: 9, lr: 0.1, widths: [8, 16], arch: 'convnet' } as const;
  const asked: TrainOptions = { ...given, widths: [...given.widths] };
  const { config, choices } = chooseRecipe(asked, facts);
  const record = parseRecord(
    JSON.stringify({
      ...{ format: 'dino-ts run 1', config, choices, steps: 9, stepsPerEpoch: 39, command: '', created: '' },
      source: { path: '', images: 5000, classes: [], fingerprint: '' },
    }),
    'config.json',
  );
  const check = (options: TrainOptions): void => checkSameOptions(record, options, 'runs/x');

  it('is kept where it was given the same, said or not', () => {
    expect(() => check(asked)).not.toThrow();
    expect(() => check({ ...asked, optimizer: 'adamw', threads: 7 })).not.toThrow();
  });

  it('is refused where anything else was given', () => {
    expect(() => check({ ...asked, lr: 0.2 })).toThrow(
      'runs/x holds a run that was trained with --lr 0.1, and now one with --lr 0.2 is asked for: choose another --output_dir, or give what was given then.',
    );
    const { lr: _, ...less } = asked;
    expect(() => check(less)).toThrow('with --lr 0.1, and now one without --lr is asked for');
    expect(() => check({ ...asked, steps: undefined, minutes: 3 })).toThrow(
      'without --minutes, and now one with --minutes 3 is asked for',
    );
  });
});

describe('the table of a study', () => {
  const result = (entry: string, seed: number, knn: number): RunResult => ({
    ...{ name: `${entry}-${seed}`, entry, seed, folder: '', state: 'done' },
    scores: { knn: { value: knn, low: knn - 1, high: knn + 1 }, images: { value: 320 } },
    untrained: { knn: { value: 20 + seed } },
    pixels: { knn: { value: 30 } },
    course: { images: [], minutes: [], knn: [] },
  });

  it('has intervals of single runs, and deviations of several', () => {
    expect(studyTable([result('a', 0, 50), result('b', 0, 40)])).toEqual([
      ['', 'k-NN %', 'images'],
      ['a', '50.0 (49.0 to 51.0)', '320'],
      ['b', '40.0 (39.0 to 41.0)', '320'],
      ['untrained', '20.0', '-'],
      ['raw pixels', '30.0', '-'],
    ]);
    expect(studyTable([result('a', 0, 50), result('a', 2, 54)]).slice(1)).toEqual([
      ['a', '52.0 ± 2.8', '320'],
      ['untrained', '21.0 ± 1.4', '-'],
      ['raw pixels', '30.0', '-'],
    ]);
  });

  it('has the untrained network of each method that begins in another way', () => {
    const other = { ...result('c', 0, 45), untrained: { knn: { value: 33.3 } } };
    const table = studyTable([result('a', 0, 50), result('b', 0, 40), other]);
    expect(table.slice(4)).toEqual([
      ['untrained: a, b', '20.0', '-'],
      ['untrained: c', '33.3', '-'],
      ['raw pixels', '30.0', '-'],
    ]);
  });
});

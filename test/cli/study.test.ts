/** `dino compare` and `dino ablate`: several trainings side by side, gone on with where they were stopped. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { definitions } from '../../src/method/registry.ts';
import { RunFolder } from '../../src/run/run-folder-node.ts';
import { overallRate } from '../../src/run/run-log.ts';
import { readRecord } from '../../src/run/run-record.ts';
import { courseOf } from '../../src/run/study-results.ts';
import { stateOf } from '../../src/run/study-state-node.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { dino, type Said, withFlags } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const words = (text: string): string[] => text.split(' ');

const tiny = words(
  '--arch convnet --widths 8 16 --out_dim 32 --head_hidden_dim 32 --head_bottleneck_dim 16 --global_crops_size 16 --local_crops_size 8 --batch_size_per_gpu 8 --threads 1 --num_workers 1 --eval_every 2',
);

const scoreSchema = z.object({ value: z.number() }).loose();
const summarySchema = z.object({
  type: z.string(),
  runs: z.array(
    z.object({
      name: z.string(),
      entry: z.string(),
      seed: z.number(),
      folder: z.string(),
      state: z.string(),
      scores: z.record(z.string(), scoreSchema),
      untrained: z.record(z.string(), scoreSchema),
      pixels: z.record(z.string(), scoreSchema),
      course: z.object({
        images: z.array(z.number()),
        minutes: z.array(z.number()),
        knn: z.array(z.number()),
      }),
    }),
  ),
  spread: z.record(
    z.string(),
    z.record(z.string(), z.object({ mean: z.number(), runs: z.number() }).loose()),
  ),
  leftOut: z.array(z.object({ name: z.string(), reason: z.string() })),
  page: z.string(),
});

const summaryOf = ({ out }: Said) => summarySchema.parse(JSON.parse(out.trim()));
const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');

/** What is read of a page. */
const textOf = (page: string): string => page.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');

/** Columns with so many spaces as the table takes. */
const row = (...cells: string[]): RegExp =>
  new RegExp(`^${cells.map((cell) => cell.replace(/[()|.+]/g, '\\$&')).join(' +')}`, 'm');

describe('dino compare', () => {
  it('trains one network by each method and sets what is in the run folders side by side', async () => {
    const images = await photos(['a', 'b'], 12);
    const teacher = await trainedOn(images);
    const output = join(temporaryFolder(), 'study');
    const asked = [
      ...['compare', images, '--methods', 'dino', 'distill', '--teacher', teacher],
      ...['--images_seen', '30', '--output', output, ...tiny],
    ];
    const said = await dino(...asked);
    expect(said.err).not.toContain('error');
    expect(said.code).toBe(0);
    const folders = ['dino', 'distill'].map((name) => RunFolder.open(join(output, name)));
    const configs = folders.map((folder) => readRecord(folder).config);
    // 30 images are four steps of 8; the teacher is distillation's alone, and the head DINO's.
    expect(configs).toMatchObject([
      { method: 'dino', steps: 4, outDim: 32, evalSize: 16 },
      { method: 'distill', steps: 4, teacher, evalSize: 16 },
    ]);
    expect(configs[0]).not.toHaveProperty('teacher');
    for (const name of ['arch', 'widths', 'blocks', 'stemStride', 'channels'] as const)
      expect(configs[1]?.[name]).toEqual(configs[0]?.[name]);
    expect(readRecord(folders[1]!).command).toContain('--method distill');

    const summary = summaryOf(await dino(...asked, '--json'));
    expect(summary).toMatchObject({ type: 'compare', leftOut: [], page: join(output, 'comparison.html') });
    const page = read(output, 'comparison.html').replaceAll('<wbr>', '');
    for (const [i, folder] of folders.entries()) {
      const [knn, linear, cluster] = ['knn', 'linear', 'cluster'].map((name) =>
        JSON.parse(read(folder.path, 'eval', `${name}.json`)),
      );
      const log = folder.readLog();
      const found = summary.runs[i];
      expect(found).toMatchObject({ folder: folder.path, state: 'done', seed: 0 });
      expect(found?.scores).toMatchObject({
        knn: { value: knn.trained.top1['20'], ...knn.intervals.trained['20'] },
        linear: { value: linear.trained.top1 },
        nmi: { value: cluster.trained.nmi, ...cluster.intervals.trained.nmi },
        rank: { value: log.findLast((line) => 'feature_rank' in line)?.feature_rank },
        images: { value: 32 },
        imagesPerSecond: { value: overallRate(log, 8) },
      });
      expect(found?.untrained.knn?.value).toBe(knn.untrained.top1['20']);
      expect(found?.pixels.nmi?.value).toBe(cluster.pixels.nmi);
      expect(found?.course).toMatchObject({
        images: [0, 16, 32],
        knn: log.flatMap(({ knn_top1: value }) => value ?? []),
      });
      const { low, high } = knn.intervals.trained['20'];
      const cell = `${knn.trained.top1['20'].toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`;
      expect(said.out).toMatch(row(summary.runs[i]!.entry, cell));
      expect(textOf(page)).toContain(cell);
    }
    expect(said.out).toMatch(/^ +k-NN % +linear % +NMI +images\/s +images +MiB$/m);
    expect(said.out).toMatch(/^untrained .*\nraw pixels /m);
    for (const text of [
      'k-NN accuracy over time, %',
      'k-NN accuracy over images, %',
      'href="distill/report.html"',
    ])
      expect(page).toContain(text);
    expect(page).toContain('the student turns its feature of every view');

    // Baselines were measured once for both runs: measured alone, the second one is told the same.
    for (const name of ['knn', 'linear', 'cluster']) {
      const together = JSON.parse(read(folders[1]!.path, 'eval', `${name}.json`));
      const alone = temporaryFolder();
      const flags = withFlags(words(together.command).slice(4), '--threads', '1', '--output', alone);
      expect((await dino('eval', name, ...flags)).code).toBe(0);
      const file = existsSync(join(alone, `${name}.json`)) ? alone : join(alone, 'eval');
      expect({ ...JSON.parse(read(file, `${name}.json`)), command: '' }).toEqual({
        ...together,
        command: '',
      });
    }
  }, 60_000);

  it('measures what is asked for', async () => {
    const images = await photos(['a', 'b'], 12);
    const output = join(temporaryFolder(), 'study');
    const asked = ['compare', images, '--methods', 'dino', '--steps', '2', '--output', output, '--json'];
    const { runs } = summaryOf(await dino(...asked, '--measures', 'cluster', ...tiny));
    expect(Object.keys(runs[0]?.scores ?? {})).toEqual(expect.arrayContaining(['nmi', 'rank']));
    expect(existsSync(join(output, 'dino', 'eval', 'knn.json'))).toBe(false);
    expect(runs[0]?.scores.linear).toBeUndefined();
  });

  it('goes on where it was stopped, and keeps what is done', async () => {
    const images = await photos(['a', 'b'], 12);
    const output = join(temporaryFolder(), 'study');
    const asked = [
      ...['compare', images, '--methods', 'dino', '--seeds', '0', '1', '--steps', '40', '--output', output],
      ...withFlags(tiny, '--eval_every', '20', '--json'),
    ];
    const [first, second] = ['dino-seed-0', 'dino-seed-1'].map((name) => RunFolder.at(join(output, name)));
    const stop = setInterval(() => {
      if (second?.has('log.txt') === true && process.listenerCount('SIGINT') > 0) {
        clearInterval(stop);
        process.emit('SIGINT');
      }
    }, 1);
    const stopped = await dino(...asked);
    clearInterval(stop);
    expect(stopped.code).toBe(130);
    expect(stopped.err.trimEnd()).toMatch(/The same command goes on from here\.$/);
    expect([first!, second!].map(stateOf)).toEqual(['done', 'interrupted']);
    const before = statSync(first!.file('checkpoint.safetensors')).mtimeMs;
    const ended = await dino(...asked);
    expect(ended.code).toBe(0);
    expect(ended.err).toContain('dino-seed-0 is done already, and is kept.');
    expect(ended.err).toMatch(/Resuming .*dino-seed-1 at step \d+ of 40\./);
    expect(statSync(first!.file('checkpoint.safetensors')).mtimeMs).toBe(before);
    const { runs, spread } = summaryOf(ended);
    expect(runs.map(({ seed, state }) => [seed, state])).toEqual([
      [0, 'done'],
      [1, 'done'],
    ]);
    const ranks = runs.map(({ scores }) => scores.rank?.value ?? Number.NaN);
    expect(ranks[0]).not.toBe(ranks[1]);
    expect(spread.dino?.rank).toMatchObject({ mean: (ranks[0]! + ranks[1]!) / 2, runs: 2 });
    expect(spread.dino?.rank?.deviation).toBeCloseTo(Math.abs(ranks[0]! - ranks[1]!) / Math.SQRT2, 9);

    // Another question is none to the runs that are there.
    const other = await dino(...withFlags(asked, '--lr', '0.1'));
    expect(other.code).toBe(2);
    expect(other.err).toMatch(
      /dino-seed-0 holds a run that was trained with --lr 0\.006, and now one with --lr 0\.1/,
    );
    const longer = await dino(...asked.map((word) => (word === '40' ? '41' : word)));
    expect(longer.err).toContain('with --steps 40, and now one with --steps 41');

    // What failed is kept as it is: the same numbers would fail again.
    second!.appendLog({ step: 41, severity: 'error', topic: 'x', title: 'x', detail: 'x' });
    expect(stateOf(second!)).toBe('failed');
    const failed = await dino(...asked);
    expect(failed.code).toBe(3);
    expect(summaryOf(failed).runs[1]?.state).toBe('failed');
  }, 60_000);

  it('leaves out what cannot be trained, with the reason', async () => {
    const images = await photos(['a', 'b'], 12);
    const output = join(temporaryFolder(), 'study');
    const asked = [
      'compare',
      images,
      '--methods',
      'dino,byol,mae',
      '--steps',
      '2',
      '--output',
      output,
      '--json',
    ];
    const said = await dino(...asked, ...tiny);
    expect(said.code).toBe(0);
    expect(said.err).toContain(
      'mae is left out. MAE hides patches from a transformer, and a convolutional net has none',
    );
    const { runs, leftOut } = summaryOf(said);
    expect(runs.map(({ entry }) => entry)).toEqual(['dino', 'byol']);
    expect(leftOut).toMatchObject([{ name: 'mae', reason: expect.stringContaining('--arch vit') }]);
    expect(read(output, 'comparison.html')).toMatch(/Of \d+ images only: they say little\./);
    expect(read(output, 'comparison.html')).toContain('Not trained');
    expect(existsSync(join(output, 'mae'))).toBe(false);
    const taken = await dino('report', output);
    expect(taken.err).toContain('holds several runs that are compared: give one of them');
    // A forgotten flag, and nothing left to compare, end the command before anything is trained.
    const alone = await dino('compare', images, '--methods', 'dino,mae', '--steps', '2', ...tiny);
    expect(alone.code).toBe(2);
    expect(alone.err).toContain(
      'error: Only dino can be trained so, which leaves nothing to compare it with. mae: MAE',
    );
    const none = await dino('compare', images, '--methods', 'dino,distill', '--steps', '2', ...tiny);
    expect(none.code).toBe(2);
    expect(none.err).toContain('error: --method distill needs a trained network');
  }, 60_000);

  it('says what it does not understand', async () => {
    const images = await photos(['a', 'b'], 4);
    const all = definitions().map(({ name }) => name);
    const ask = async (...args: string[]): Promise<string> => {
      const said = await dino('compare', ...args);
      return `${said.code} ${said.err.trim().split('\n').at(-1)}`;
    };
    expect(await ask('--methods', 'dino')).toBe(
      '2 error: Which images? Give a folder or a tar: dino compare <source>.',
    );
    expect(await ask(images)).toBe(`2 error: Which methods? Give --methods with some of ${all.join(', ')}.`);
    expect(await ask(images, '--methods', 'nosuch')).toBe(
      `2 error: --methods nosuch: must be ${all.slice(0, -1).join(', ')} or ${all.at(-1)}.`,
    );
    expect(await ask(images, '--methods', 'dino', 'nosuch')).toBe(
      `2 error: There is no method "nosuch": choose --methods from ${all.join(', ')}. If it is a part of the path of the images, put quotes around that.`,
    );
    expect(await ask(images, '--methods', 'dino', 'dino')).toBe(
      '2 error: --methods dino dino: must be different methods.',
    );
    expect(await ask(images, '--methods', 'dino', '--minutes', '1', '--steps', '2')).toBe(
      '2 error: --steps and --minutes contradict each other: give one of them.',
    );
    expect(await ask(images, '--methods', 'dino', '--minutes', '1', '--images_seen', '99')).toBe(
      '2 error: --images_seen and --minutes contradict each other: give one of them.',
    );
    expect(await ask(images, '--methods', 'dino', '--seed', '1', '--seeds', '2')).toBe(
      '2 error: --seed 1 and --seeds contradict each other: give one of them.',
    );
    expect(await ask(images, '--methods', 'dino', '--method', 'dino')).toBe(
      '2 error: --method trains one: dino compare takes --methods with all of them.',
    );
    expect(await ask(images, '--methods', 'dino', '--patch_weight', '1')).toBe(
      '2 error: --patch_weight 1 has no meaning for dino: leave it out, or add distill to --methods.',
    );
    expect(await ask(images, '--methods', 'dino', 'byol', '--teacher', 'x')).toBe(
      '2 error: --teacher x has no meaning for dino or byol: leave it out, or add distill to --methods.',
    );
    expect(await ask(images, '--methods', 'dino', '--widths', '8', '--arch', 'vit')).toMatch(
      /^2 error: --widths 8 has no meaning for --arch vit/,
    );
    expect(await ask(images, '--methods', 'dino', '--batch_size_per_gpu', '9', '--steps', '1')).toMatch(
      /^2 error: --batch_size_per_gpu 9 is larger than the data set of 8 images/,
    );
  });
});

describe('dino ablate', () => {
  it('trains variants beside the base, and draws the two collapses', async () => {
    const images = await photos(['a'], 16); // no labels
    const output = join(temporaryFolder(), 'study');
    const said = await dino(
      ...['ablate', images, '--components', 'center', 'no-centering', 'no-sharpening', '--steps', '3'],
      ...['--output', output, ...tiny, '--json'],
    );
    expect(said.code).toBe(0);
    const { type, runs, leftOut } = summaryOf(said);
    expect(type).toBe('ablate');
    expect(runs.map(({ name }) => name)).toEqual(['base', 'no-centering', 'no-sharpening']);
    expect(leftOut).toEqual([{ name: 'center', reason: 'The base has this already (a moving center).' }]);
    const configs = runs.map(({ folder }) => readRecord(RunFolder.open(folder)).config);
    expect(configs).toMatchObject([
      { centering: 'center', teacherTemp: 0.02 },
      { centering: 'none', teacherTemp: 0.02 },
      { centering: 'center', teacherTemp: 0.1, warmupTeacherTemp: 0.1, studentTemp: 0.1 },
    ]);
    for (const { scores } of runs)
      expect(Object.keys(scores)).toEqual(['rank', 'imagesPerSecond', 'images', 'memory']);
    const page = read(output, 'comparison.html');
    const collapses = page.slice(page.indexOf('Collapses'), page.indexOf('The runs'));
    for (const text of [
      'Entropy of the teacher',
      'KL (teacher ‖ student)',
      'both (base), no centering (no-centering), no sharpening (no-sharpening).',
    ])
      expect(collapses).toContain(text);
  }, 60_000);

  it('says what it does not understand', async () => {
    const images = await photos(['a', 'b'], 4);
    const ask = async (...args: string[]): Promise<string> => {
      const said = await dino('ablate', images, ...args);
      return `${said.code} ${said.err.trim().split('\n').at(-1)}`;
    };
    expect(await ask('--components', 'nosuch')).toMatch(
      /^2 error: --components nosuch: must be base, no-momentum, /,
    );
    expect(await ask('--components', 'center', 'center')).toMatch(
      /^2 error: .* must be different components\.$/,
    );
    expect(await ask('nosuch')).toMatch(/^2 error: "nosuch" is no component, and the images are one word/);
    expect(await ask('--method', 'distill')).toBe(
      '2 error: --method distill has no components to leave out: choose another method.',
    );
    expect(await ask('--method', 'dino', '--teacher', 'x')).toBe(
      '2 error: --teacher x has no meaning for --method dino: leave it out, or give --method distill.',
    );
  });
});

describe('the course of a run', () => {
  it('counts images and minutes of training, between the lines of the log too', () => {
    const log = [
      { step: 0, knn_top1: 10 },
      { step: 5, knn_top1: 20 },
      { step: 10, images_per_second: 4 },
      { step: 12, images_per_second: 2 },
      { step: 12, knn_top1: 30 },
    ];
    // 10 steps of 24 images at 4 a second are a minute, 2 steps at 2 a second 24 seconds.
    expect(courseOf(log, 24)).toEqual({ images: [0, 120, 288], minutes: [0, 0.5, 1.4], knn: [10, 20, 30] });
  });
});

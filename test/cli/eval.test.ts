import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { png, temporaryFolder, writeFiles } from '../data/fixtures.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

const percent = z.number().min(0).max(100);
/** Of three classes: top-5 would always be 100. */
const accuracy = z.strictObject({ top1: z.strictObject({ 3: percent, 10: percent }) });

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

  it('keeps top-5 of six classes, for as many neighbors', async () => {
    const images = await photos(['a', 'b', 'c', 'd', 'e', 'f'], 3);
    const run = await trainedOn(images);
    const said = await dino('eval', 'knn', run, '--train', images, '--k', '3', '8', '--json');
    const { trained } = z
      .looseObject({ trained: z.strictObject({ top1: z.unknown(), top5: z.strictObject({ 8: percent }) }) })
      .parse(JSON.parse(said.out));
    expect(Object.keys(z.record(z.string(), percent).parse(trained.top1))).toEqual(['3', '8']);
    const text = (await dino('eval', 'knn', run, '--train', images, '--k', '3')).out;
    expect(text).toContain('each against all others: pooled feature at');
    const kept: unknown = JSON.parse(readFileSync(join(run, 'eval', 'knn.json'), 'utf8'));
    expect(kept).not.toHaveProperty('trained.top5');
  });

  it('leaves out each k that the bank cannot give, and says so', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images);
    const said = await dino('eval', 'knn', run, '--train', images, '--test', images);
    expect(said.err).toContain(
      'are the images of --train: each finds itself, so that these scores say nothing.',
    );
    expect(said.code).toBe(0);
    expect(said.out).toContain('k = 10');
    expect(said.out).not.toContain('k = 20');
    expect(said.err).toContain('k = 20, 100, 200 left out: the bank has only 12 images');
  });

  it('names test images that are in the bank too, by their bytes', async () => {
    const images = await photos(['a', 'b'], 6);
    const test = await photos(['a', 'b'], 3, 100);
    for (const [from, to] of [
      ['a/0', 'a/copied'],
      ['b/5', 'b/other name'],
      ['b/1', 'b/0'],
    ])
      copyFileSync(join(images, `${from}.png`), join(test, `${to}.png`));
    const run = await trainedOn(images);
    const said = await dino('eval', 'knn', run, '--train', images, '--test', test, '--k', '3');
    const sentence = '3 of 8 test images are also in the training images';
    expect(said.err).toContain(
      `${sentence}, byte by byte, which raises the scores: take them out of --train or of --test.`,
    );
    expect(said.out).toContain(`; ${sentence}`);
    expect(JSON.parse(readFileSync(join(run, 'eval', 'knn.json'), 'utf8'))).toMatchObject({
      protocol: { sharedImages: 3, testImages: 8 },
    });
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain(`${sentence}.`);
    const apart = await dino('eval', 'knn', run, '--train', images, '--test', await photos(['a'], 3, 100));
    expect(apart.err).not.toContain('also in the training images');
  });

  it('keeps its results and a report without the images of the run, when those have gone', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images);
    const others = await photos(['a', 'b'], 6, 50);
    rmSync(images, { recursive: true });
    const page = (): string => readFileSync(join(run, 'report.html'), 'utf8');
    const pictures = (): string[] => page().match(/data:image[^"]*/g) ?? [];
    const before = pictures();
    expect(before.length).toBeGreaterThan(6);
    const asked = ['eval', 'knn', run, '--train', others, '--test', others, '--nb_knn', '3'];
    const said = await dino(...asked);
    expect(said.code).toBe(0);
    const drawn = 'drawn on the images that the run was started with: There is nothing at';
    const kept = `The report shows attention and neighbors as they were drawn before. They are ${drawn} ${images}`;
    expect(said.err).toContain(kept);
    expect(page()).toContain(kept);
    expect(page()).toContain('Top-1 with 3 neighbors');
    expect(pictures()).toEqual(before);
    // Of a run that kept none, as an earlier version left it.
    rmSync(join(run, 'report-pictures.json'));
    const none = `The report goes without attention and neighbors. These are ${drawn} ${images}`;
    expect((await dino(...asked)).err).toContain(none);
    expect(page()).toContain(none);
    expect(pictures()).toEqual([]);
  });

  it('says what is missing: labels, a class, a source, a checkpoint', async () => {
    const images = await photos(['a', 'b'], 6);
    const run = await trainedOn(images);
    const flat = join(temporaryFolder(), 'flat');
    for (let i = 0; i < 4; i++) writeFiles(flat, { [`${i}.png`]: await png(i) });
    const unlabeled = await dino('eval', 'knn', run, '--train', flat, '--test', images);
    expect(unlabeled).toMatchObject({ code: 1 });
    expect(unlabeled.err).toContain('has no class folders, and k-NN needs labels');
    const other = await dino('eval', 'knn', run, '--train', images, '--test', await photos(['a', 'z'], 2));
    expect(other.err).toMatch(/^error: The class "z"/); // before a word on the images that both have
    expect(await dino('eval', 'knn', run, '--test', images)).toMatchObject({ code: 2 });
    const one = await dino('eval', 'knn', run, '--train', await photos(['only'], 6));
    expect(one.err).toContain('only one class ("only")');
    expect((await dino('eval', 'kn', run)).err).toContain('Did you mean dino eval knn?');
    const best = await dino('eval', 'knn', run, '--train', images, '--test', images, '--checkpoint', 'best');
    expect(best.err).toContain('best.safetensors does not exist');
  });

  it('lets each image ask all others where there is no test set', async () => {
    const images = await photos(['a', 'b'], 8);
    const run = await trainedOn(images);
    const said = await dino('eval', 'knn', run, '--train', images, '--k', '1', '15');
    expect(said).toMatchObject({ code: 0 });
    expect(said.err).toContain('k = 15 asks all images of the bank, so that the sizes of the classes decide');
    expect(said.out).toContain('16 images, each against all others');
    const kept = z
      .looseObject({
        protocol: z.looseObject({ leaveOneOut: z.literal(true), k: z.tuple([z.literal(1), z.literal(15)]) }),
        pixels: z.object({ top1: z.record(z.string(), percent) }),
        intervals: z.object({ pixels: z.record(z.string(), z.object({ low: percent, high: percent })) }),
      })
      .parse(JSON.parse(readFileSync(join(run, 'eval', 'knn.json'), 'utf8')));
    const { low = 101, high = -1 } = kept.intervals.pixels['1'] ?? {};
    const value = kept.pixels.top1['1'] ?? Number.NaN;
    expect(low).toBeLessThanOrEqual(value);
    expect(high).toBeGreaterThanOrEqual(value);
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('k-NN classification');
    expect((await dino('eval', 'knn', run, '--train', images, '--k', '16')).err).toContain(
      'fewer than every k',
    );
  });
});

describe('dino eval cluster', () => {
  it('finds groups, scores them where there are classes, and shows them in the report', async () => {
    const images = await photos(['a', 'b', 'c'], 6);
    const run = await trainedOn(images);
    const said = await dino('eval', 'cluster', run, '--images', images, '--json');
    expect(said.code).toBe(0);
    const scores = z.strictObject({
      nmi: z.number(),
      ari: z.number(),
      hungarianAccuracy: z.number(),
      purity: z.number(),
    });
    const printed = z
      .strictObject({
        k: z.literal(3),
        trained: scores,
        untrained: scores,
        pixels: scores,
        pca: scores,
      })
      .parse(JSON.parse(said.out));
    expect(printed.pixels.purity).toBeGreaterThan(0.5); // classes are colors here
    const kept = z
      .looseObject({ groups: z.array(z.array(z.string())) })
      .parse(JSON.parse(readFileSync(join(run, 'eval', 'cluster.json'), 'utf8')));
    expect(kept.groups.flat().sort()).toHaveLength(18);
    expect(new Set(kept.groups.flat()).size).toBe(18);
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('The groups');
    expect(said.err).toContain('info: For clusters, too few images to say whether training helped. NMI');
  });

  it('says whether training helped, by the difference over the same halves of the images', async () => {
    const images = await photos(['a', 'b', 'c'], 8);
    const run = await trainedOn(images);
    await dino('eval', 'cluster', run, '--images', images, '--no-report');
    const interval = z.object({ low: z.number(), high: z.number() });
    const { trained, pixels, gains } = z
      .looseObject({
        trained: z.object({ nmi: z.number() }),
        pixels: z.object({ nmi: z.number() }),
        gains: z.strictObject({ untrained: interval, pixels: interval, pca: interval }),
      })
      .parse(JSON.parse(readFileSync(join(run, 'eval', 'cluster.json'), 'utf8')));
    const gain = trained.nmi - pixels.nmi;
    expect(gains.pixels.low).toBeLessThanOrEqual(gain + 1e-9);
    expect(gains.pixels.high).toBeGreaterThanOrEqual(gain - 1e-9);
    expect(readFileSync(join(run, 'log.txt'), 'utf8')).toContain('"topic":"scores of clusters"');
  });

  it('chooses the number of groups by silhouette without classes, and says when there are too few images', async () => {
    const labeled = await photos(['a', 'b'], 6);
    const run = await trainedOn(labeled);
    const flat = join(temporaryFolder(), 'flat');
    for (let i = 0; i < 9; i++) writeFiles(flat, { [`${i}.png`]: await png(80 * (i % 3) + i) });
    const said = await dino('eval', 'cluster', run, '--images', flat);
    expect(said).toMatchObject({ code: 0 });
    expect(said.out).toContain('k by the largest silhouette');
    const many = await dino('eval', 'cluster', run, '--images', flat, '--k', '10');
    expect(many).toMatchObject({ code: 1 });
    expect(many.err).toContain('9 rows cannot be put into 10 clusters');
    expect(await dino('eval', 'cluster', run)).toMatchObject({ code: 2 });
  });
});

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Batch, LoadOptions } from '../../src/data/batch.ts';
import { allocateCache } from '../../src/data/decoded-cache.ts';
import { loadBatches } from '../../src/data/loader-node.ts';
import { openSource } from '../../src/data/open-source-node.ts';
import { SampleOrder } from '../../src/data/order.ts';
import { WorkerPool } from '../../src/data/pool-node.ts';
import { allocateRing, isFilled, releaseSlot } from '../../src/data/ring.ts';
import { scenesSource } from '../../src/data/scenes-source.ts';
import type { Source } from '../../src/data/source.ts';
import { augment, type CropRecipe, dinoAugmentation } from '../../src/image/augment.ts';
import { Random } from '../../src/random/random.ts';
import { idxFile, png, tarArchive, tarMember, temporaryFolder, writeFiles } from './fixtures.ts';

const recipe: CropRecipe = {
  ...dinoAugmentation,
  globalCrops: 2,
  globalSize: 8,
  localCrops: 3,
  localSize: 6,
};
const imageBytes = (2 * 8 * 8 + 3 * 6 * 6) * 3;

/** A folder of `count` images of which those in `bad` are no images. */
async function imageFolder(count: number, bad: readonly number[] = []): Promise<Source> {
  const folder = temporaryFolder();
  const files: Record<string, Uint8Array | string> = {};
  for (let i = 0; i < count; i++) files[`${i}.png`] = bad.includes(i) ? 'not an image' : await png(i);
  writeFiles(folder, files);
  return openSource(folder);
}

/** All batches, with copies of their crops. */
async function collect(source: Source, options: Omit<LoadOptions, 'recipe' | 'seed'>): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loadBatches(source, { recipe, seed: 5, ...options })) {
    batches.push({ ...batch, crops: batch.crops.slice() });
    batch.release();
  }
  return batches;
}

/** What of a batch must not depend on workers, cache or where the run began. */
function content({ step, epoch, samples, crops }: Batch): unknown {
  return { step, epoch, samples, crops };
}

/** The threads started since, for as long as the test runs. */
function watchThreads(): Worker[] {
  const threads: Worker[] = [];
  const watch = (worker: Worker): void => void threads.push(worker);
  process.on('worker', watch);
  onTestFinished(() => void process.off('worker', watch));
  return threads;
}

describe('loadBatches', () => {
  it('gives the crops that decoding and augmenting each sample in the epoch order gives', async () => {
    const source = await imageFolder(11);
    const batches = await collect(source, { batchSize: 4, toStep: 3, workers: 1 });
    const order = new SampleOrder(11, 4, 5);
    const reader = source.open();
    expect(batches.map(({ step, epoch }) => [step, epoch])).toEqual([
      [0, 0],
      [1, 0],
      [2, 1],
    ]);
    for (const batch of batches) {
      expect(batch.crops.length).toBe(4 * imageBytes);
      expect(batch.skipped).toEqual([]);
      for (let place = 0; place < 4; place++) {
        const sample = order.sampleAt(batch.step, place);
        const expected = new Uint8Array(imageBytes);
        augment(await reader.read(sample), recipe, new Random(5, 'augment', batch.epoch, sample), expected);
        expect(batch.samples[place]).toBe(sample);
        expect(batch.crops.subarray(place * imageBytes, (place + 1) * imageBytes)).toEqual(expected);
      }
    }
    expect(new Set([...batches[0]!.samples, ...batches[1]!.samples]).size).toBe(8);
  });

  it('gives identical bytes with 0, 1 and 2 workers, with and without a cache', async () => {
    const source = await imageFolder(13, [3]);
    const reference = await collect(source, { batchSize: 6, toStep: 7, workers: 0 });
    expect(reference.length).toBe(7);
    for (const options of [
      { workers: 1, cacheBytes: 1000, prefetch: 0 },
      { workers: 2, cacheBytes: 0, prefetch: 1 },
      { workers: 2 },
    ]) {
      const batches = await collect(source, { batchSize: 6, toStep: 7, ...options });
      expect(batches.map(content)).toEqual(reference.map(content));
      expect(batches.flatMap(({ skipped }) => skipped)).toEqual(reference.flatMap(({ skipped }) => skipped));
    }
  });

  it('loads a part of each batch as it is in the whole, replacements of bad files too', async () => {
    const source = await imageFolder(13, [3]);
    const whole = await collect(source, { batchSize: 6, toStep: 5, workers: 0 });
    for (const [first, images] of [
      [0, 2],
      [2, 4],
    ] as const) {
      const parts = await collect(source, { batchSize: 6, part: { first, images }, toStep: 5, workers: 1 });
      for (const [step, { samples, crops, epoch }] of parts.entries()) {
        expect(samples).toEqual(whole[step]!.samples.slice(first, first + images));
        expect(epoch).toBe(whole[step]!.epoch);
        expect(crops).toEqual(whole[step]!.crops.slice(first * imageBytes, (first + images) * imageBytes));
      }
    }
  });

  it('goes on at any step with the batches of the uninterrupted run', async () => {
    const source = await imageFolder(9);
    const whole = await collect(source, { batchSize: 4, toStep: 8, workers: 0 });
    const rest = await collect(source, { batchSize: 4, fromStep: 5, toStep: 8, workers: 1 });
    expect(rest.map(content)).toEqual(whole.slice(5).map(content));
  });

  it('loads gray images', async () => {
    const folder = temporaryFolder();
    const pixels = Uint8Array.from({ length: 6 * 100 }, (_, i) => (i * 7) % 256);
    writeFiles(folder, { 'train-images-idx3-ubyte': idxFile([6, 10, 10], pixels) });
    const gray = { ...recipe, channels: 1 as const };
    const source = openSource(folder);
    const crops: number[] = [];
    for await (const batch of loadBatches(source, {
      recipe: gray,
      batchSize: 3,
      seed: 0,
      toStep: 2,
      workers: 1,
    })) {
      crops.push(batch.crops.length);
      batch.release();
    }
    expect(crops).toEqual([imageBytes, imageBytes]); // three images, a third of the channels
    expect(() => loadBatches(source, { recipe, batchSize: 3, seed: 0, toStep: 2 })).toThrow(
      /The crops have 3 channels, but .* was opened with 1: open it with \{ channels: 3 \}/,
    );
  });

  it('refuses options that make no sense before it starts anything', () => {
    const source = scenesSource({ count: 10, size: 16 });
    const load = (options: Partial<LoadOptions>) => () =>
      loadBatches(source, { recipe, batchSize: 4, seed: 0, toStep: 1, ...options });
    expect(load({ batchSize: 64 })).toThrow('A batch of 64 is larger than the data set of 10 images');
    expect(load({ workers: -1 })).toThrow("The loader's workers is -1");
    expect(load({ prefetch: 0.5 })).toThrow("The loader's prefetch is 0.5");
    expect(load({ toStep: Number.POSITIVE_INFINITY })).toThrow("The loader's toStep is Infinity");
  });

  it('says so when batches are asked for while all of its memory is still held', async () => {
    const source = scenesSource({ count: 10, size: 16 });
    for (const workers of [0, 1]) {
      const batches = loadBatches(source, { recipe, batchSize: 4, seed: 0, toStep: 9, workers, prefetch: 1 });
      await batches.next();
      await batches.next();
      await expect(batches.next()).rejects.toThrow(
        'The batch of step 0 is still held when step 2 is asked for: call release() on each batch, or raise prefetch.',
      );
    }
  });
});

describe('files that cannot be decoded', () => {
  it('are replaced by the next sample of the epoch, and reported once', async () => {
    const source = await imageFolder(12, [2, 7]);
    const order = new SampleOrder(12, 4, 5);
    for (const workers of [0, 2]) {
      const batches = await collect(source, { batchSize: 4, toStep: 9, workers });
      for (const batch of batches) {
        batch.samples.forEach((sample, place) => {
          let further = 0;
          while ([2, 7].includes(order.sampleAt(batch.step, place, further))) further++;
          expect(sample).toBe(order.sampleAt(batch.step, place, further));
        });
      }
      const skipped = batches.flatMap((batch) => batch.skipped);
      expect(skipped.map(({ key }) => key).sort()).toEqual(['2.png', '7.png']);
      expect(skipped[0]!.reason).toMatch(/^cannot be decoded \(it is no image/);
    }
  });

  it('are replaced in archives too, with crops of their own', async () => {
    const folder = temporaryFolder();
    const members: Buffer[] = [];
    for (let i = 0; i < 5; i++)
      members.push(tarMember({ name: `${i}.png`, data: i === 3 ? 'bad' : await png(i) }));
    writeFileSync(join(folder, 'a.tar'), tarArchive(members));
    const [batch] = await collect(openSource(join(folder, 'a.tar')), { batchSize: 5, toStep: 1, workers: 1 });
    expect(batch!.skipped.map(({ key }) => key)).toEqual(['3.png']);
    const twice = [...batch!.samples].find((sample, i, all) => all.indexOf(sample) !== i)!;
    const [first = 0, second = 0] = [...batch!.samples].flatMap((sample, i) => (sample === twice ? [i] : []));
    const crops = (place: number) => batch!.crops.subarray(place * imageBytes, (place + 1) * imageBytes);
    expect(crops(first)).not.toEqual(crops(second));
  });

  it('end the run when they are more than half, with any number of workers', async () => {
    const bad = Array.from({ length: 18 }, (_, i) => i);
    const source = await imageFolder(30, bad);
    for (const workers of [0, 2]) {
      await expect(collect(source, { batchSize: 10, toStep: 9, workers })).rejects.toThrow(
        /^\d+ of the \d+ files tried in .* could not be decoded: check the files; the first: \d+\.png cannot be decoded \(/,
      );
    }
  });

  it('end the run when none is left, however few', async () => {
    const source = await imageFolder(3, [0, 1, 2]);
    await expect(collect(source, { batchSize: 2, toStep: 1, workers: 0 })).rejects.toThrow(
      /^3 of the 3 files tried/,
    );
  });

  it('are tolerated up to half', async () => {
    const source = await imageFolder(8, [0, 1, 2, 3]);
    const batches = await collect(source, { batchSize: 4, toStep: 6, workers: 0 });
    expect(batches.length).toBe(6);
    for (const { samples } of batches) expect(Math.min(...samples)).toBeGreaterThan(3);
  });
});

describe('threads', () => {
  it('are gone when the batches are, and when the loop is left early', async () => {
    const threads = watchThreads();
    const source = scenesSource({ count: 20, size: 16 });
    await collect(source, { batchSize: 4, toStep: 3, workers: 2 });
    for await (const _ of loadBatches(source, { recipe, batchSize: 4, seed: 0, toStep: 1000 })) break;
    const failing = loadBatches(source, { recipe, batchSize: 4, seed: 0, toStep: 1000 });
    await failing.next();
    await expect(failing.throw(new Error('the training failed'))).rejects.toThrow('the training failed');
    expect(threads.length).toBe(6);
    expect(threads.map(({ threadId }) => threadId)).toEqual([-1, -1, -1, -1, -1, -1]);
  });

  it('are not started before the first batch is asked for', async () => {
    const threads = watchThreads();
    const batches = loadBatches(scenesSource({ count: 9 }), { recipe, batchSize: 2, seed: 0, toStep: 9 });
    await batches.return();
    expect(threads.length).toBe(0);
  });

  it('go on with queued batches while the main thread is blocked', async () => {
    const source = scenesSource({ count: 20, size: 16 });
    const ring = allocateRing({ fromStep: 0, toStep: 8, batchSize: 4, pieceSize: 2, imageBytes, slots: 4 });
    const cache = allocateCache(20, 1e6, 3);
    const task = {
      spec: source.spec,
      loadSize: 0,
      length: 20,
      seed: 0,
      recipe,
      imageBytes,
      ring,
      cache,
      batchSize: 4,
      first: 0,
    };
    const pool = new WorkerPool(2, task, () => {});
    await pool.until(() => [0, 1, 2, 3].every((step) => isFilled(ring, step)));
    for (const step of [0, 1, 2, 3]) releaseSlot(ring, step);
    // From here on the thread never yields, as in the engine: only the workers can do this.
    const deadline = performance.now() + 30_000;
    const filled = (): boolean => [4, 5, 6, 7].every((step) => isFilled(ring, step));
    while (!filled() && performance.now() < deadline);
    expect(filled()).toBe(true);
    await pool.close();
  });

  it('that fail or end by themselves are an error, not a hang', async () => {
    const source = scenesSource({ count: 20, size: 16 });
    const ring = allocateRing({ fromStep: 0, toStep: 8, batchSize: 4, pieceSize: 2, imageBytes, slots: 4 });
    const cache = allocateCache(20, 0, 3);
    const task = {
      spec: source.spec,
      loadSize: 0,
      length: 20,
      seed: 0,
      recipe,
      imageBytes,
      ring,
      cache,
      batchSize: 4,
      first: 0,
    };
    const run = async (code: string): Promise<void> => {
      const pool = new WorkerPool(
        1,
        task,
        () => {},
        new URL(`data:text/javascript,${encodeURIComponent(code)}`),
      );
      try {
        await pool.until(() => isFilled(ring, 0));
      } finally {
        await pool.close();
      }
    };
    await expect(run('process.exit(3)')).rejects.toThrow('A data worker ended with code 3');
    await expect(run('throw new Error("boom")')).rejects.toThrow('A data worker failed: boom');
    await expect(run('1 + 1')).rejects.toThrow('A data worker ended with code 0');
  });

  it('report an archive that went away', async () => {
    const archive = join(temporaryFolder(), 'a.tar');
    writeFileSync(archive, tarArchive([tarMember({ name: 'a.png', data: await png(0) })]));
    const source = openSource(archive);
    rmSync(archive);
    await expect(collect(source, { batchSize: 1, toStep: 1, workers: 1 })).rejects.toThrow(
      /A data worker failed: ENOENT.*a\.tar/,
    );
  });
});

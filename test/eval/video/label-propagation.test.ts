import { describe, expect, it } from 'vitest';
import { ortNode } from '../../../src/engine/ort-node.ts';
import {
  type FrameTokens,
  type PropagatedFrame,
  type PropagationOptions,
  propagateLabels,
} from '../../../src/eval/video/label-propagation.ts';
import { hardMask, oneHotMasks, scaledChannel } from '../../../src/eval/video/soft-masks.ts';
import { videoFrame, videoFrameSize } from '../../../src/eval/video/video-frames.ts';
import type { Mask } from '../../../src/image/mask.ts';
import { Random } from '../../../src/random/random.ts';

async function all(
  frames: Iterable<FrameTokens>,
  mask: Mask,
  options: PropagationOptions,
): Promise<PropagatedFrame[]> {
  const found: PropagatedFrame[] = [];
  for await (const frame of propagateLabels(ortNode, frames, mask, options)) found.push(frame);
  return found;
}

/** Frames in which every patch is one of some colors, given by their numbers. */
function colored(rows: number, columns: number, frames: readonly (readonly number[])[]): FrameTokens[] {
  return frames.map((colors) => {
    const tokens = new Float32Array(rows * columns * 4);
    for (const [patch, color] of colors.entries()) tokens[patch * 4 + color] = 1 + patch;
    return { rows, columns, dim: 4, tokens };
  });
}

function noise(rows: number, columns: number, dim: number, frames: number): FrameTokens[] {
  const random = new Random(7, 'video test');
  return Array.from({ length: frames }, () => ({
    rows,
    columns,
    dim,
    tokens: Float32Array.from({ length: rows * columns * dim }, () => random.normal()),
  }));
}

/** The official computation: all affinities, masked, the k-th largest as threshold. [channels, patches] */
function densely(frames: readonly FrameTokens[], mask: Mask, options: PropagationOptions): number[][][] {
  const { lastFrames = 7, neighborhood: n = 12, topk = 5, temperature = 0.1 } = options;
  const { rows, columns, dim } = frames[0]!;
  const patches = rows * columns;
  const unit = frames.map(({ tokens }) =>
    Array.from({ length: patches }, (_, p) => {
      const row = [...tokens.subarray(p * dim, (p + 1) * dim)];
      return row.map((x) => x / Math.hypot(...row));
    }),
  );
  const first = oneHotMasks(mask, rows, columns);
  const soft = [
    Array.from({ length: first.channels }, (_, c) => [
      ...first.values.subarray(c * patches, (c + 1) * patches),
    ]),
  ];
  for (let t = 1; t < frames.length; t++) {
    const sources = [
      0,
      ...Array.from({ length: t - 1 }, (_, i) => i + 1).slice(Math.max(0, t - 1 - lastFrames)),
    ];
    const next = soft[0]!.map(() => new Array<number>(patches).fill(0));
    for (let target = 0; target < patches; target++) {
      const affinity = sources.flatMap((s) =>
        unit[s]!.map((feature, p) => {
          const far =
            Math.abs(Math.floor(p / columns) - Math.floor(target / columns)) > n ||
            Math.abs((p % columns) - (target % columns)) > n;
          const cosine = feature.reduce((sum, x, d) => sum + x * unit[t]![target]![d]!, 0);
          return n > 0 && far ? 0 : Math.exp(cosine / temperature);
        }),
      );
      const kth = [...affinity].sort((a, b) => b - a)[Math.min(topk, affinity.length) - 1]!;
      const kept = affinity.map((a) => (a < kth ? 0 : a));
      const sum = kept.reduce((a, b) => a + b, 0);
      for (const [i, a] of kept.entries()) {
        const [s, p] = [sources[Math.floor(i / patches)]!, i % patches];
        for (const [c, channel] of next.entries()) channel[target]! += (a / sum) * soft[s]![c]![p]!;
      }
    }
    soft.push(next);
  }
  return soft;
}

/** Labels in vertical bands. */
const bands = (height: number, width: number, labels: number): Mask => ({
  height,
  width,
  data: Uint8Array.from({ length: height * width }, (_, i) => Math.floor(((i % width) * labels) / width)),
});

describe('label propagation', () => {
  it.each([
    ['one block', 4, 5, { neighborhood: 2, lastFrames: 2 }],
    ['no neighborhood', 5, 4, { neighborhood: 0, lastFrames: 1, topk: 9 }],
    ['blocks that overlap at the lower edge', 17, 6, { neighborhood: 3, lastFrames: 7 }],
    ['overlapping strips of a wide grid', 9, 37, { neighborhood: 2, lastFrames: 3 }],
    ['strips and a neighborhood of the next patches only', 7, 19, { neighborhood: 1, topk: 20 }],
    ['the first frame alone as source', 6, 6, { neighborhood: 2, lastFrames: 0, temperature: 0.02 }],
  ] as const)('equals the dense computation with %s', async (_, rows, columns, settings) => {
    const options = { patchSize: 4, ...settings };
    const frames = noise(rows, columns, 6, 5);
    const mask = bands(50, 70, 3);
    const wanted = densely(frames, mask, options);
    const found = await all(frames, mask, options);
    for (const [t, { soft }] of found.entries()) {
      const difference = wanted[t]!.flat().map((x, i) => Math.abs(x - soft.values[i]!));
      expect(Math.max(...difference)).toBeLessThan(1e-5);
    }
  });

  it('returns the given mask for a video with one frame, whatever its size', async () => {
    const mask = bands(37, 100, 2);
    const found = await all(noise(3, 8, 4, 1), mask, { patchSize: 16 });
    expect(found.map(({ frame, mask }) => [frame, mask])).toEqual([[0, mask]]);
    expect(await all([], mask, { patchSize: 16 })).toEqual([]);
  });

  it('makes masks of the size of the first one, or of one that is asked for', async () => {
    const frames = noise(3, 8, 4, 3);
    const [, second] = await all(frames, bands(37, 100, 2), { patchSize: 16 });
    expect([second?.mask.height, second?.mask.width, second?.mask.data.length]).toEqual([37, 100, 3700]);
    const size = { height: 11, width: 500 };
    const [, other] = await all(frames, bands(37, 100, 2), { patchSize: 16, size });
    expect(other?.mask).toMatchObject(size);
  });

  it('follows an object that moves, and loses one that vanishes', async () => {
    const frames = colored(1, 5, [
      [0, 1, 0, 2, 0],
      [0, 0, 1, 0, 0],
      [0, 0, 0, 1, 0],
      [0, 0, 0, 0, 0],
    ]);
    const mask = { height: 1, width: 5, data: Uint8Array.of(0, 1, 0, 2, 0) };
    const found = await all(frames, mask, { patchSize: 1, neighborhood: 2, topk: 1 });
    expect(found.map(({ mask }) => [...mask.data])).toEqual([
      [0, 1, 0, 2, 0],
      [0, 0, 1, 0, 0],
      [0, 0, 0, 1, 0],
      [0, 0, 0, 0, 0],
    ]);
  });

  it('keeps everything that equals the k-th: a frame of one color averages its neighborhood', async () => {
    const frames = colored(1, 5, [new Array<number>(5).fill(3), new Array<number>(5).fill(3)]);
    const mask = { height: 1, width: 5, data: Uint8Array.of(1, 0, 0, 0, 0) };
    const [, next] = await all(frames, mask, { patchSize: 1, neighborhood: 1, topk: 1 });
    const wanted = [1 / 2, 1 / 3, 0, 0, 0];
    for (const [i, share] of wanted.entries()) expect(next?.soft.values[5 + i]).toBeCloseTo(share, 6);
  });

  it('asks for a frame only when the one before has been taken', async () => {
    let given = 0;
    async function* frames(): AsyncGenerator<FrameTokens> {
      for (const frame of noise(3, 3, 4, 4)) {
        given++;
        yield frame;
      }
    }
    for await (const { frame } of propagateLabels(ortNode, frames(), bands(9, 9, 2), { patchSize: 3 })) {
      expect(given).toBe(frame + 1);
      if (frame === 2) break; // stopping early frees the engine's programs
    }
    expect(given).toBe(3);
  });

  it('refuses features that are not finite, frames of another size and senseless options', async () => {
    const mask = bands(9, 9, 2);
    const broken = noise(3, 3, 4, 2);
    broken[1]!.tokens[5] = Number.NaN;
    await expect(all(broken, mask, { patchSize: 3 })).rejects.toThrow(
      "Frame 1 has a feature that is not a finite number, so it resembles nothing: check the network's weights.",
    );
    const grown = [...noise(3, 3, 4, 1), ...noise(3, 4, 4, 1)];
    await expect(all(grown, mask, { patchSize: 3 })).rejects.toThrow(
      'Frame 1 has 3 x 4 patches of 4 and the first 3 x 3 of 4: bring all frames to one size.',
    );
    const withClass = [{ rows: 3, columns: 3, dim: 4, tokens: new Float32Array(40) }];
    await expect(all(withClass, mask, { patchSize: 3 })).rejects.toThrow('without the class token');
    const frames = noise(3, 3, 4, 2);
    await expect(all(frames, mask, { patchSize: 3, topk: 0 })).rejects.toThrow('topk of 1 or more');
    await expect(all(frames, mask, { patchSize: 3, neighborhood: -1 })).rejects.toThrow('0 (no limit)');
    await expect(all(frames, mask, { patchSize: 3, temperature: 0 })).rejects.toThrow('positive');
    await expect(all(frames, mask, { patchSize: 3, lastFrames: 1.5 })).rejects.toThrow('0 or more');
    await expect(
      all(frames, { height: 2, width: 2, data: new Uint8Array(3) }, { patchSize: 3 }),
    ).rejects.toThrow('A mask of 2 x 2 pixels has 3 labels');
  });
});

describe('soft masks', () => {
  it('lose a label that no patch samples, and with it the labels above', () => {
    const mask = { height: 1, width: 6, data: Uint8Array.of(0, 0, 1, 0, 0, 2) };
    expect(oneHotMasks(mask, 1, 2)).toMatchObject({ channels: 1 });
    expect([...oneHotMasks(mask, 1, 6).values]).toEqual([
      1, 1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ]);
  });

  it('stay as they are where they are constant, and empty ones stay empty', () => {
    const masks = { channels: 2, rows: 1, columns: 2, values: Float32Array.of(0, 0, 0.5, 0.5) };
    expect([...scaledChannel(masks, 0, 2)]).toEqual(new Array(8).fill(0));
    expect([...scaledChannel(masks, 1, 2)]).toEqual(new Array(8).fill(0.5));
    expect([...hardMask(masks, 2, { height: 1, width: 3 }).data]).toEqual([1, 1, 1]);
  });
});

describe('video frames', () => {
  it('keep their aspect ratio down to a multiple of 64; a square counts as landscape', () => {
    expect(videoFrameSize(480, 854)).toEqual({ height: 480, width: 832 });
    expect(videoFrameSize(500, 500)).toEqual({ height: 480, width: 448 });
    expect(videoFrameSize(1280, 720, 64)).toEqual({ height: 64, width: 64 });
  });

  it('are resized without smoothing and normalized', () => {
    const data = Uint8Array.from({ length: 128 * 256 * 3 }, (_, i) =>
      i % 3 === 0 ? Math.floor(i / 3) % 256 : 40,
    );
    const { pixels, height, width } = videoFrame({ height: 128, width: 256, channels: 3, data }, 64);
    expect([height, width]).toEqual([64, 128]);
    expect(pixels[10]).toBeCloseTo((21 / 255 - 0.485) / 0.228, 5); // the mean of the levels 20 and 21, rounded up
    expect(pixels[64 * 128]).toBeCloseTo((40 / 255 - 0.456) / 0.224, 5);
    expect(() => videoFrame({ height: 50, width: 50, channels: 3, data: new Uint8Array(7500) }, 60)).toThrow(
      'short side of at least 64',
    );
  });
});

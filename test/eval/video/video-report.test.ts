import { describe, expect, it } from 'vitest';
import type { VideoSequence } from '../../../src/data/video-sequence.ts';
import { ortNode } from '../../../src/engine/ort-node.ts';
import { type SegmentedFrame, segmentVideo } from '../../../src/eval/video/video-report.ts';
import { videoSummary } from '../../../src/eval/video/video-summary.ts';
import type { Image } from '../../../src/image/image.ts';
import type { Mask } from '../../../src/image/mask.ts';
import { noiseImage, stillNetwork } from '../still-network.ts';

const { backbone, weights } = stillNetwork(64, 8);
const options = {
  ...{ backbone, maker: weights, engine: ortNode },
  lastFrames: 2,
  neighborhood: 0,
  topk: 1,
  short: 64,
};

/** An upright bar 16 pixels wide. */
function bar(left: number, label = 1, size = 64): Mask {
  const data = Uint8Array.from({ length: size * size }, (_, i) =>
    i % size >= left && i % size < left + 16 ? label : 0,
  );
  return { height: size, width: size, data };
}

function clip(images: readonly Image[], masks: readonly (Mask | undefined)[]): VideoSequence {
  return {
    name: 'clip',
    length: images.length,
    frameName: (frame) => String(frame),
    maskFile: (frame) => (masks[frame] === undefined ? undefined : `masks/${frame}.png`),
    read: async (frame) => ({ file: `frames/${frame}.png`, image: images[frame] ?? noiseImage(1, 1) }),
    readMask: async (frame) => masks[frame],
  };
}

const still = (count: number) => Array.from({ length: count }, () => noiseImage(64, 64));

describe('segmenting a video', () => {
  it('keeps the mask of a picture that stands still, with its label', async () => {
    const truth = bar(16, 38);
    const frames: SegmentedFrame[] = [];
    const scores = await segmentVideo(clip(still(4), [truth, truth, truth, truth]), {
      ...options,
      onFrame: (frame) => void frames.push(frame),
    });
    expect(frames.map(({ frame, mask }) => [frame, mask])).toEqual([0, 1, 2, 3].map((i) => [i, truth]));
    expect(scores.frames).toEqual([1, 2]);
    expect(scores.objects).toEqual([
      {
        label: 38,
        j: { mean: 1, recall: 1, decay: 0 },
        f: { mean: 1, recall: 1, decay: 0 },
        jAndF: 1,
        jOfFrames: [1, 1],
      },
    ]);
  });

  it('scores the first mask kept by how far the object went, on the frames that have a mask', async () => {
    const masks = [bar(0), bar(0), undefined, bar(8), bar(32), bar(40)];
    const scores = await segmentVideo(clip(still(6), masks), { ...options, maker: 'first mask kept' });
    expect(scores.frames).toEqual([1, 3, 4]);
    expect(scores.objects[0]?.jOfFrames).toEqual([1, 1 / 3, 0]);
    expect(scores.objects[0]?.j.mean).toBeCloseTo(4 / 9, 10);
    expect(scores.objects[0]?.j.recall).toBeCloseTo(1 / 3, 10);
  });

  it('makes masks without scores where only the first is given', async () => {
    let count = 0;
    const scores = await segmentVideo(clip(still(2), [bar(8)]), {
      ...options,
      onFrame: () => {
        count++;
      },
    });
    expect(scores).toEqual({ frames: [], objects: [] });
    expect(count).toBe(2);
  });

  it('refuses a single frame, a first frame without mask or object, and several sizes, naming the file', async () => {
    const run = (images: readonly Image[], masks: readonly (Mask | undefined)[]) =>
      segmentVideo(clip(images, masks), options);
    await expect(run(still(1), [bar(8)])).rejects.toThrow('The video clip has one frame');
    await expect(run(still(2), [])).rejects.toThrow('The first frame of clip, 0, has no mask');
    await expect(run(still(2), [bar(90)])).rejects.toThrow('masks/0.png has no object to follow');
    await expect(run([...still(1), noiseImage(64, 80)], [bar(8)])).rejects.toThrow(
      'frames/1.png has 64 x 80 pixels and the first frame 64 x 64: bring all of a video to one size.',
    );
    await expect(run(still(3), [bar(8), bar(8, 1, 32)])).rejects.toThrow('masks/1.png has 32 x 32 pixels');
    const odd = segmentVideo(clip(still(2), [bar(8)]), { ...options, short: 68 });
    await expect(odd).rejects.toThrow('do not consist of patches of 8');
  });
});

describe('the scores of several videos', () => {
  const object = (value: number) => {
    const of = { mean: value, recall: value, decay: 0 };
    return { label: 1, j: of, f: of, jAndF: value, jOfFrames: [] };
  };

  it('are means over objects, with an interval where there are enough', () => {
    expect(videoSummary([object(0.2), object(0.4)])).toMatchObject({
      jAndF: expect.closeTo(0.3, 10),
      objects: 2,
      interval: undefined,
    });
    const { interval } = videoSummary([0, 0.2, 0.4, 0.6, 0.8].map(object));
    expect(interval?.low).toBeLessThan(0.4);
    expect(interval?.high).toBeGreaterThan(0.4);
    expect(() => videoSummary([])).toThrow('No object was scored');
  });
});

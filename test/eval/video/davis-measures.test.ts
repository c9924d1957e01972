import { describe, expect, it } from 'vitest';
import {
  boundaryF,
  boundaryMap,
  objectMeasures,
  sequenceStatistics,
  videoScores,
} from '../../../src/eval/video/davis-measures.ts';
import type { Mask } from '../../../src/image/mask.ts';

const labeled = (...rows: readonly string[]): Mask => ({
  height: rows.length,
  width: rows[0]?.length ?? 0,
  data: Uint8Array.from(rows.join(''), Number),
});

describe('contour accuracy', () => {
  it('knows boundary pixels by their right, lower and lower right neighbors', () => {
    const boundary = boundaryMap(labeled('0000', '0110', '0110'));
    expect([...boundary]).toEqual([1, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
  });

  it('is 1 where neither mask has a boundary and 0 where only one has', () => {
    const [empty, whole, half] = [labeled('00', '00'), labeled('11', '11'), labeled('01', '01')];
    expect(boundaryF(empty, whole)).toBe(1);
    expect(boundaryF(empty, half)).toBe(0);
    expect(boundaryF(half, whole)).toBe(0);
    expect(boundaryF(half, half)).toBe(1);
  });

  it('matches within a disk', () => {
    const bar = (at: number): Mask => ({
      height: 8,
      width: 60,
      data: Uint8Array.from({ length: 480 }, (_, i) => (i % 60 < at ? 1 : 0)),
    });
    const tolerance = 2 / Math.sqrt(8 * 8 + 60 * 60); // a radius of two pixels
    expect(boundaryF(bar(30), bar(32), tolerance)).toBe(1);
    expect(boundaryF(bar(30), bar(33), tolerance)).toBe(0);
  });

  it('is refused for masks of two sizes', () => {
    expect(() => boundaryF(labeled('01'), labeled('0', '1'))).toThrow(
      'Masks of 1 x 2 and 2 x 1 pixels cannot be compared: resize one with resizeMask.',
    );
  });
});

describe('scores of a video', () => {
  const frame = labeled('1100', '1122');

  it('count an object that vanished as missed, and one that is rightly gone as found', () => {
    const gone = labeled('1100', '1100');
    const measures = objectMeasures([frame, frame, gone, gone], [frame, gone, gone, gone]);
    expect([...measures.j]).toEqual([1, 1, 1, 1, 1, 0, 1, 1]);
    expect([...measures.f]).toEqual([1, 1, 1, 1, 1, 0, 1, 1]);
    const scores = videoScores(measures);
    expect(scores.j).toEqual([
      { mean: 1, recall: 1, decay: 0 },
      { mean: 0.5, recall: 0.5, decay: -1 },
    ]);
    expect([scores.jMean, scores.fMean, scores.jAndF]).toEqual([0.75, 0.75, 0.75]);
  });

  it('need a frame between the first and the last, an object, and a prediction for each frame', () => {
    const one = objectMeasures([frame], [frame]);
    expect(() => videoScores(one)).toThrow('A video of 1 frame has none to score');
    expect(() => videoScores(objectMeasures([frame, frame], [frame, frame]))).toThrow('A video of 2 frames');
    const empty = labeled('00');
    expect(() => videoScores(objectMeasures([empty, empty, empty], [empty, empty, empty]))).toThrow(
      'no object',
    );
    expect(() => objectMeasures([frame, frame], [frame])).toThrow('2 true masks has 1 predicted');
  });

  it('compare the first quarter of a sequence with the last', () => {
    expect(sequenceStatistics([1, 1, 0.5, 0.5, 0.25])).toEqual({ mean: 0.65, recall: 0.4, decay: 0.625 });
    expect(sequenceStatistics([0.75])).toEqual({ mean: 0.75, recall: 1, decay: 0 });
    expect(() => sequenceStatistics([])).toThrow('A sequence without values');
  });
});

import { describe, expect, it } from 'vitest';
import {
  confusionMatrix,
  mostConfused,
  ScoreSheet,
} from '../../../src/eval/classify/classification-scores.ts';

function scored(classes: number, batch: number, samples: readonly (readonly [readonly number[], number])[]) {
  const sheet = new ScoreSheet(classes, batch);
  for (const [logits, label] of samples) sheet.add(Float32Array.from(logits), 0, label);
  return sheet.total();
}

describe('classification scores', () => {
  it('count a class as found when it ranks first, or among the first five', () => {
    const logits = [5, 4, 3, 2, 1, 0];
    const { top1, top5, predictions } = scored(
      6,
      4,
      [0, 4, 5, 0].map((label) => [logits, label] as const),
    );
    expect([top1, top5]).toEqual([50, 75]);
    expect([...predictions]).toEqual([0, 0, 0, 0]);
  });

  it('have no top-5 where five classes are all', () => {
    expect('top5' in scored(4, 1, [[[1, 2, 3, 4], 0]])).toBe(false);
    expect('top5' in scored(5, 1, [[[1, 2, 3, 4, 5], 0]])).toBe(false);
    expect(scored(6, 1, [[[1, 2, 3, 4, 5, 6], 1]]).top5).toBe(100);
  });

  it('rank equal logits by class index', () => {
    expect(scored(2, 1, [[[1, 1], 0]])).toMatchObject({ top1: 100, predictions: Int32Array.of(0) });
    expect(scored(2, 1, [[[1, 1], 1]])).toMatchObject({ top1: 0 });
  });

  it('take the loss as a mean over batches, where a smaller last one counts as much', () => {
    const even = [[0, 0], 0] as const;
    const sure = [[100, 0], 0] as const;
    expect(scored(2, 2, [even, sure, even]).loss).toBeCloseTo((Math.LN2 / 2 + Math.LN2) / 2, 12);
    expect(scored(2, 8, [even, sure, even]).loss).toBeCloseTo((2 * Math.LN2) / 3, 12);
  });

  it('never call a classifier right whose logits are not numbers', () => {
    const broken = [Number.NaN, Number.NaN];
    const scores = scored(2, 2, [
      [broken, 0],
      [broken, 1],
    ]);
    expect(scores.top1).toBe(0);
    expect(scores.loss).toBeNaN();
    expect(scored(2, 1, [[[0, Number.NaN], 0]]).top1).toBe(0);
    expect(scored(1, 1, [[[Number.NaN], 0]]).top1).toBe(0);
  });

  it('need a sample', () => {
    expect(() => new ScoreSheet(3, 4).total()).toThrow('There is no sample to score');
  });
});

describe('confusion', () => {
  const matrix = confusionMatrix([0, 0, 0, 1, 1, 3], [0, 1, 1, 2, 1, 0], 4);

  it('counts what each class was taken for; a class without samples has an empty row', () => {
    expect([...matrix]).toEqual([1, 2, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
  });

  it('names the pairs that were confused most often', () => {
    expect(mostConfused(matrix, 4, 2)).toEqual([
      { label: 0, prediction: 1, count: 2, share: 2 / 3 },
      { label: 3, prediction: 0, count: 1, share: 1 },
    ]);
    expect(mostConfused(matrix, 4, 9)).toHaveLength(3);
    expect(mostConfused(Int32Array.of(7), 1, 5)).toEqual([]);
  });

  it('is refused for classes that do not exist and lists of two lengths', () => {
    expect(() => confusionMatrix([4], [0], 4)).toThrow('Sample 0 is of class 4 and was taken for 0');
    expect(() => confusionMatrix([1, 1], [0], 4)).toThrow('2 labels and 1 predictions');
  });
});

import { describe, expect, it } from 'vitest';
import { scoreWords } from '../../src/export/score-words.ts';

describe('scores in words', () => {
  it.each([
    [
      'knn',
      {
        trained: { top1: { 10: 66.123, 20: 68.4 }, top5: {} },
        untrained: { top1: { 10: 30, 20: 37.51 }, top5: {} },
        pixels: { top1: { 10: 40, 20: 45.4 }, top5: {} },
        protocol: { testImages: 1000 },
      },
      'accuracy of 20 nearest neighbors: 68.4 % (1000 test images; the same network untrained 37.5 %, raw pixels 45.4 %)',
    ],
    ['knn', { trained: { top1: { 3: 50 } } }, 'accuracy of 3 nearest neighbors: 50.0 %'],
    [
      'linear',
      { trained: { top1: 71.23, top5: 99 }, protocol: {} },
      'accuracy of a linear classifier on the features: 71.2 %',
    ],
    [
      'logistic',
      { trained: { '1 a class': { top1: 20 }, '5 a class': { top1: 41 } } },
      'accuracy of logistic regression on the features (labels: 5 a class): 41.0 %',
    ],
    [
      'masks',
      { trained: { bestHead: 0.4851 }, untrained: { bestHead: 0.371 }, box: { bestHead: 0.398 } },
      'overlap of attention with objects (Jaccard index, 0 to 1): 0.485 (the same network untrained 0.371, a box in the middle 0.398)',
    ],
    [
      'retrieval',
      { trained: { medium: { map: 0.5 }, hard: { map: 0.1 } } },
      'images of a kind found (mean average precision, 0 to 1): 0.500',
    ],
    [
      'retrieval',
      { trained: { map: 0.5 }, pixels: { map: 0.3 }, chance: { map: 0.1234 } },
      'images of a kind found (mean average precision, 0 to 1): 0.500 (raw pixels 0.300, a random order 0.123)',
    ],
  ])('%s', (name, record, words) => {
    expect(scoreWords(name, record)).toBe(words);
  });

  it('are left out of an evaluation that has none', () => {
    expect(scoreWords('embed', { images: 3 })).toBeUndefined();
    expect(scoreWords('cluster', { k: 7, tried: [] })).toBeUndefined();
    expect(scoreWords('constructor', {})).toBeUndefined();
  });
});

/** Which option is proposed for a name that is none. */
import { describe, expect, it } from 'vitest';
import { evaluations } from '../../../src/cli/evaluations/index.ts';
import { nearestName } from '../../../src/cli/terminal/nearest-name.ts';
import { allTrainFields } from '../../../src/cli/train/train-flags.ts';

const train = Object.keys(allTrainFields());
const fieldsOf = (name: string): string[] =>
  Object.keys(evaluations.find((each) => each.name === name)?.fields ?? {});

describe('the nearest option of training', () => {
  it.each([
    ['learningRate', 'lr'],
    ['LearningRate', 'lr'],
    ['batchsize', 'batchSizePerGpu'],
    ['batch', 'batchSizePerGpu'],
    ['epoch', 'epochs'],
    ['numEpochs', 'epochs'],
    ['maxSteps', 'steps'],
    ['iterations', 'steps'],
    ['stpes', 'steps'],
    ['lrr', 'lr'],
    ['wd', 'weightDecay'],
    ['gradClip', 'clipGrad'],
    ['workers', 'numWorkers'],
    ['cores', 'threads'],
    ['temp', 'teacherTemp'],
    ['dir', 'outputDir'],
    ['imgSize', 'evalSize'],
    ['pretrained', 'init'],
    ['resumeFrom', 'resume'],
    ['localCropNumber', 'localCropsNumber'],
  ])('%s is %s', (wanted, meant) => {
    expect(nearestName(wanted, train)).toBe(meant);
  });

  it.each(['foo', 'x', 'verbose', 'wandb', 'entity', 'debug', 'crop', 'height'])('%s is none', (wanted) => {
    expect(nearestName(wanted, train)).toBeUndefined();
  });
});

describe('the nearest option elsewhere', () => {
  it('is one that the command has', () => {
    expect(nearestName('temp', fieldsOf('knn'))).toBe('temperature');
    expect(nearestName('imgSize', fieldsOf('masks'))).toBe('imageSize');
    expect(nearestName('nClusters', fieldsOf('cluster'))).toBe('k');
    expect(nearestName('learningRate', fieldsOf('linear'))).toBe('lr');
    expect(nearestName('learningRate', fieldsOf('cluster'))).toBeUndefined();
    expect(nearestName('threads', ['heads', 'output'])).toBeUndefined();
  });
});

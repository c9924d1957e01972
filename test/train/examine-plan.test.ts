import { describe, expect, it } from 'vitest';
import { Random } from '../../src/random/random.ts';
import { parseConfig } from '../../src/train/config.ts';
import { distinctLevels, examineImages, examinePlan } from '../../src/train/examine-plan.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';

const facts = { images: 5000, imageSide: 64, channels: 3, cores: 2, readMilliseconds: 1 } as const;
const { config } = chooseRecipe({ steps: 1000 }, { ...facts, steps: 1000 });
/** Titles of what is said of the automatic recipe for 1000 steps with some values changed. */
const titles = (changes: Partial<typeof config>, steps = 1000): string[] =>
  examinePlan({ config: parseConfig({ ...config, ...changes }), steps, stepsPerEpoch: 39 }).map(
    ({ title }) => title,
  );

describe('the doctor before the first step', () => {
  it('has nothing to say of the recipes', () => {
    expect(titles({})).toEqual([]);
    const paper = chooseRecipe({ recipe: 'paper' }, facts).config;
    expect(examinePlan({ config: paper, steps: 7800, stepsPerEpoch: 78 })).toEqual([]);
  });

  it('names a run that never leaves its warm-up, and very few steps', () => {
    expect(titles({ warmupSteps: 100, freezeLastLayerSteps: 0 }, 100)).toEqual([
      'The run ends inside its warm-up',
    ]);
    expect(titles({ warmupSteps: 10, freezeLastLayerSteps: 0 }, 150)).toEqual(['Very few steps']);
  });

  it('names settings that no step can learn with', () => {
    expect(titles({ momentumTeacher: 1 })).toEqual(['The teacher never moves']);
    expect(titles({ momentumTeacher: 0 })).toEqual(['The teacher is the student']);
    expect(titles({ outDim: 1 })).toEqual(['One prototype']);
    expect(titles({ outDim: 4 })).toEqual(['Very few prototypes']);
    expect(titles({ freezeLastLayerSteps: 1000 })).toEqual(['The last layer never learns']);
    expect(titles({ freezeLastLayerSteps: undefined, freezeLastLayer: 30 })).toEqual([
      'The last layer never learns',
    ]);
    expect(titles({ freezeBackboneSteps: 1000 })).toEqual(['The backbone never learns']);
    expect(titles({ freezeBackboneSteps: 999 })).toEqual([]);
    expect(titles({ teacherTemp: 0.1 })).toEqual(['The teacher is not sharper than the student']);
    expect(titles({ centering: 'center', centerMomentum: 1 })).toEqual(['The center never moves']);
    expect(titles({ minLr: 1 })).toEqual(['The learning rate rises to its end']);
    expect(titles({ batchSizePerGpu: 2 })).toContain('A very small batch');
    expect(titles({ localCropsNumber: 0, globalCropsScale: [1, 1] })).toEqual(['The views hardly differ']);
  });

  it('give advice on the batch that the data allow, and none where there is one image', () => {
    const said = (batchSizePerGpu: number, images: number): unknown =>
      examinePlan({
        config: parseConfig({ ...config, batchSizePerGpu }),
        steps: 7800,
        stepsPerEpoch: 9,
        images,
      })
        .filter(({ topic }) => topic === 'batch' || topic === 'number of images')
        .map(({ title, advice }) => [title, advice]);
    expect(said(4, 40)).toEqual([
      [
        'A very small batch',
        'Give --batch_size_per_gpu 32 or more, with --micro_batch where memory is short.',
      ],
    ]);
    expect(said(4, 20)).toEqual([
      ['A very small batch', 'Give --batch_size_per_gpu 20, which are all images, or add some.'],
    ]);
    expect(said(4, 4)).toEqual([['A very small batch', 'Add images: a step holds all that there are.']]);
    expect(said(1, 1)).toEqual([
      ['Only one image', 'Give a folder of many images: hundreds are a beginning.'],
    ]);
  });
});

describe('images that show nothing', () => {
  const noise = (levels: number): Uint8Array => {
    const random = new Random(1, 'levels');
    return Uint8Array.from({ length: 300 }, () => 20 * random.integer(levels));
  };

  it('are known by how many values their richest channel has', () => {
    expect(distinctLevels(new Uint8Array(300).fill(7), 3)).toBe(1);
    // A plain red square is of one color, though its bytes have three values.
    expect(
      distinctLevels(
        Uint8Array.from({ length: 300 }, (_, i) => [255, 10, 0][i % 3]!),
        3,
      ),
    ).toBe(1);
    expect(distinctLevels(noise(5), 1)).toBe(5);
  });

  it('are named where they are most of those looked at', () => {
    const of = (plain: number, coarse: number): string[] =>
      examineImages({ seen: 24, plain, coarse, example: 'a.tif' }).map(({ title }) => title);
    expect(of(0, 0)).toEqual([]);
    expect(of(6, 6)).toEqual([]);
    expect(of(13, 0)).toEqual(['Images of one color']);
    expect(of(10, 6)).toEqual(['Images of a few levels']);
    const [finding] = examineImages({ seen: 24, plain: 24, coarse: 0, example: 'a.tif' });
    expect(finding?.detail).toContain('24 of the 24 images looked at are of one color');
    expect(finding?.detail).toContain('a.tif');
    expect(finding?.advice).toContain('convert them there to 8-bit PNG');
    const [read] = examineImages({ seen: 2, plain: 2, coarse: 0 }, [0, 9]);
    expect(read?.advice).toContain('They were read with --levels 0 9: give the samples that are to be black');
  });
});

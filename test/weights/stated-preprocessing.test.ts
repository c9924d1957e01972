/** What lies beside weights says how images become their input; the values are those of transformers and timm. */
import { describe, expect, it } from 'vitest';
import { resizedSide } from '../../src/image/preprocessing.ts';
import { statedByPreprocessor } from '../../src/weights/hugging-face-preprocessor.ts';
import { completePreprocessing } from '../../src/weights/stated-preprocessing.ts';
import { statedByTimm } from '../../src/weights/timm-preprocessing.ts';

const imagenet = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };
const clip = { do_center_crop: true, crop_size: 224, size: 256, resample: 3, ...imagenet };

/** Size, what is resized, to which side, by which filter. */
function geometry(config: object): unknown[] {
  const all = completePreprocessing(224, 3, statedByPreprocessor(config, 'preprocessor_config.json'));
  expect(all.keepsFitting).toBe(false);
  return [all.size, all.resize, resizedSide(all), all.interpolation];
}

describe('preprocessor_config.json', () => {
  it.each([
    ['a ViT', { size: { height: 32, width: 32 }, resample: 2 }, [32, 'square', 32, 'bilinear']],
    [
      'an older ViT',
      { feature_extractor_type: 'ViTFeatureExtractor', size: 224, resample: 2 },
      [224, 'square', 224, 'bilinear'],
    ],
    ['a ViT without more', {}, [224, 'square', 224, 'bilinear']],
    [
      'DINOv2',
      { image_processor_type: 'BitImageProcessor', ...clip, size: { shortest_edge: 256 } },
      [224, 'short', 256, 'bicubic'],
    ],
    [
      'DeiT',
      { image_processor_type: 'DeiTImageProcessor', ...clip, size: { height: 256, width: 256 } },
      [224, 'square', 256, 'bicubic'],
    ],
    [
      'an older CLIP',
      { feature_extractor_type: 'CLIPFeatureExtractor', ...clip, size: 224 },
      [224, 'short', 224, 'bicubic'],
    ],
    ['Lanczos', { size: 224, resample: 1 }, [224, 'square', 224, 'lanczos']],
  ])('gives the geometry of %s', (_, config, wanted) => {
    expect(geometry(config)).toEqual(wanted);
  });

  it('gives the statistics, for samples in 0..1', () => {
    const statistics = (config: object, channels: 1 | 3 = 3) =>
      completePreprocessing(224, channels, statedByPreprocessor(config, 'p.json')).statistics;
    expect(statistics(imagenet)).toEqual({ mean: imagenet.image_mean, std: imagenet.image_std });
    expect(statistics({ ...imagenet, rescale_factor: 0.00392156862745098 }).mean).toEqual(
      imagenet.image_mean,
    );
    expect(statistics({ do_normalize: false, ...imagenet })).toEqual({ mean: [0, 0, 0], std: [1, 1, 1] });
    expect(statistics({ image_mean: 0.5, image_std: 0.25 })).toEqual({
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
    });
    expect(statistics({ image_mean: [0.1], image_std: [0.2] }, 1)).toEqual({ mean: [0.1], std: [0.2] });
    // x / 127.5 - 1 is the same as (x / 255 - 0.5) / 0.5.
    const shifted = statistics({ rescale_factor: 1 / 127.5, image_mean: [1, 1, 1], image_std: [1, 1, 1] });
    for (const part of ['mean', 'std'] as const)
      for (const value of shifted[part]) expect(value).toBeCloseTo(0.5, 12);
    const raw = statistics({ do_rescale: false, image_mean: [127.5, 0, 255], image_std: [51, 51, 51] });
    for (const [c, value] of [0.5, 0, 1].entries()) expect(raw.mean[c]).toBeCloseTo(value, 12);
    expect(raw.std[0]).toBeCloseTo(0.2, 12);
    expect(() => statistics(imagenet, 1)).toThrow(
      'p.json has 3 numbers (0.485 0.456 0.406) and the network takes 1 channel',
    );
  });

  it.each([
    [{ resample: 0 }, 'resample 0 (nearest)', { interpolation: 'bicubic' }],
    [{ resample: 4 }, 'resample 4 (box)', { interpolation: 'lanczos' }],
    [{ do_resize: false }, 'do_resize false', { resize: 'short' }],
    [{ size: { height: 224, width: 192 } }, 'size {"height":224,"width":192}', { resize: 'square' }],
    [{ size: { longest_edge: 224 } }, 'size {"longest_edge":224}', { resize: 'square' }],
    [{ crop_pct: 0.875, size: { shortest_edge: 224 } }, 'crop_pct 0.875', { resize: 'short' }],
    [{ do_pad: true }, 'do_pad true', { resize: 'short' }],
    [{ do_grayscale: true }, 'do_grayscale true', { resize: 'short' }],
  ] as const)('refuses by name what cannot be done: %j', (config, message, asked) => {
    const stated = statedByPreprocessor(config, 'p.json');
    expect(() => completePreprocessing(224, 3, stated)).toThrow(`p.json says ${message}`);
    expect(completePreprocessing(224, 3, stated, asked)).toMatchObject(asked);
  });

  it('that is none says so', () => {
    expect(() => statedByPreprocessor({ image_std: [0.1, 0, 0.1] }, 'p.json')).toThrow(
      'p.json cannot be understood (image_std',
    );
    expect(() => statedByPreprocessor(3, 'p.json')).toThrow('p.json cannot be understood');
  });
});

describe('pretrained_cfg of timm', () => {
  const config = {
    input_size: [3, 224, 224],
    interpolation: 'bicubic',
    crop_pct: 0.9,
    crop_mode: 'center',
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
  };
  it.each([
    [{}, ['short', 248, 'bicubic']], // floor(224 / 0.9)
    [{ crop_pct: 1 }, ['short', 224, 'bicubic']],
    [{ crop_pct: undefined }, ['short', 256, 'bicubic']],
    [{ crop_mode: 'squash', interpolation: 'bilinear' }, ['square', 248, 'bilinear']],
    [{ input_size: [3, 518, 518], crop_pct: 1 }, ['short', 518, 'bicubic']],
  ])('gives the geometry: %j', (fields, wanted) => {
    const all = completePreprocessing(224, 3, statedByTimm({ ...config, ...fields }, 'config.json'));
    expect([all.resize, resizedSide(all), all.interpolation]).toEqual(wanted);
    expect(all.statistics).toEqual({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
  });

  it.each([
    [{ interpolation: 'random' }, 'interpolation "random"'],
    [{ crop_mode: 'border' }, 'crop_mode "border"'],
    [{ input_size: [3, 224, 192] }, 'input_size [3,224,192]'],
  ])('refuses by name what cannot be done: %j', (fields, message) => {
    expect(() =>
      completePreprocessing(224, 3, statedByTimm({ ...config, ...fields }, 'config.json')),
    ).toThrow(`config.json says ${message}`);
  });
});

describe('what is asked for', () => {
  const stated = statedByPreprocessor({ size: 32, resample: 2 }, 'p.json');
  it('takes the place of what a file says, part by part', () => {
    const all = completePreprocessing(224, 3, stated, { mean: [0.1, 0.2, 0.3], evalSize: 64, cropPct: 0.8 });
    expect(all).toMatchObject({ size: 64, resize: 'square', interpolation: 'bilinear' });
    expect(all.statistics).toEqual({ mean: [0.1, 0.2, 0.3], std: [0.5, 0.5, 0.5] });
    expect(resizedSide(all)).toBe(80);
  });

  it('of one number is for all channels; of two it is refused', () => {
    expect(completePreprocessing(8, 3, stated, { std: [0.5] }).statistics.std).toEqual([0.5, 0.5, 0.5]);
    expect(() => completePreprocessing(8, 3, stated, { std: [1, 2] })).toThrow('--std gives 2 numbers (1 2)');
  });

  it('leaves the official way where nothing is said, with images of the size as they are', () => {
    const all = completePreprocessing(32, 3, undefined);
    expect(all).toMatchObject({ size: 32, resize: 'short', interpolation: 'bicubic', keepsFitting: true });
    expect(resizedSide(all)).toBe(37);
    expect(completePreprocessing(32, 3, undefined, { resize: 'short' }).keepsFitting).toBe(false);
    expect(completePreprocessing(32, 3, undefined, { mean: [0.5] }).keepsFitting).toBe(true);
  });
});

import { expect, it } from 'vitest';
import { deviceSentence } from '../../src/cli/train/prepare-shown.ts';

const GIB = 2 ** 30;

it('says how much of a device a step takes, and which larger batch fits', () => {
  expect(deviceSentence({ memory: undefined }, 64)).toBeUndefined();
  expect(deviceSentence({ memory: { bytes: 3 * GIB, limit: undefined } }, 64)).toBe(
    'A step takes 3.0 GiB of the device.',
  );
  // 80 % of 79 GiB are 21 times 3 GiB: 64 images times 16, as powers of two go.
  expect(deviceSentence({ memory: { bytes: 3 * GIB, limit: 79 * GIB } }, 64)).toBe(
    "A step takes 3.0 GiB of the device's 79.0 GiB; --batch_size_per_gpu 1024 fits as well.",
  );
  expect(deviceSentence({ memory: { bytes: 50 * GIB, limit: 79 * GIB } }, 64)).toBe(
    "A step takes 50.0 GiB of the device's 79.0 GiB.",
  );
});

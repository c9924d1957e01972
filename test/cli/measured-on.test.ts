import { mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { measuredOn } from '../../src/cli/measured-on.ts';
import { temporaryFolder } from '../data/fixtures.ts';

it('what an evaluation measured on is its images, wherever their paths start, and its settings without those of the network', () => {
  const folder = temporaryFolder();
  const images = join(folder, 'images');
  mkdirSync(images);
  symlinkSync(images, join(folder, 'link'));
  const protocol = {
    size: 56,
    k: [10, 20],
    cropsScale: [0.4, 1],
    grouping: 'class',
    feature: 'class token',
    rate: { trained: 0.1 },
    seed: undefined,
  };
  const first = measuredOn({ train: images, test: 'missing', temperature: 0.07 }, [], protocol);
  expect(first.data).toMatchObject({ test: resolve('missing') });
  expect(first.protocol).toEqual({ size: '56', 'crops scale': '0.4 1', grouping: 'class' });
  expect(measuredOn({}, [], { k: 12 }).protocol).toEqual({ k: '12' });
  const second = measuredOn({ train: join(folder, 'link') }, [], protocol);
  expect(second.data.train).toBe(first.data.train);
  expect(measuredOn({}, ['a', 'b'], undefined)).toEqual({
    data: { images: `${resolve('a')}, ${resolve('b')}` },
    protocol: {},
  });
});

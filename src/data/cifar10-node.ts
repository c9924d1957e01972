/**
 * CIFAR-10 in its binary version (cs.toronto.edu/~kriz/cifar.html): files of records, each one label byte and then
 * 32x32 pixels as a red, a green and a blue plane.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { luma } from '../image/color.ts';
import type { Image } from '../image/image.ts';
import type { StoredList } from './source.ts';

const PIXELS = 32 * 32;
/** Bytes of a record. */
export const CIFAR10_RECORD = 1 + 3 * PIXELS;

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

/** The record files in a directory listing: the training batches, or the test batch where those are absent. */
export function findCifar10(names: readonly string[]): string[] {
  const training = names.filter((name) => /^data_batch_\d+\.bin$/.test(name));
  return training.length > 0 ? training : names.filter((name) => name === 'test_batch.bin');
}

/** Whether a file name announces records. */
export function isCifar10File(name: string): boolean {
  return name.endsWith('.bin');
}

/** @throws if a file is no whole number of records */
export function openCifar10(name: string, files: readonly string[], channels: 1 | 3): StoredList {
  const counts = files.map((file) => {
    const { size } = statSync(file);
    if (size === 0 || size % CIFAR10_RECORD !== 0) {
      throw new Error(
        `${file} has ${size} bytes, which is no whole number of CIFAR-10 records (${CIFAR10_RECORD} bytes each): download it again.`,
      );
    }
    return size / CIFAR10_RECORD;
  });
  let labels: Uint8Array | undefined;
  const place = (index: number): { file: number; record: number } => {
    let record = index;
    let file = 0;
    while (file < counts.length - 1 && record >= counts[file]!) record -= counts[file++]!;
    return { file, record };
  };
  const length = counts.reduce((sum, count) => sum + count, 0);
  return {
    name,
    length,
    channels,
    classes: CLASSES,
    label: (index) => {
      labels ??= readLabels(files, counts);
      return labels[index];
    },
    key: (index) => {
      const { file, record } = place(index);
      return `${basename(files[file]!)}/${record}`;
    },
    spec: { kind: 'cifar10', channels, files, counts },
  };
}

/** One byte of every record; done at the first question for a label, for training asks none. */
function readLabels(files: readonly string[], counts: readonly number[]): Uint8Array {
  const labels = new Uint8Array(counts.reduce((sum, count) => sum + count, 0));
  let next = 0;
  files.forEach((file, which) => {
    const descriptor = openSync(file, 'r');
    try {
      for (let record = 0; record < counts[which]!; record++, next++) {
        readSync(descriptor, labels, next, 1, record * CIFAR10_RECORD);
        if (labels[next]! >= CLASSES.length) {
          throw new Error(
            `Record ${record} of ${file} has the label ${labels[next]}, but CIFAR-10 has 0 to 9: give the binary version of CIFAR-10.`,
          );
        }
      }
    } finally {
      closeSync(descriptor);
    }
  });
  return labels;
}

/** The image in a record, as RGB or as gray. */
export function cifar10Image(record: Uint8Array, channels: 1 | 3): Image {
  const data = new Uint8Array(PIXELS * channels);
  for (let i = 0; i < PIXELS; i++) {
    const red = record[1 + i]!;
    const green = record[1 + PIXELS + i]!;
    const blue = record[1 + 2 * PIXELS + i]!;
    if (channels === 3) {
      data[3 * i] = red;
      data[3 * i + 1] = green;
      data[3 * i + 2] = blue;
    } else {
      data[i] = luma(red, green, blue);
    }
  }
  return { width: 32, height: 32, channels, data };
}

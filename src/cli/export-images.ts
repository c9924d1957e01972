/** How an exported processor prepares images so that features are those of the evaluations here, and images to try a network on. */
import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { Preprocessing } from '../data/preprocessing.ts';
import { openReader } from '../data/reader.ts';
import { type Source, scenesSource } from '../data/source.ts';
import { evalImages } from '../eval/eval-images.ts';
import type { Subject } from '../eval/subject.ts';
import type { ProbeImages } from '../export/half-range.ts';
import { openRecorded } from '../train/run-record.ts';
import type { AskedPreprocessing } from '../weights/stated-preprocessing.ts';

/** Images of the run that are looked at. */
const SAMPLE = 16;

/**
 * The preprocessing for a processor of another library. Ours takes images of the input's size as they are, which no processor can
 * be told; but where all images of the run have that size, a resize of both sides to it does the same.
 *
 * @returns it, and a sentence where that choice was made
 */
export async function exportedPreprocessing(
  { preprocessing, record }: Subject,
  asked: AskedPreprocessing,
): Promise<{ readonly preprocessing: Preprocessing; readonly note: string | undefined }> {
  const plain = { ...preprocessing, keepsFitting: false };
  const isOpen = preprocessing.keepsFitting && record !== undefined && asked.resize === undefined;
  const source = isOpen && isThere(record.source) ? openRecorded(record) : undefined;
  if (source === undefined || !(await allOfSize(source, preprocessing.size)))
    return { preprocessing: plain, note: undefined };
  const { size } = preprocessing;
  return {
    preprocessing: { ...plain, resize: 'square', zoom: 1 },
    note: `The images of the run have ${size} x ${size} pixels and are seen as they are, so the processor squashes others to that size; --resize short exports one that cuts out their center.`,
  };
}

function isThere({ path, directory = '.', scenes }: NonNullable<Subject['record']>['source']): boolean {
  return (
    scenes !== undefined || existsSync(path) || (!isAbsolute(path) && existsSync(resolve(directory, path)))
  );
}

/** Whether images spread over a source have all this size; those that cannot be read say nothing. */
async function allOfSize({ spec, length }: Source, size: number): Promise<boolean> {
  const reader = openReader(spec);
  let read = 0;
  try {
    for (let i = 0; i < Math.min(SAMPLE, length); i++) {
      const image = await reader
        .read(Math.floor((i * length) / Math.min(SAMPLE, length)))
        .catch(() => undefined);
      if (image === undefined) continue;
      if (image.width !== size || image.height !== size) return false;
      read++;
    }
  } finally {
    reader.close();
  }
  return read > 0;
}

/** A generated scene as the network sees it. */
export async function probeImages(preprocessing: Preprocessing, channels: 1 | 3): Promise<ProbeImages> {
  const { size } = preprocessing;
  const source = scenesSource({ count: 1, size: Math.max(64, size), channels });
  for await (const { pixels } of evalImages(source, { size, batch: 1, preprocessing }))
    return { pixels, shape: [1, channels, size, size] };
  throw new Error('The scene that a network is tried on could not be made.');
}

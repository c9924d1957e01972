/** How an exported processor prepares images so that features are those of the evaluations here, and images to try a network on. */
import { resolve } from 'node:path';
import { evenly } from '../../data/evenly.ts';
import { openSource } from '../../data/open-source-node.ts';
import { scenesSource } from '../../data/scenes-source.ts';
import type { Source } from '../../data/source.ts';
import type { ProbeImages } from '../../export/half-range.ts';
import { evalImages } from '../../features/eval-images.ts';
import type { Image } from '../../image/image.ts';
import { type Preprocessing, resizedSide } from '../../image/preprocessing.ts';
import { openRecorded } from '../../run/open-recorded-node.ts';
import type { Subject } from '../../run/subject.ts';
import type { AskedPreprocessing } from '../../weights/stated-preprocessing.ts';
import type { Classifier } from './classifier-file.ts';

/** Images that are looked at. */
const SAMPLE = 16;
/** Enlargements below it are better left to the filter that is named; see `huggingFacePreprocessor`. */
const SMALL_ENLARGEMENT = 1.8;

/** How images are prepared by another library. */
export interface ExportedView {
  readonly preprocessing: Preprocessing;
  /** Whether most images are enlarged, by a small factor. */
  readonly enlarges: boolean;
  /** A choice that whoever exports should know. */
  readonly note: string | undefined;
}

/**
 * The preprocessing for a processor of another library. Ours takes images of the input's size as they are, which no processor can
 * be told; but where all images have that size, a resize of both sides to it does the same.
 *
 * @param classifier whose images count, if one is exported, and not those of the run
 */
export async function exportedView(
  { preprocessing, record, channels }: Subject,
  asked: AskedPreprocessing,
  classifier?: Classifier,
): Promise<ExportedView> {
  const plain = { ...preprocessing, keepsFitting: false };
  const source = ifThere(() =>
    classifier?.images === undefined
      ? record && openRecorded(record)
      : openSource(resolve(classifier.images.directory, classifier.images.path), { channels }),
  );
  const images = source === undefined ? [] : await someImages(source);
  const { size, keepsFitting } = preprocessing;
  const fits = images.length > 0 && images.every(({ width, height }) => width === size && height === size);
  if (fits && keepsFitting && asked.resize === undefined)
    return {
      preprocessing: { ...plain, resize: 'square', zoom: 1 },
      enlarges: false,
      note: `The images ${classifier === undefined ? 'of the run' : 'of the classifier'} have ${size} x ${size} pixels and are seen as they are, so the processor squashes others to that size; --resize short exports one that cuts out their center.`,
    };
  // Whoever asks for another resize than fitting images need has other images in mind.
  const enlarged = images.filter(({ width, height }) => {
    const factor = resizedSide(preprocessing) / Math.min(width, height);
    return !fits && factor > 1 && factor < SMALL_ENLARGEMENT;
  });
  return { preprocessing: plain, enlarges: 2 * enlarged.length > images.length, note: undefined };
}

/** Images, or undefined where they are no longer there: no reason not to export. */
function ifThere(open: () => Source | undefined): Source | undefined {
  try {
    return open();
  } catch {
    return undefined;
  }
}

/** Images spread over a source; those that cannot be read are left out. */
async function someImages(source: Source): Promise<Image[]> {
  const reader = source.open();
  const images: Image[] = [];
  try {
    for (const index of evenly(source.length, SAMPLE)) {
      const image = await reader.read(index).catch(() => undefined);
      if (image !== undefined) images.push(image);
    }
  } finally {
    reader.close();
  }
  return images;
}

/** A generated scene as the network sees it. */
export async function probeImages(preprocessing: Preprocessing, channels: 1 | 3): Promise<ProbeImages> {
  const { size } = preprocessing;
  const source = scenesSource({ count: 1, size: Math.max(64, size), channels });
  for await (const { pixels } of evalImages(source, { size, batch: 1, preprocessing }))
    return { pixels, shape: [1, channels, size, size] };
  throw new Error('The scene that a network is tried on could not be made.');
}

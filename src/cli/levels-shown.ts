/** Looks at a few images and says where `--levels` makes them black or white, or changes nothing. */
import { statSync } from 'node:fs';
import { evenly } from '../data/evenly.ts';
import { hasImageExtension } from '../data/image-paths.ts';
import { openSource } from '../data/open-source-node.ts';
import { readImageFile } from '../data/read-image-file-node.ts';
import type { ImageReader, SourceOptions } from '../data/source.ts';
import { decode } from '../image/decode-node.ts';
import type { Image } from '../image/image.ts';
import { distinctLevels } from '../train/examine-plan.ts';

/** Images that are looked at. */
const SAMPLE = 8;

/**
 * @param path of images; nothing is said of what cannot be opened, which whoever opens it says
 * @param isExamined whether images of one color are told by others
 */
export async function warnOfLevels(
  path: string,
  options: SourceOptions,
  warn: (text: string) => void,
  isExamined = false,
): Promise<void> {
  if (options.levels === undefined) return;
  const scaled = openSome(path, options);
  const usual = openSome(path, { ...options, levels: undefined });
  if (scaled === undefined || usual === undefined) return;
  let [seen, plain, same] = [0, 0, 0];
  for (const index of evenly(scaled.length, SAMPLE)) {
    const image = await ifReadable(scaled.reader, index);
    if (image === undefined) continue;
    seen++;
    if (isClipped(image)) plain++;
    const without = await ifReadable(usual.reader, index); // which refuses samples that say nothing of black and white
    if (without !== undefined && Buffer.compare(without.data, image.data) === 0) same++;
  }
  scaled.reader.close();
  usual.reader.close();
  const given = `--levels ${[options.levels].flat().join(' ')}`;
  const looked = `${seen === 1 ? 'the image' : `the ${seen} images`} looked at in ${path}`;
  if (seen > 0 && same === seen)
    warn(
      `${given} changes nothing in ${looked}: it is for images of more than 8 bits a sample, signed or floating-point ones.`,
    );
  else if (!isExamined && 2 * plain > seen)
    warn(
      `${given} makes ${seen === 1 ? looked : `${plain} of ${looked}`} black or white all over: give the samples that are to be black and white in them, or --levels image for the extremes of each.`,
    );
}

/** Whether all pixels are black, or all white. */
function isClipped({ data, channels }: Image): boolean {
  return distinctLevels(data, channels) === 1 && (data[0] === 0 || data[0] === 255);
}

interface SomeImages {
  readonly length: number;
  readonly reader: ImageReader;
}

/** A data set, or an image by itself. */
function openSome(path: string, options: SourceOptions): SomeImages | undefined {
  try {
    if (!hasImageExtension(path) || statSync(path).isDirectory()) {
      const source = openSource(path, options);
      return { length: source.length, reader: source.open() };
    }
    const { channels = 3, levels } = options;
    const read = async (): Promise<Image> => decode(readImageFile(path, path), path, channels, { levels });
    return { length: 1, reader: { read, close() {} } };
  } catch {
    return undefined;
  }
}

async function ifReadable(reader: ImageReader, index: number): Promise<Image | undefined> {
  return reader.read(index).catch(() => undefined);
}

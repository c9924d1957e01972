/** What `dino attend` looks at: images, folders of them (or archives), the frames of a video, or a video file. */
import { basename } from 'node:path';
import { hasImageExtension } from '../../../data/image-paths.ts';
import { withoutExtension } from '../../../data/masked-images-node.ts';
import { statusOf } from '../../../data/open-source-node.ts';
import { readImageFile } from '../../../data/read-image-file-node.ts';
import type { Source, SourceOptions } from '../../../data/source.ts';
import { extractFrames } from '../../../data/video-file-node.ts';
import { hasVideoExtension } from '../../../data/video-names.ts';
import { decode } from '../../../image/decode-node.ts';
import type { Image } from '../../../image/image.ts';
import { countEach } from '../../../rows/count-each.ts';
import { openImages } from '../../open-images.ts';

export interface AttendInput {
  readonly length: number;
  /** Whether these are frames of a video file. */
  readonly isVideo: boolean;
  /** Where the image's files go: its path without extension. */
  name(index: number): string;
  /** @throws (rejects) if the file cannot be decoded */
  read(index: number): Promise<Image>;
  close(): void;
}

/**
 * Images, folders and archives one after the other, or one video.
 *
 * @throws Error if there is nothing at a path, it holds no images, or is a video that cannot be read or is not alone
 */
export function openAttendInput(
  paths: readonly string[],
  options: SourceOptions,
  warn: (text: string) => void,
): AttendInput {
  const video = paths.find(hasVideoExtension);
  if (video !== undefined && paths.length > 1)
    throw new Error(`${video} is a video, which is looked at alone: leave the other paths out.`);
  const inputs: AttendInput[] = [];
  try {
    for (const path of paths) inputs.push(openOne(path, options, warn));
  } catch (error) {
    for (const input of inputs) input.close();
    throw error;
  }
  const [first, second] = inputs;
  return first !== undefined && second === undefined ? first : inSuccession(inputs);
}

/** Names that several paths have get the number of the path in front. */
function inSuccession(inputs: readonly AttendInput[]): AttendInput {
  const places = inputs.flatMap((input, path) =>
    Array.from({ length: input.length }, (_, index) => ({ input, index, path, name: input.name(index) })),
  );
  const counts = countEach(places.map(({ name }) => name));
  const at = (index: number): (typeof places)[number] => {
    const place = places[index];
    if (place === undefined) throw new RangeError(`There is no image ${index}, only ${places.length}.`);
    return place;
  };
  return {
    length: places.length,
    isVideo: false,
    name(index) {
      const { name, path } = at(index);
      return counts.get(name) === 1 ? name : `${path + 1}-${name}`;
    },
    read: (index) => at(index).input.read(at(index).index),
    close() {
      for (const input of inputs) input.close();
    },
  };
}

function openOne(path: string, options: SourceOptions, warn: (text: string) => void): AttendInput {
  const { channels = 3, levels } = options;
  const isFile = statusOf(path, 'an image, a folder or an archive of images, or a video file').isFile();
  if (isFile && hasVideoExtension(path)) {
    const { folder, remove } = extractFrames(path);
    try {
      return imagesOf(openImages(folder, options, warn), true, remove);
    } catch (error) {
      remove();
      throw error;
    }
  }
  if (isFile && hasImageExtension(path)) {
    return {
      length: 1,
      isVideo: false,
      name: () => withoutExtension(basename(path)),
      read: () => decode(readImageFile(path, path), path, channels, { levels }),
      close() {},
    };
  }
  return imagesOf(openImages(path, options, warn), false, () => {});
}

function imagesOf(source: Source, isVideo: boolean, onClose: () => void): AttendInput {
  const reader = source.open();
  const short = Array.from({ length: source.length }, (_, i) => withoutExtension(source.key(i)));
  const counts = countEach(short);
  return {
    length: source.length,
    isVideo,
    name: (index) => (counts.get(short[index] ?? '') === 1 ? (short[index] ?? '') : source.key(index)),
    read: (index) => reader.read(index),
    close() {
      reader.close();
      onClose();
    },
  };
}

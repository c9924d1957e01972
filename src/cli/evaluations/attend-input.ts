/** What `dino attend` looks at: an image, a folder of them (or an archive), the frames of a video, or a video file. */
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { hasImageExtension } from '../../data/image-paths.ts';
import { withoutExtension } from '../../data/masked-images.ts';
import { openReader } from '../../data/reader.ts';
import type { Source, SourceOptions } from '../../data/source.ts';
import { extractFrames, hasVideoExtension } from '../../data/video-file.ts';
import { decode } from '../../image/decode-node.ts';
import type { Image } from '../../image/image.ts';
import { openImages } from '../open-images.ts';

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

/** @throws Error if there is nothing at the path, it holds no images, or is a video that cannot be read */
export function openAttendInput(
  path: string,
  options: SourceOptions,
  warn: (text: string) => void,
): AttendInput {
  const { channels = 3, levels } = options;
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
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
      read: () => decode(readFileSync(path), path, channels, { levels }),
      close() {},
    };
  }
  return imagesOf(openImages(path, options, warn), false, () => {});
}

function imagesOf(source: Source, isVideo: boolean, onClose: () => void): AttendInput {
  const reader = openReader(source.spec);
  const short = Array.from({ length: source.length }, (_, i) => withoutExtension(source.key(i)));
  const counts = new Map<string, number>();
  for (const name of short) counts.set(name, (counts.get(name) ?? 0) + 1);
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

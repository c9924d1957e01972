/** Reads images of a data set by number, in any thread, from the plain description that a `Source` carries. */
import { decode } from '../image/decode-node.ts';
import type { Image } from '../image/image.ts';
import { cifar10Image } from './cifar10-node.ts';
import { openContents, type StoredSpec } from './contents-node.ts';
import { idxImage } from './idx-node.ts';
import { scenesReader } from './scenes-source.ts';
import type { ImageReader } from './source.ts';
import type { SourceSpec, SubsetSpec } from './source-spec.ts';

/**
 * Opens the files a source needs. Folders are opened file by file as they are read.
 *
 * @param loadSize image files with a larger short side are shrunk to it, in pixels; 0 = never
 */
export function openReader(spec: SourceSpec, loadSize = 0): ImageReader {
  if (spec.kind === 'scenes') return scenesReader(spec);
  if (spec.kind === 'subset') return subsetReader(spec, loadSize);
  const contents = openContents(spec);
  return {
    read: async (index) => imageOf(contents.read(index), contents.name(index), spec, loadSize),
    close: () => contents.close(),
  };
}

function imageOf(
  bytes: Uint8Array,
  name: string,
  spec: StoredSpec,
  shortSide: number,
): Image | Promise<Image> {
  switch (spec.kind) {
    case 'cifar10':
      return cifar10Image(bytes, spec.channels);
    case 'idx':
      return idxImage(bytes, spec.width, spec.height, spec.channels);
    default:
      return decode(bytes, name, spec.channels, { shortSide, levels: spec.levels });
  }
}

function subsetReader({ of, indices }: SubsetSpec, loadSize: number): ImageReader {
  const whole = openReader(of, loadSize);
  return {
    read: (index) => whole.read(indices[index] ?? -1),
    close: () => whole.close(),
  };
}

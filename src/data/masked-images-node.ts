/**
 * Images and the masks that belong to them, from two folders: by path without extension (`a/dog1.jpg` and `a/dog1.png`).
 * Images without a mask, and files that are no images, are left out and told about; a mask of another shape is a mistake.
 */
import { join } from 'node:path';
import { decode } from '../image/decode-node.ts';
import type { Image } from '../image/image.ts';
import { imageReason } from '../image/image-error.ts';
import type { Levels } from '../image/levels.ts';
import { isSameShape } from '../image/mask.ts';
import { decodeMask } from '../image/mask-node.ts';
import { fileBelow, listImages, requireFolder } from './folder-node.ts';
import type { MaskedImages } from './masked-images.ts';
import { readImageFile } from './read-image-file-node.ts';
import type { SkippedImage } from './skipped-images.ts';
import type { SourceOptions } from './source.ts';

/** `a/dog1.jpg` becomes `a/dog1`. */
export function withoutExtension(path: string): string {
  return path.replace(/\.[^./]*$/, '');
}

export interface MaskedFolders extends MaskedImages {
  /** Images that have no mask. */
  readonly unmasked: readonly string[];
  /** Images that could not be read, by the paths of their files; grows as images are read. */
  readonly unreadable: readonly SkippedImage[];
}

/**
 * @param options what images are decoded to, RGB unless given
 * @throws Error if a folder is missing or empty, or no image has a mask
 */
export function openMaskedImages(
  images: string,
  masks: string,
  { channels = 3, levels }: SourceOptions = {},
): MaskedFolders {
  const maskFiles = filesByName(masks, 'masks');
  const all = [...filesByName(images, 'images')];
  const pairs = all.flatMap(([name, file]) => {
    const mask = maskFiles.get(name);
    return mask === undefined ? [] : [{ name, file, mask }];
  });
  if (pairs.length === 0) {
    throw new Error(
      `None of the ${all.length} images of ${images} has a mask in ${masks}: give masks the paths of their images, whatever the extension.`,
    );
  }
  const unreadable: SkippedImage[] = [];
  return {
    length: pairs.length,
    unmasked: all.flatMap(([name]) => (maskFiles.has(name) ? [] : [name])),
    unreadable,
    async read(index) {
      const pair = pairs[index];
      if (pair === undefined) throw new RangeError(`There is no image ${index} of ${pairs.length}.`);
      const { name, file, mask: maskFile } = pair;
      const image = await decodeFile(file, channels, levels).catch((error: unknown) => {
        unreadable.push({ key: file.name, reason: imageReason(error) });
      });
      if (image === undefined) return undefined;
      const mask = await decodeMask(readImageFile(maskFile.file, maskFile.name), maskFile.name);
      requireSameShape(mask, maskFile.name, image);
      return { name, image, mask };
    },
  };
}

async function decodeFile({ name, file }: NamedFile, channels: 1 | 3, levels?: Levels): Promise<Image> {
  return decode(readImageFile(file, name), name, channels, { levels });
}

/** @throws Error naming the mask's file */
export function requireSameShape(
  mask: { readonly height: number; readonly width: number },
  file: string,
  image: { readonly height: number; readonly width: number },
): void {
  if (isSameShape(mask, image)) return;
  throw new Error(
    `${file} has ${mask.height} x ${mask.width} pixels and its image ${image.height} x ${image.width}, which is another aspect ratio: give the mask of this image.`,
  );
}

/** An image file, and what errors call it. */
export interface NamedFile {
  readonly name: string;
  readonly file: Buffer;
}

/**
 * The images below a folder by their paths without extension, in natural order.
 *
 * @param what they are, for errors
 * @throws Error if there is no folder, it holds no images, or two files have one name
 */
export function filesByName(folder: string, what: string): Map<string, NamedFile> {
  requireFolder(folder, what);
  const files = new Map<string, NamedFile>();
  for (const { path, bytes } of listImages(folder).images) {
    const name = join(folder, path);
    const other = files.get(withoutExtension(path));
    if (other !== undefined) {
      throw new Error(
        `${other.name} and ${name} have one name, so it is not clear which is meant: keep the ${what} apart from other images.`,
      );
    }
    files.set(withoutExtension(path), { name, file: fileBelow(folder, bytes) });
  }
  return files;
}

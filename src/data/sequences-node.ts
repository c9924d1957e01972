/**
 * Videos as folders of frames beside folders of masks: one clip, `<clip>/frames` and `<clip>/masks` for many, or the layout of
 * DAVIS (`JPEGImages/480p/<name>`, `Annotations/480p/<name>`). Masks belong to the frames of their name.
 */
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { decode, imageSize } from '../image/decode-node.ts';
import { decodeMask } from '../image/mask-node.ts';
import { requireFolder } from './folder-node.ts';
import { comparePaths, hasImageExtension } from './image-paths.ts';
import { filesByName, type NamedFile, requireSameShape } from './masked-images-node.ts';
import { readImageFile } from './read-image-file-node.ts';
import type { SourceOptions } from './source.ts';
import type { VideoSequence } from './video-sequence.ts';

/**
 * One clip, or all clips that two folders have in common.
 *
 * @param frames a folder of frames, or of folders of frames
 * @throws Error if a folder is missing, or no clip has both
 */
export function openSequences(frames: string, masks: string, options: SourceOptions = {}): VideoSequence[] {
  requireFolder(frames, 'frames');
  requireFolder(masks, 'masks');
  if (readdirSync(frames).some(hasImageExtension))
    return [openSequence(clipName(frames), frames, masks, options)];
  return matched(
    clipsOf(frames).map((name) => [name, join(frames, name), join(masks, name)]),
    `${frames} has no folder of frames with a folder of masks of its name in ${masks}`,
    options,
  );
}

/** All clips below a folder, in one of the layouts. @throws Error if there is none */
export function findSequences(folder: string, options: SourceOptions = {}): VideoSequence[] {
  requireFolder(folder, 'clips');
  const [images, annotations] = [join(folder, 'JPEGImages'), join(folder, 'Annotations')];
  if (isFolder(images) && isFolder(annotations)) {
    // "480p" first: DAVIS holds several resolutions.
    const [resolution = ''] = clipsOf(images)
      .filter((name) => /p$|^Full-Resolution$/.test(name) && isFolder(join(annotations, name)))
      .sort((a, b) => Number(b === '480p') - Number(a === '480p'));
    return openSequences(join(images, resolution), join(annotations, resolution), options);
  }
  if (isFolder(join(folder, 'frames')))
    return openSequences(join(folder, 'frames'), join(folder, 'masks'), options);
  return matched(
    clipsOf(folder).map((name) => [name, join(folder, name, 'frames'), join(folder, name, 'masks')]),
    `${folder} holds no clips: it should have <clip>/frames and <clip>/masks, or JPEGImages and Annotations as DAVIS has`,
    options,
  );
}

/** `tennis` for both `tennis` and `tennis/frames`. */
function clipName(frames: string): string {
  const name = basename(resolve(frames));
  return name === 'frames' ? basename(dirname(resolve(frames))) : name;
}

function matched(
  clips: readonly (readonly [string, string, string])[],
  nothing: string,
  options: SourceOptions,
): VideoSequence[] {
  const found = clips.filter(([, frames, masks]) => isFolder(frames) && isFolder(masks));
  if (found.length === 0) throw new Error(`${nothing}.`);
  return found.map(([name, frames, masks]) => openSequence(name, frames, masks, options));
}

function openSequence(
  name: string,
  framesFolder: string,
  masksFolder: string,
  { levels }: SourceOptions,
): VideoSequence {
  const frames = [...filesByName(framesFolder, 'frames')];
  const masks = filesByName(masksFolder, 'masks');
  const fileOf = (frame: number): NamedFile => {
    const file = frames[frame]?.[1];
    if (file === undefined) throw new RangeError(`${name} has no frame ${frame}.`);
    return file;
  };
  return {
    name,
    length: frames.length,
    frameName: (frame) => frames[frame]?.[0] ?? '',
    maskFile: (frame) => masks.get(frames[frame]?.[0] ?? '')?.name,
    async read(frame) {
      const { file, name: path } = fileOf(frame);
      return { file: path, image: await decode(readImageFile(file, path), path, 3, { levels }) };
    },
    async readMask(frame) {
      const found = masks.get(frames[frame]?.[0] ?? '');
      if (found === undefined) return undefined;
      const mask = await decodeMask(readImageFile(found.file, found.name), found.name);
      const { file, name: path } = fileOf(frame);
      requireSameShape(mask, found.name, await imageSize(readImageFile(file, path), path));
      return mask;
    },
  };
}

function clipsOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.') && isFolder(join(folder, name)))
    .sort(comparePaths);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * `dino attend`: what the class token of a ViT attends to, in any images (official `visualize_attention.py`) or through a video
 * (`video_generation.py`, where `--threshold` is ignored; here it is applied).
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type SkippedImage, unfitReason } from '../../../data/skipped-images.ts';
import { hasFfmpeg, joinFrames } from '../../../data/video-file-node.ts';
import { type Attended, attend as attendImage, patchAt } from '../../../eval/attention/attend.ts';
import {
  attendStatement,
  type MaskAreas,
  maskAreas,
  meanAreas,
} from '../../../eval/attention/attend-section.ts';
import { MASK_SHARE } from '../../../eval/attention/attention-masks.ts';
import type { Image } from '../../../image/image.ts';
import { ImageError, imageReason } from '../../../image/image-error.ts';
import { attentionTitle } from '../../../model/backbone.ts';
import { counted } from '../../../numbers/counted.ts';
import type { TileBlock } from '../../../report/blocks.ts';
import { headLabel } from '../../../report/pictures/head-label.ts';
import { picture } from '../../../report/pictures/pictures.ts';
import { encodePng } from '../../../report/pictures/png.ts';
import { smallPicture, spread } from '../../../report/pictures/thumbnails.ts';
import { brightestValue, heatTile, maskOverlay } from '../../../report/pictures/tiles.ts';
import { UsageError } from '../../terminal/flags.ts';
import { attentionFields } from '../attention-fields.ts';
import { defineEvaluation } from '../evaluation.ts';
import { attendedFiles, attendedPictures } from './attend-files.ts';
import { openAttendInput } from './attend-input.ts';
import { frameName, removeEarlierFrames } from './earlier-frames.ts';

const SHOWN = 12;

export const attend = defineEvaluation({
  name: 'attend',
  summary: 'attention maps, masks and patch colors of images; heads are counted from 1',
  usage: '<run> <image, folder or video> ...',
  words: Number.POSITIVE_INFINITY,
  isFlat: true,
  fields: {
    ...attentionFields,
    patchQuery: z
      .tuple([z.number().min(0), z.number().min(0)])
      .describe('row and column of a pixel: a map of what resembles the patch there'),
    video: z
      .boolean()
      .describe('true: the images are frames of a video; overlays and maps are numbered in their order'),
    fps: z
      .number()
      .gt(0)
      .describe('frames a second of the mp4, which is made where there is ffmpeg; 25 unless given'),
  },
  async run({ threshold = MASK_SHARE, imageSize, patchQuery, video = false, fps = 25 }, context) {
    const { subject, backbone, engine, paths, onProgress, warn, write, openFiles } = context;
    if (paths.length === 0)
      throw new UsageError('Attention needs images, folders or a video: dino attend <run> <path> ...');
    backbone.requireAttention('attention maps');
    const size = imageSize ?? [subject.size];
    const look = (image: Image, weights = subject.trained): Promise<Attended> =>
      attendImage(backbone, weights, image, { size, share: threshold });
    const input = openAttendInput(paths, subject.imageOptions, warn);
    const asVideo = video || input.isVideo;
    const shown = new Set(spread(input.length, SHOWN));
    const groups: TileBlock['groups'][number][] = [];
    const areas: MaskAreas[] = [];
    const skipped: SkippedImage[] = [];
    const names = new Set<string>();
    let first: { readonly height: number; readonly width: number } | undefined;
    let [written, top, lastFile] = [0, 0, ''];
    try {
      for (let index = 0; index < input.length; index++) {
        onProgress('attention', index, input.length);
        const name = input.name(index);
        let image: Image | undefined;
        let attended: Attended;
        try {
          image = await input.read(index);
          attended = await look(image);
        } catch (error) {
          // What is wrong with one image, its file or its shape, does not end the others.
          if (image !== undefined && !(error instanceof RangeError)) throw error;
          if (input.length === 1)
            throw error instanceof RangeError ? new Error(error.message, { cause: error }) : error;
          skipped.push({
            key: error instanceof ImageError && !input.isVideo ? error.image : name,
            reason: error instanceof RangeError ? unfitReason(error) : imageReason(error),
          });
          continue;
        }
        first ??= { height: image.height, width: image.width };
        if (asVideo && (image.height !== first.height || image.width !== first.width)) {
          throw new Error(
            `The frame ${name} has ${image.height} x ${image.width} pixels and the first ${first.height} x ${first.width}: give frames of one size.`,
          );
        }
        const before = await look(image, subject.untrained);
        areas.push({ trained: maskAreas(attended), untrained: maskAreas(before) });
        const { grid } = attended.view;
        const query = patchQuery === undefined ? undefined : patchAt(attended.view, image, ...patchQuery);
        const isShown = shown.has(index);
        const pictures = isShown || !asVideo ? await attendedPictures(engine, attended, query) : undefined;
        if (asVideo) {
          if (written === 0) top = brightestValue([attended.mean]); // one scale, so that nothing flickers
          const frame = frameName(written);
          const { rows, columns, patch } = grid;
          const overlay = maskOverlay(attended.view.image, attended.meanMask, rows, columns);
          lastFile = write(`overlays/${frame}`, await encodePng(overlay));
          write(`maps/${frame}`, await encodePng(heatTile(attended.mean, rows, columns, top, patch)));
        } else if (pictures !== undefined) {
          for (const [file, bytes] of await attendedFiles(attended, pictures))
            lastFile = write(`${name}/${file}`, bytes);
          names.add(name);
        }
        written++;
        if (!isShown || pictures === undefined) continue;
        const untrained = await attendedPictures(engine, before, query);
        const { height, width } = pictures.input;
        const tile = async (image: Image, caption: string, pixelated = true) => ({
          picture: pixelated ? await picture(image) : await smallPicture(image),
          name: `${caption}: ${name}`,
          caption,
          pixelated,
        });
        groups.push({
          title: `${name}, seen at ${width} x ${height} pixels`,
          tiles: [
            await tile(pictures.input, 'input', false),
            await tile(pictures.mean, 'mean attention'),
            await tile(pictures.overlay, `mask of ${headLabel(pictures.overlayHead)}`, false),
            await tile(pictures.colors, 'patch colors (PCA)'),
            ...(pictures.similarity === undefined
              ? []
              : [await tile(pictures.similarity, `like the patch at ${patchQuery?.join(', ')}`)]),
            await tile(untrained.mean, 'mean attention, untrained'),
            await tile(untrained.colors, 'patch colors, untrained'),
          ],
        });
      }
    } finally {
      input.close();
    }
    if (written === 0)
      throw new Error(
        `None of the ${counted(input.length, 'image')} of ${paths.join(', ')} can be shown; the first: ${skipped[0]?.key} ${skipped[0]?.reason}`,
      );
    const folder = openFiles();
    const some = (files: readonly string[]): string =>
      `${files.slice(0, 3).join(', ')}${files.length > 3 ? ', …' : ''}`;
    const earlier = attendedBefore(folder).filter((name) => !names.has(name));
    if (earlier.length > 0)
      warn(
        `${folder} also holds pictures of images of an earlier call (${some(earlier)}): they stay as they are.`,
      );
    const later = asVideo ? removeEarlierFrames(subject.folder, folder, written) : [];
    if (later.length > 0)
      warn(
        `${folder} also holds numbered pictures behind the last frame (${some(later)}), and nothing tells whose they are: they stay as they are.`,
      );
    if (asVideo && hasFfmpeg()) {
      try {
        joinFrames(join(dirname(lastFile), '%05d.png'), written, join(folder, 'attention.mp4'), fps);
      } catch (error) {
        warn(error instanceof Error ? error.message : String(error));
      }
    }
    const facts = {
      ...{ attention: attentionTitle(subject.backbone), size, threshold, patch: backbone.patch },
      written: `${counted(written, asVideo ? 'frame' : 'image')} in ${folder}`,
    };
    return {
      ...attendStatement(areas, facts, groups),
      shown: 'own',
      scores: {
        images: written,
        output: folder,
        maskArea: { trained: meanAreas(areas, 'trained'), untrained: meanAreas(areas, 'untrained') },
      },
      skipped,
      details: { protocol: { size, threshold, patchQuery, video: asVideo } },
    };
  },
});

/** Images whose pictures are in a folder. */
function attendedBefore(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => existsSync(join(folder, name, 'attention.npy')));
}

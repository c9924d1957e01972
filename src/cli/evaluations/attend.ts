/**
 * `dino attend`: what the class token of a ViT attends to, in any images (official `visualize_attention.py`) or through a video
 * (`video_generation.py`, where `--threshold` is ignored; here it is applied).
 */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { hasFfmpeg, joinFrames } from '../../data/video-file.ts';
import { type Attended, attend as attendImage, patchAt } from '../../eval/attend.ts';
import { bootstrapMeans } from '../../eval/bootstrap.ts';
import { type SkippedImage, unfitReason } from '../../eval/skipped-images.ts';
import type { Image } from '../../image/image.ts';
import { ImageError, imageReason } from '../../image/image-error.ts';
import type { TileBlock } from '../../report/blocks.ts';
import { headLabel } from '../../report/head-label.ts';
import { picture } from '../../report/pictures.ts';
import { encodePng } from '../../report/png.ts';
import { brightestValue, heatTile, maskOverlay } from '../../report/tiles.ts';
import { UsageError } from '../flags.ts';
import { attendedFiles, attendedPictures } from './attend-files.ts';
import { openAttendInput } from './attend-input.ts';
import { defineEvaluation, withInterval } from './evaluation.ts';
import { smallPicture, spread } from './thumbnails.ts';

const SHOWN = 12;

export const attend = defineEvaluation({
  name: 'attend',
  summary: 'attention maps, masks and patch colors of images; heads are counted from 1',
  usage: '<run> <image, folder or video> ...',
  words: Number.POSITIVE_INFINITY,
  isFlat: true,
  replacesFiles: true,
  fields: {
    threshold: z.number().gt(0).max(1).describe('share of the attention a mask holds; 0.6 unless given'),
    imageSize: z
      .array(z.number().int().min(1))
      .min(1)
      .max(2)
      .describe("short side, or height and width; the network's own size as short side unless given"),
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
  async run({ threshold = 0.6, imageSize, patchQuery, video = false, fps = 25 }, context) {
    const { subject, backbone, engine, paths, onProgress, warn, write, files: folder } = context;
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
    const areas: { trained: number[]; untrained: number[] }[] = [];
    const skipped: SkippedImage[] = [];
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
          const number = String(written).padStart(5, '0');
          const { rows, columns, patch } = grid;
          const overlay = maskOverlay(attended.view.image, attended.meanMask, rows, columns);
          lastFile = write(`overlays/${number}.png`, await encodePng(overlay));
          write(`maps/${number}.png`, await encodePng(heatTile(attended.mean, rows, columns, top, patch)));
        } else if (pictures !== undefined) {
          for (const [file, bytes] of await attendedFiles(attended, pictures, query))
            lastFile = write(`${name}/${file}`, bytes);
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
        `None of the ${input.length} images of ${paths.join(', ')} can be shown; the first: ${skipped[0]?.key} ${skipped[0]?.reason}`,
      );
    if (asVideo && hasFfmpeg()) {
      try {
        joinFrames(join(dirname(lastFile), '%05d.png'), written, join(folder, 'attention.mp4'), fps);
      } catch (error) {
        warn(error instanceof Error ? error.message : String(error));
      }
    }
    const heads = areas[0]?.trained.length ?? 0;
    const column = (of: 'trained' | 'untrained', head: number) => areas.map((each) => each[of][head] ?? 0);
    const titles = [...Array.from({ length: heads - 1 }, (_, head) => headLabel(head)), 'mean head'];
    const table = titles.map((title, head) => {
      const both = [column('trained', head), column('untrained', head)];
      const intervals = bootstrapMeans(both);
      return [
        title,
        ...both.map((values, i) => withInterval(average(values), intervals[i] ?? { low: 0, high: 0 })),
      ];
    });
    const protocol = `Attention of the last layer at ${size.length === 1 ? `a short side of ${size[0]}` : size.join(' x ')} pixels (bilinear), patches of ${backbone.patch}; masks of ${(100 * threshold).toFixed(0)} % of the attention; ${written} ${asVideo ? 'frames' : 'images'} in ${folder}`;
    return {
      protocol,
      shown: 'own',
      table: [['area of the mask, % of the image (no score)', 'trained', 'untrained'], ...table],
      scores: {
        images: written,
        output: folder,
        maskArea: {
          trained: titles.map((_, head) => average(column('trained', head))),
          untrained: titles.map((_, head) => average(column('untrained', head))),
        },
      },
      skipped,
      details: { protocol: { size, threshold, patchQuery } },
      section: {
        title: 'Attention in images',
        intro: `What the class token looks at: ${(100 * threshold).toFixed(0)} % of a head's attention is its mask. Shown is the head whose mask lies most in one piece. Patches with similar features have similar colors (the first three principal components of this image's patches). Look for maps that follow objects where the untrained network's only follow contrast or position.`,
        blocks: [{ kind: 'tiles', large: true, groups }],
      },
    };
  },
});

/** The share of the patches that each head's mask takes, percent; the mean head's comes last. */
function maskAreas({ masks, meanMask, heads }: Attended): number[] {
  const patches = meanMask.length;
  const share = (mask: Uint8Array): number => (100 * mask.reduce((sum, x) => sum + x, 0)) / patches;
  const own = Array.from({ length: heads }, (_, h) => share(masks.subarray(h * patches, (h + 1) * patches)));
  return [...own, share(meanMask)];
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

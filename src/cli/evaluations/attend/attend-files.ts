/** What `dino attend` writes for one image: maps, masks, colors of patches, as PNG and as arrays. */
import type { Engine } from '../../../engine/engine.ts';
import { type Attended, clearestHead, patchColors, patchSimilarity } from '../../../eval/attention/attend.ts';
import { enlargeMask } from '../../../eval/attention/attention-maps.ts';
import { serializeNpy } from '../../../format/npy.ts';
import type { Image } from '../../../image/image.ts';
import { headNumber } from '../../../report/pictures/head-label.ts';
import { encodePng } from '../../../report/pictures/png.ts';
import { brightestValue, heatTile, maskOverlay } from '../../../report/pictures/tiles.ts';

/** Pictures of one image's attention; those of patches have one pixel a patch. */
export interface AttendedPictures {
  /** What the network saw. */
  readonly input: Image;
  readonly mean: Image;
  /** The mask of the clearest head over the image. */
  readonly overlay: Image;
  readonly overlayHead: number;
  readonly colors: Image;
  readonly similarity?: Image;
  /** What it shows: how much each patch resembles the one that was asked for. */
  readonly similarities?: Float32Array;
}

/** @param query a patch to compare all others with */
export async function attendedPictures(
  engine: Engine,
  attended: Attended,
  query?: number,
): Promise<AttendedPictures> {
  const { view, mean, masks } = attended;
  const { rows, columns } = view.grid;
  const overlayHead = clearestHead(attended);
  const patches = rows * columns;
  const mask = masks.subarray(overlayHead * patches, (overlayHead + 1) * patches);
  const similarities = query === undefined ? undefined : patchSimilarity(attended, query);
  return {
    input: view.image,
    mean: heatTile(mean, rows, columns, brightestValue([mean])),
    overlay: maskOverlay(view.image, mask, rows, columns),
    overlayHead,
    colors: await patchColors(engine, attended),
    ...(similarities && { similarity: heatTile(similarities, rows, columns, 1), similarities }),
  };
}

/** Every file of one image by its name; heads are counted from 1 in names, and are in order in arrays. */
export async function attendedFiles(
  attended: Attended,
  pictures: AttendedPictures,
): Promise<Map<string, Uint8Array>> {
  const { view, heads, maps, mean, masks, meanMask } = attended;
  const { rows, columns, patch } = view.grid;
  const patches = rows * columns;
  const files = new Map<string, Uint8Array>();
  const heat = async (name: string, map: Float32Array): Promise<void> => {
    files.set(name, await encodePng(heatTile(map, rows, columns, brightestValue([map]), patch)));
  };
  const binary = async (name: string, mask: Uint8Array): Promise<void> => {
    const { width, height, data } = enlargeMask(mask, view.grid);
    files.set(name, await encodePng({ width, height, channels: 1, data: data.map((x) => 255 * x) }));
  };
  for (let head = 0; head < heads; head++) {
    await heat(`attn-head${headNumber(head)}.png`, maps.subarray(head * patches, (head + 1) * patches));
    await binary(`mask-head${headNumber(head)}.png`, masks.subarray(head * patches, (head + 1) * patches));
  }
  await heat('attn-mean.png', mean);
  await binary('mask-mean.png', meanMask);
  files.set('input.png', await encodePng(pictures.input));
  files.set('overlay.png', await encodePng(pictures.overlay));
  files.set('pca.png', await encodePng(enlarged(pictures.colors, patch)));
  files.set('attention.npy', npy([heads, rows, columns], maps));
  const { similarity, similarities } = pictures;
  if (similarity !== undefined && similarities !== undefined) {
    files.set('similarity.png', await encodePng(enlarged(similarity, patch)));
    files.set('similarity.npy', npy([rows, columns], similarities));
  }
  return files;
}

function npy(shape: readonly number[], data: Float32Array): Uint8Array {
  return Buffer.concat(serializeNpy({ dtype: 'float32', shape, data }));
}

/** Every pixel becomes a square. */
function enlarged({ width, height, channels, data }: Image, factor: number): Image {
  const large = new Uint8Array(data.length * factor * factor);
  const across = width * factor;
  for (let i = 0, at = 0; i < height * factor * across; i++, at += channels) {
    const from = (Math.floor(i / across / factor) * width + Math.floor((i % across) / factor)) * channels;
    for (let c = 0; c < channels; c++) large[at + c] = data[from + c]!;
  }
  return { width: across, height: height * factor, channels, data: large };
}

/** The images of a mask report that were covered best and worst: what the network sees, the objects, and the masks of the best heads. */

import { maskUnion } from '../../image/mask.ts';
import { fixed } from '../../numbers/counted.ts';
import type { Tile, TileBlock } from '../../report/blocks.ts';
import { headLabel } from '../../report/pictures/head-label.ts';
import { smallPicture } from '../../report/pictures/thumbnails.ts';
import { maskOverlay } from '../../report/pictures/tiles.ts';
import { mean } from '../../rows/mean.ts';
import { attend } from './attend.ts';
import { type MaskReport, type MaskReportOptions, maskComparedTitles, objectsInView } from './mask-report.ts';

const SHOWN = 6;

/** @param options those of the report: the shown images are looked at again */
export async function maskTiles(
  report: MaskReport,
  options: MaskReportOptions,
): Promise<TileBlock['groups']> {
  const ranked = report.images.toSorted((a, b) => mean(b.scores.trained.best) - mean(a.scores.trained.best));
  const half = Math.min(SHOWN, Math.ceil(ranked.length / 2));
  const [best, worst] = [ranked.slice(0, half), ranked.slice(half).slice(-SHOWN)];
  const groups: TileBlock['groups'][number][] = [];
  for (const [title, rows] of [
    ['Best', best],
    ['Worst', worst],
  ] as const) {
    for (const [i, row] of rows.entries())
      groups.push({ ...(i === 0 ? { title } : {}), tiles: await tilesOf(row, options) });
  }
  return groups;
}

async function tilesOf(
  { index, scores }: MaskReport['images'][number],
  { images, backbone, size, share, ...networks }: MaskReportOptions,
): Promise<Tile[]> {
  const given = await images.read(index);
  if (given === undefined) return [];
  const { name, image, mask } = given;
  const tiles: Tile[] = [];
  for (const network of ['trained', 'untrained'] as const) {
    const { view, masks } = await attend(backbone, networks[network], image, { size, share });
    const { rows, columns } = view.grid;
    if (network === 'trained') {
      const all = maskUnion(objectsInView(mask, view).objects);
      tiles.push(
        { picture: await smallPicture(view.image), name, caption: name },
        {
          picture: await smallPicture(maskOverlay(view.image, all.data, all.height, all.width)),
          name: `objects of ${name}`,
          caption: 'object mask',
        },
      );
    }
    const head = scores[network].bestHeads[0] ?? 0;
    const patches = rows * columns;
    const own = masks.subarray(head * patches, (head + 1) * patches);
    tiles.push({
      picture: await smallPicture(maskOverlay(view.image, own, rows, columns)),
      name: `${maskComparedTitles[network]}, ${headLabel(head)}, on ${name}`,
      caption: `${network}, ${headLabel(head)}: ${fixed(mean(scores[network].best), 2)}`,
    });
  }
  return tiles;
}

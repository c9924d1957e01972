/** What attention in images says of itself: no score, but how large the masks are and what they look like. */
import type { TileBlock } from '../../report/blocks.ts';
import { headLabel } from '../../report/pictures/head-label.ts';
import { gridTable } from '../../report/score-grid.ts';
import { bootstrapMeans } from '../../rows/bootstrap.ts';
import { mean } from '../../rows/mean.ts';
import { capitalized, type Statement } from '../statement.ts';
import type { Attended } from './attend.ts';
import { describeSize, type MaskFacts } from './mask-section.ts';

/** Of one image the share of the patches that each head's mask takes, percent; the mean head's comes last. */
export interface MaskAreas {
  readonly trained: readonly number[];
  readonly untrained: readonly number[];
}

export function maskAreas({ masks, meanMask, heads }: Attended): number[] {
  const patches = meanMask.length;
  const share = (mask: Uint8Array): number => (100 * mask.reduce((sum, x) => sum + x, 0)) / patches;
  const own = Array.from({ length: heads }, (_, h) => share(masks.subarray(h * patches, (h + 1) * patches)));
  return [...own, share(meanMask)];
}

/** Means over the images, in the order of the areas. */
export function meanAreas(areas: readonly MaskAreas[], of: keyof MaskAreas): number[] {
  return (areas[0]?.[of] ?? []).map((_, head) => mean(column(areas, of, head)));
}

export interface AttendFacts extends MaskFacts {
  /** Side of a patch, pixels. */
  readonly patch: number;
  /** What was written, and where: `12 images in eval/attend`. */
  readonly written: string;
}

/** @param groups pictures of the images that are shown */
export function attendStatement(
  areas: readonly MaskAreas[],
  { attention, size, threshold, patch, written }: AttendFacts,
  groups: TileBlock['groups'],
): Statement {
  const share = (100 * threshold).toFixed(0);
  const protocol = `${capitalized(attention)} at ${describeSize(size)} pixels (bilinear), patches of ${patch}; masks of ${share} % of the attention; ${written}`;
  const heads = areas[0]?.trained.length ?? 0;
  const titles = [...Array.from({ length: heads - 1 }, (_, head) => headLabel(head)), 'mean head'];
  return {
    protocol,
    table: gridTable({
      corner: 'area of the mask, % of the image (no score)',
      columns: [{ title: 'trained' }, { title: 'untrained' }],
      rows: titles.map((name, head) => {
        const both = [column(areas, 'trained', head), column(areas, 'untrained', head)];
        const intervals = bootstrapMeans(both);
        return { name, cells: both.map((values, i) => ({ value: mean(values), ...intervals[i] })) };
      }),
    }),
    section: {
      title: 'Attention in images',
      intro: `Where the network looks, by the ${attention}: ${share} % of a head's attention is its mask. Shown is the head whose mask lies most in one piece. Patches with similar features have similar colors (the first three principal components of this image's patches). Look for maps that follow objects where the untrained network's only follow contrast or position.`,
      blocks: [{ kind: 'tiles', large: true, groups }],
    },
  };
}

function column(areas: readonly MaskAreas[], of: keyof MaskAreas, head: number): number[] {
  return areas.map((each) => each[of][head] ?? 0);
}

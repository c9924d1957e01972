/**
 * Which heads to show first when nothing is known of the objects: those whose masks lie most in one piece, as objects do. Of
 * equal ones the one with the smaller mask.
 */
import type { Mask } from '../image/mask.ts';
import { largestComponent } from './localization.ts';

interface Clarity {
  /** Share of a mask that its largest connected part holds. */
  readonly inOnePiece: number;
  /** Places that a mask holds. */
  readonly places: number;
}

/**
 * @param masks of each image, [heads, rows * columns], not 0 where a place belongs to the mask
 * @returns the numbers of all heads, the clearest first, judged by the mean over the images
 */
export function headsByClarity(
  masks: readonly Uint8Array[],
  heads: number,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): number[] {
  const of = (head: number): Clarity => {
    const each = masks.map((all) =>
      clarity(all.subarray(head * rows * columns, (head + 1) * rows * columns), columns),
    );
    const mean = (key: keyof Clarity): number =>
      each.reduce((sum, one) => sum + one[key], 0) / Math.max(1, each.length);
    return { inOnePiece: mean('inOnePiece'), places: mean('places') };
  };
  return Array.from({ length: heads }, (_, head) => ({ head, ...of(head) }))
    .sort((a, b) => b.inOnePiece - a.inOnePiece || a.places - b.places)
    .map(({ head }) => head);
}

function clarity(data: Uint8Array, columns: number): Clarity {
  const mask: Mask = {
    width: columns,
    height: data.length / columns,
    data: data.map((value) => (value === 0 ? 0 : 1)),
  };
  const places = area(mask.data);
  return { inOnePiece: places === 0 ? 0 : area(largestComponent(mask).data) / places, places };
}

const area = (data: Uint8Array): number => data.reduce((sum, value) => sum + value, 0);

/** What the report shows of copies: those to look at first, and each kept image with its copies. */
import type { Source } from '../../data/source.ts';
import type { DedupeReport } from '../../eval/copies/dedupe-report.ts';
import type { Copy } from '../../eval/copies/duplicates.ts';
import type { Block, Tile } from '../../report/blocks.ts';
import { thumbnails } from '../../report/pictures/thumbnails.ts';

const SHOWN_PAIRS = 12;
const SHOWN_GROUPS = 40;
const SHOWN_COPIES = 9;

/** One copy and the image that is kept in its place. */
export interface FoundCopy extends Copy {
  readonly kept: number;
}

/** How a copy was recognized: 'same pixels', 'agreement 0.981, mirrored'. */
export function describeCopy({ exact, agreement, mirrored }: Copy): string {
  return exact ? 'same pixels' : `agreement ${agreement.toFixed(3)}${mirrored ? ', mirrored' : ''}`;
}

/** The same in a few letters, for under a picture. */
function shortly({ exact, agreement, mirrored }: Copy): string {
  return exact ? 'same pixels' : `${agreement.toFixed(3)}${mirrored ? ' mirrored' : ''}`;
}

export async function dedupeBlocks(
  { groups, images }: DedupeReport,
  source: Source,
  copies: readonly FoundCopy[],
): Promise<Block[]> {
  if (copies.length === 0) return [];
  const tiles = async (kept: number, others: readonly Copy[]): Promise<Tile[]> => {
    const rows = [kept, ...others.map(({ row }) => row)].flatMap((row) => images[row] ?? []);
    const drawn = await thumbnails(
      source,
      rows.map(({ index }) => index),
    );
    return rows.map(({ index, width, height }, i) => {
      const copy = others[i - 1];
      const how = copy === undefined ? 'kept' : describeCopy(copy);
      const file = source.key(index);
      return {
        picture: drawn[i]!,
        name: `${file}, ${width} x ${height} pixels, ${how}`,
        caption: `${copy === undefined ? 'kept' : shortly(copy)}, ${width} x ${height}`,
        file,
        ...(i === 0 ? { mark: 'same' as const } : {}),
      };
    });
  };
  const doubtful = copies
    .filter(({ exact }) => !exact)
    .sort((a, b) => a.agreement - b.agreement)
    .slice(0, SHOWN_PAIRS);
  const blocks: Block[] = [];
  if (doubtful.length > 0) {
    const drawn = [];
    for (const copy of doubtful)
      drawn.push({ title: describeCopy(copy), tiles: await tiles(copy.kept, [copy]) });
    blocks.push({
      kind: 'tiles',
      title: 'The least certain copies',
      caption: 'Where a pair shows two different pictures, ask for more than its agreement with --agreement.',
      compact: true,
      groups: drawn,
    });
  }
  const drawn = [];
  for (const { kept, copies: others } of groups.slice(0, SHOWN_GROUPS)) {
    const title =
      others.length === 1
        ? '1 copy'
        : `${others.length} copies${others.length > SHOWN_COPIES ? `, ${SHOWN_COPIES} shown` : ''}`;
    drawn.push({ title, tiles: await tiles(kept, others.slice(0, SHOWN_COPIES)) });
  }
  blocks.push({
    kind: 'tiles',
    title:
      groups.length > SHOWN_GROUPS ? `The ${SHOWN_GROUPS} largest groups of ${groups.length}` : 'All groups',
    caption: 'The framed image is kept: the one with the most pixels, of equal ones the largest file.',
    compact: true,
    groups: drawn,
  });
  return blocks;
}

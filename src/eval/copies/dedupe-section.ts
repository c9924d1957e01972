/** What the search for copies in a folder says of its report. */
import { counted, fixed } from '../../numbers/counted.ts';
import type { Block, Tile } from '../../report/blocks.ts';
import type { Picture, PicturedImages } from '../../report/picture.ts';
import { capitalized, type Statement } from '../statement.ts';
import { type DedupeReport, LEAST_AGREEMENT } from './dedupe-report.ts';
import type { Copy } from './duplicates.ts';

const SHOWN_PAIRS = 12;
const SHOWN_GROUPS = 40;
const SHOWN_COPIES = 9;

/** One copy and the image that is kept in its place. */
export interface ListedCopy extends Copy {
  readonly kept: number;
}

/** How a copy was recognized: 'same pixels', 'agreement 0.981, mirrored'. */
function describeCopy({ exact, agreement, mirrored }: Copy): string {
  return exact ? 'same pixels' : `agreement ${fixed(agreement, 3)}${mirrored ? ', mirrored' : ''}`;
}

/** The same in a few letters, for under a picture. */
function shortly({ exact, agreement, mirrored }: Copy): string {
  return exact ? 'same pixels' : `${fixed(agreement, 3)}${mirrored ? ' mirrored' : ''}`;
}

/** The copies of a report, each with the image that is kept in its place. */
export function foundCopies({ groups }: DedupeReport): ListedCopy[] {
  return groups.flatMap(({ kept, copies }) => copies.map((copy) => ({ kept, ...copy })));
}

export interface DedupeFacts {
  /** Side of the network's input, pixels. */
  readonly size: number;
  /** What was asked for, if it was. */
  readonly agreement?: number | undefined;
  readonly threshold?: number | undefined;
  /** How many of the images are links, or files that links lead to. */
  readonly linked: number;
  /** What can be done with what was found, a sentence or two. */
  readonly advice: string;
}

/** Copies that are printed. */
const PRINTED = 20;

export async function dedupeStatement(
  report: DedupeReport,
  { size, agreement, threshold, linked, advice }: DedupeFacts,
  pictures: PicturedImages,
): Promise<Statement> {
  const { images } = report;
  const copies = foundCopies(report);
  const key = (row: number): string => pictures.key(images[row]?.index ?? 0);
  const protocol = `copies among ${counted(images.length, 'image')}: the same pixels, or pixels that agree by ${fixed(report.agreement, 3)} or more after alignment, mirrored ones too (${agreement === undefined ? howChosen(report.agreement) : 'as given'}), among those that the network at ${size} pixels or thumbnails find alike${threshold === undefined ? '' : `, with a cosine of at least ${threshold}`}`;
  const found = [
    summary(report, copies.length, linked),
    ...(linked > 0 ? [explainLinked(linked)] : []),
    describeCheck(report),
  ];
  return {
    protocol,
    table: [
      ...(copies.length > 0 ? [['copy', 'kept', 'how']] : []),
      ...copies.slice(0, PRINTED).map((copy) => [key(copy.row), key(copy.kept), describeCopy(copy)]),
      ...(copies.length > PRINTED ? [[`and ${copies.length - PRINTED} more`]] : []),
      ...(copies.length > 0 ? [[]] : []),
      ...found.map((sentence) => [sentence]),
    ],
    section: {
      title: 'Copies',
      intro: [protocol, ...found].map((sentence) => `${capitalized(sentence)}.`).join(' '),
      blocks: [{ kind: 'text', text: advice }, ...(await dedupeBlocks(report, pictures, copies))],
    },
  };
}

function summary({ groups, images }: DedupeReport, copies: number, linked: number): string {
  if (copies === 0)
    return `there are no copies ${linked === 0 ? '' : 'but links '}among ${counted(images.length, 'image')}`;
  const exact = groups.flatMap((group) => group.copies).filter((copy) => copy.exact).length;
  return `copies: ${copies} of ${counted(images.length, 'image')}, in ${counted(groups.length, 'group')}; with exactly the same pixels: ${exact}`;
}

/** Why some images are in no list, whatever they show. */
function explainLinked(linked: number): string {
  return `${counted(linked, 'image is a link, or a file', 'images are links, or files')} that links lead to: they stay, since a link takes no room and may lead nowhere once its file is moved`;
}

/** Where the least agreement comes from that nobody gave. */
function howChosen(agreement: number): string {
  return agreement > LEAST_AGREEMENT
    ? 'raised, as different images of this folder agree by much'
    : 'the usual limit';
}

/** What was measured on the folder itself. */
function describeCheck({
  check: { different, nearest, altered, recognized },
  agreement,
}: DedupeReport): string {
  const strangers =
    different === 0
      ? 'there were no pairs of different images to compare with'
      : nearest > 0
        ? `of ${different} pairs of different images the most alike agree by ${fixed(nearest, 3)}, and ${fixed(agreement, 3)} is asked for`
        : `none of ${different} pairs of different images agrees in all its parts`;
  return `${strangers}; of ${counted(altered, 'image')} that ${altered === 1 ? 'was' : 'were'} cut by 5 % and compressed by JPEG 50, ${recognized} ${recognized === 1 ? 'is' : 'are'} recognized; copies that were turned, colored anew or cut by much more are not looked for`;
}

async function dedupeBlocks(
  { groups, images }: DedupeReport,
  { key, pictureOf }: PicturedImages,
  copies: readonly ListedCopy[],
): Promise<Block[]> {
  if (copies.length === 0) return [];
  const tiles = async (kept: number, others: readonly Copy[]): Promise<Tile[]> => {
    const rows = [kept, ...others.map(({ row }) => row)].flatMap((row) => images[row] ?? []);
    const drawn: Picture[] = [];
    for (const { index } of rows) drawn.push(await pictureOf(index));
    return rows.map(({ index, width, height }, i) => {
      const copy = others[i - 1];
      const how = copy === undefined ? 'kept' : describeCopy(copy);
      const file = key(index);
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
        : `${counted(others.length, 'copy', 'copies')}${others.length > SHOWN_COPIES ? `, ${SHOWN_COPIES} shown` : ''}`;
    drawn.push({ title, tiles: await tiles(kept, others.slice(0, SHOWN_COPIES)) });
  }
  blocks.push({
    kind: 'tiles',
    title:
      groups.length > SHOWN_GROUPS ? `The ${SHOWN_GROUPS} largest groups of ${groups.length}` : 'All groups',
    caption:
      'The framed image is kept: the one with the most pixels, of equal ones the largest file, of equal files one that is not named as a copy.',
    compact: true,
    groups: drawn,
  });
  return blocks;
}

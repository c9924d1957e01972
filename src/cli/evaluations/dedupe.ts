/** `dino dedupe`: copies in a folder, which of them to keep, and a list of the others. It moves files only where it is asked to. */
import { join } from 'node:path';
import { z } from 'zod';
import { imageFiles, linkedImages } from '../../data/image-files-node.ts';
import { dedupeReport } from '../../eval/copies/dedupe-report.ts';
import { dedupeStatement, foundCopies } from '../../eval/copies/dedupe-section.ts';
import { checkMoveTarget, moveFiles } from '../../files/move-files-node.ts';
import { jpegCopy } from '../../image/jpeg-node.ts';
import { counted } from '../../numbers/counted.ts';
import { withThumbnails } from '../../report/pictures/thumbnails.ts';
import { openImages } from '../open-images.ts';
import { UsageError } from '../terminal/flags.ts';
import { defineEvaluation } from './evaluation.ts';

const usage = '<run> <source>';
/** A larger share of copies than this is rare enough to look twice. */
const SUSPICIOUS = 0.3;

export const dedupe = defineEvaluation({
  name: 'dedupe',
  summary: 'copies in a folder: which image to keep, and a list of the files to drop; no file is deleted',
  usage,
  words: 1,
  fields: {
    agreement: z
      .number()
      .gt(0)
      .max(1)
      .describe(
        'least agreement of the pixels of a copy, 0 to 1; 0.85 unless given, or more where different images of the folder agree by more than 0.7',
      ),
    threshold: z
      .number()
      .gt(-1)
      .max(1)
      .describe('least cosine of the features of a copy, besides; any unless given'),
    move: z
      .string()
      .describe('a folder: the files to drop are moved there, with their paths; nothing is deleted'),
    seed: z.number().int().min(0).describe('of the copies that are made to measure; 0 unless given'),
  },
  async run({ agreement, threshold, move, seed = 0 }, context) {
    const { subject, backbone, engine, paths, onProgress, warn, write } = context;
    const [path] = paths;
    if (path === undefined) throw new UsageError(`Which images? dino dedupe ${usage}`);
    const source = openImages(path, subject.imageOptions, warn, false);
    const root = source.spec?.kind === 'folder' ? source.spec.root : undefined;
    if (move !== undefined) {
      if (root === undefined)
        throw new UsageError(
          `--move takes files out of a folder, and ${path} is none: unpack it first, or leave --move out and use the list.`,
        );
      checkMoveTarget(root, move);
    }
    const files = imageFiles(source);
    const pinned = linkedImages(source, files);
    const report = await dedupeReport({
      source,
      backbone,
      weights: subject.trained,
      engine,
      agreement,
      threshold,
      bytes: files.bytes,
      pinned,
      jpeg: jpegCopy,
      seed,
      onProgress,
    });
    const { groups, images, check, similarity, skipped } = report;
    const key = (row: number): string => source.key(images[row]?.index ?? 0);
    const copies = foundCopies(report);
    if (copies.length > SUSPICIOUS * images.length && images.length >= 10)
      warn(
        `${copies.length} of ${images.length} images are called copies: look at the least certain ones in the report before you drop any, or give a higher --agreement.`,
      );
    const dropped = copies.map(({ row }) => key(row));
    const linked = images.filter(({ index }) => pinned.has(index)).length;
    const json = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
    const listed = dropped.map((name) => `${root === undefined ? name : join(root, name)}\n`).join('');
    const written = [
      write('drop.txt', new TextEncoder().encode(listed)),
      write(
        'groups.json',
        json(groups.map((group) => [group.kept, ...group.copies.map(({ row }) => row)].map(key))),
      ),
      write(
        'pairs.json',
        json(
          copies.map(({ kept, row, exact, agreement: agreed, mirrored }) => ({
            a: key(kept),
            b: key(row),
            similarity: similarity(kept, row),
            agreement: agreed,
            exact,
            mirrored,
          })),
        ),
      ),
    ];
    // Pictures are taken before the files are.
    const facts = {
      ...{ size: subject.size, agreement, threshold, linked },
      advice: advice({ list: written[0] ?? '', path, copies: copies.length, linked, move }),
    };
    const statement = await withThumbnails(source, (pictured) => dedupeStatement(report, facts, pictured));
    if (move !== undefined && root !== undefined) moveFiles(root, dropped, move);
    return {
      ...statement,
      table: [
        ...statement.table,
        ...(move === undefined
          ? []
          : [[`${counted(dropped.length, 'file was', 'files were')} moved to ${move}`]]),
        ...written.map((file) => [file]),
      ],
      scores: {
        images: images.length,
        agreement: report.agreement,
        ...(threshold === undefined ? {} : { threshold }),
        pairs: copies.length,
        groups: groups.length,
        copies: copies.length,
        exact: copies.filter((copy) => copy.exact).length,
        linked,
        ...(move === undefined ? {} : { moved: dropped.length, movedTo: move }),
        files: written,
      },
      skipped,
      details: { protocol: { size: subject.size, seed }, check },
    };
  },
});

function advice({
  list,
  path,
  copies,
  linked,
  move,
}: {
  readonly list: string;
  readonly path: string;
  readonly copies: number;
  readonly linked: number;
  readonly move: string | undefined;
}): string {
  if (copies === 0) return linked === 0 ? 'There are none.' : 'There are none but links.';
  if (move !== undefined)
    return `${counted(copies, 'copy was', 'copies were')} moved to ${move}, with ${copies === 1 ? 'its path' : 'their paths'}; ${list} lists ${copies === 1 ? 'it' : 'them'}.`;
  return `${list} lists the files that can go; of each group the largest image stays. dino dedupe <run> ${path} --move <folder> moves them away. Nothing is ever deleted.`;
}

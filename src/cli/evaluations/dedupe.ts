/** `dino dedupe`: near duplicates in a folder. It only says what it finds: no file is touched. */
import { z } from 'zod';
import type { Source } from '../../data/source.ts';
import { type DedupeReport, dedupeReport } from '../../eval/dedupe-report.ts';
import type { SimilarPair } from '../../eval/duplicates.ts';
import { jpegCopy } from '../../image/jpeg-node.ts';
import type { Block } from '../../report/blocks.ts';
import { UsageError } from '../flags.ts';
import { openImages } from '../open-images.ts';
import { capitalised, defineEvaluation } from './evaluation.ts';
import { thumbnails } from './thumbnails.ts';

const usage = '<run> <source>';
/** Pairs that are printed, and shown from each end of the list. */
const PRINTED = 20;
const SHOWN_PAIRS = 12;
const SHOWN_GROUPS = 12;
const SHOWN_IMAGES = 10;
/** Shares of all pairs, and of changed copies with another image as similar, that few folders have. */
const SUSPICIOUS = 0.02;
const CONFUSED = 0.1;

export const dedupe = defineEvaluation({
  name: 'dedupe',
  summary: 'near duplicates in a folder: pairs and groups; no file is touched',
  usage,
  words: 1,
  fields: {
    threshold: z
      .number()
      .gt(-1)
      .max(1)
      .describe(
        'least cosine of a pair; measured unless given, on copies that are cut and compressed a little',
      ),
    seed: z.number().int().min(0).describe('of those copies; 0 unless given'),
  },
  async run({ threshold, seed = 0 }, { subject, backbone, engine, paths, onProgress, warn, write }) {
    const [path] = paths;
    if (path === undefined) throw new UsageError(`Which images? dino dedupe ${usage}`);
    const source = openImages(path, subject.imageOptions, warn);
    const report = await dedupeReport({
      source,
      backbone,
      weights: subject.trained,
      engine,
      threshold,
      jpeg: jpegCopy,
      seed,
      onProgress,
    });
    const { pairs, groups, count, measured, indices, share, skipped } = report;
    const key = (row: number): string => source.key(indices[row] ?? 0);
    for (const { reason } of skipped) warn(`skipped: ${reason}`);
    if (share > SUSPICIOUS || (measured?.confused ?? 0) > CONFUSED) {
      const found =
        measured === undefined
          ? `${(100 * share).toFixed(1)} % of all pairs count`
          : `${(100 * measured.confused).toFixed(0)} % of the changed copies have another image as similar as their own`;
      warn(
        `${found}: either the folder is full of duplicates, or the network hardly tells its images apart; look at the least similar pairs, train longer, or give a higher --threshold.`,
      );
    }
    if (pairs.length < count) warn(`${pairs.length} of ${count} pairs are kept, the most similar ones.`);
    const json = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
    const files = [
      write('pairs.json', json(pairs.map(({ a, b, similarity }) => ({ a: key(a), b: key(b), similarity })))),
      write('groups.json', json(groups.map((rows) => rows.map(key)))),
    ];
    const how =
      measured === undefined
        ? 'as given'
        : `95 % of ${measured.images} images are so similar to a copy cut by 5 % and compressed by JPEG 50, ${(100 * measured.confused).toFixed(0)} % of these also to another image`;
    const protocol = `near duplicates among ${indices.length} images: cosine of at least ${report.threshold.toFixed(4)} (${how}), class token or pooled feature at ${subject.size} pixels`;
    const copies = groups.reduce((sum, rows) => sum + rows.length - 1, 0);
    return {
      protocol,
      table: [
        ['pair', 'similarity'],
        ...pairs
          .slice(0, PRINTED)
          .map(({ a, b, similarity }) => [`${key(a)}  ${key(b)}`, similarity.toFixed(4)]),
        ...(pairs.length > PRINTED ? [[`and ${count - PRINTED} more`]] : []),
        [`pairs: ${count}, groups: ${groups.length}, images more than one of each: ${copies}`],
        ...files.map((file) => [file]),
      ],
      scores: { threshold: report.threshold, pairs: count, groups: groups.length, copies, files },
      details: {
        protocol: { size: subject.size, images: indices.length, seed },
        ...(measured === undefined ? {} : { measured }),
        skipped,
      },
      section: {
        title: 'Near duplicates',
        intro: `${capitalised(protocol)}. ${count} pairs form ${groups.length} groups; keeping one image of each would leave ${copies} out. No file was touched.`,
        blocks: await pictures(report, source),
      },
    };
  },
});

async function pictures({ pairs, groups, indices }: DedupeReport, source: Source): Promise<Block[]> {
  if (pairs.length === 0) return [{ kind: 'text', text: 'There are none.' }];
  const tilesOf = async (rows: readonly number[]) => {
    const numbers = rows.map((row) => indices[row] ?? 0);
    const drawn = await thumbnails(source, numbers);
    return drawn.map((picture, i) => {
      const name = source.key(numbers[i] ?? 0);
      return { picture, name, caption: name.split('/').at(-1) ?? name };
    });
  };
  const pairBlock = async (title: string, caption: string, shown: readonly SimilarPair[]): Promise<Block> => {
    const drawn = [];
    for (const { a, b, similarity } of shown)
      drawn.push({ title: `similarity ${similarity.toFixed(4)}`, tiles: await tilesOf([a, b]) });
    return { kind: 'tiles', title, caption, compact: true, groups: drawn };
  };
  const best = apart(pairs, SHOWN_PAIRS);
  const worst = apart(pairs.filter((pair) => !best.includes(pair)).reverse(), SHOWN_PAIRS);
  const blocks = [await pairBlock('The most similar pairs', 'These should be copies of each other.', best)];
  if (worst.length > 0) {
    blocks.push(
      await pairBlock(
        'The least similar pairs that count',
        'If these are no copies, the threshold is too low for your purpose: give a higher --threshold.',
        worst,
      ),
    );
  }
  const large = groups.filter((rows) => rows.length > 2).slice(0, SHOWN_GROUPS);
  if (large.length > 0) {
    const drawn = [];
    for (const rows of large)
      drawn.push({ title: `${rows.length} images`, tiles: await tilesOf(rows.slice(0, SHOWN_IMAGES)) });
    blocks.push({
      kind: 'tiles',
      title: 'Groups of three and more',
      caption: 'Images that pairs connect, the largest groups first.',
      groups: drawn,
    });
  }
  return blocks;
}

/** The first pairs, none with an image of another: many copies of one image would hide the rest. */
function apart(pairs: readonly SimilarPair[], count: number): SimilarPair[] {
  const used = new Set<number>();
  const chosen: SimilarPair[] = [];
  for (const pair of pairs) {
    if (chosen.length === count) break;
    if (used.has(pair.a) || used.has(pair.b)) continue;
    chosen.push(pair);
    used.add(pair.a).add(pair.b);
  }
  return chosen;
}

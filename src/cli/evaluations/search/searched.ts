/** What `dino search` looks among: a bank that was embedded before, or images whose features are computed while they are searched. */
import { existsSync } from 'node:fs';
import { openSource } from '../../../data/open-source-node.ts';
import type { SkippedImage } from '../../../data/skipped-images.ts';
import type { Source } from '../../../data/source.ts';
import { embedImages } from '../../../features/embed-images.ts';
import { type BankInfo, type FeatureBank, networkFingerprint } from '../../../features/feature-bank-node.ts';
import { type ViewCount, viewCounts } from '../../../features/views.ts';
import {
  describeStatistics,
  describeView,
  isSamePreprocessing,
  usualPreprocessing,
} from '../../../image/preprocessing.ts';
import type { SearchBlock } from '../../../rows/search.ts';
import type { Subject } from '../../../run/subject.ts';
import { openImages } from '../../open-images.ts';
import type { EvaluationContext } from '../evaluation.ts';
import type { PicturedRows } from './search-result.ts';

/** What is searched, and how its rows are called. */
export interface Searched {
  readonly blocks: Iterable<SearchBlock> | AsyncIterable<SearchBlock>;
  path(row: number): string;
  /** Images of the rows; undefined where all are gone. */
  images(rows: readonly number[]): PicturedRows | undefined;
  size(): number;
  readonly what: string;
  /** Images that could not be read while they were searched. */
  readonly skipped: readonly SkippedImage[];
  readonly views: ViewCount;
}

/** A bank that was embedded before. */
export function embedded(
  bank: FeatureBank,
  folder: string,
  given: ViewCount | undefined,
  { subject }: EvaluationContext,
): Searched {
  const { info } = bank;
  requireSameNetwork(info, folder, subject);
  const views = viewCounts.find((count) => count === info.views) ?? 1;
  if (given !== undefined && given !== views)
    throw new Error(
      `${folder} was embedded with --views ${views}, and --views ${given} asks for others: leave it out, or embed the images again.`,
    );
  let source: Source | undefined; // opened for the first query that is answered
  const numbers = new Map<string | undefined, number>();
  return {
    views,
    what: info.source,
    skipped: [],
    blocks: bank.blocks(),
    path: (row) => bank.paths[row] ?? '',
    size: () => info.images,
    images(rows) {
      if (source === undefined) {
        if (!existsSync(info.source)) return undefined;
        source = openSource(info.source, subject.imageOptions);
        for (let i = 0; i < source.length; i++) numbers.set(source.key(i), i);
      }
      const indices = rows.map((row) => numbers.get(bank.paths[row]) ?? -1);
      return indices.every((index) => index < 0) ? undefined : { source, indices };
    },
  };
}

function requireSameNetwork(
  info: BankInfo,
  folder: string,
  { trained, size, name, channels, preprocessing }: Subject,
): void {
  const isSame =
    info.network === networkFingerprint(trained) && info.size === size && info.channels === channels;
  const { preprocessing: shown = usualPreprocessing(size, channels) } = info;
  if (isSame && isSamePreprocessing(shown, preprocessing)) return;
  if (isSame)
    throw new Error(
      `${folder} holds features of images that were shown in another way (${describeView(shown)}, ${describeStatistics(shown)}): give the same flags, or embed the images again.`,
    );
  throw new Error(
    `${folder} holds features of another model than the one of ${name} (or of its other --checkpoint): embed the images with this one first.`,
  );
}

/** Images whose features are computed while they are searched. */
export function live(
  path: string,
  views: ViewCount,
  { subject, backbone, onProgress, warn }: EvaluationContext,
): Searched {
  const source = openImages(path, subject.imageOptions, warn);
  const numbers: number[] = [];
  const skipped: SkippedImage[] = [];
  const onSkip = (key: string, reason: string): void => void skipped.push({ key, reason });
  async function* blocks(): AsyncGenerator<SearchBlock> {
    for await (const { indices, rows } of embedImages(source, backbone, subject.trained, {
      onSkip,
      views,
    })) {
      const start = numbers.length;
      numbers.push(...indices);
      onProgress(`features of ${source.name}`, numbers.length, source.length);
      yield { start, rows };
    }
  }
  return {
    what: path,
    skipped,
    views,
    blocks: blocks(),
    path: (row) => source.key(numbers[row] ?? 0),
    size: () => numbers.length,
    images: (rows) => ({ source, indices: rows.map((row) => numbers[row] ?? 0) }),
  };
}

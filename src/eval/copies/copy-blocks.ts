/** Blocks of altered images in folders (`crops/30/0001.jpg`), and which original each was made from. */
import type { Source } from '../../data/source.ts';
import { type CopyBlock, copydaysPositives } from './copies.ts';
import type { Attack } from './copy-attacks.ts';

/** Blocks of queries and what they were made from, by numbers of the images. */
export interface QueryBlocks {
  readonly names: readonly string[];
  /** Number of an image's block. */
  blockOf(query: number): number;
  /** Numbers of the originals that an image was made from. */
  positives(query: number): readonly number[];
}

/** Blocks of copies that `attackedImages` makes: one for each attack. */
export function attackBlocks(attacks: readonly Attack[]): QueryBlocks {
  return {
    names: attacks.map(({ name }) => name),
    blockOf: (query) => query % attacks.length,
    positives: (query) => [Math.floor(query / attacks.length)],
  };
}

/**
 * Blocks of a source: one for each folder that holds images, in the order of the images. Copydays numbers the images of a
 * block like the originals, and in the block `strong` begins their names like the originals' (official
 * `eval_copy_detection.py`). Elsewhere names are the surer sign: where a block has names of originals, they decide, and images
 * of other names have no original.
 *
 * @throws Error if two originals have one name, or a block fits them neither by name nor by number
 */
export function queryBlocks(queries: Source, originals: Source): QueryBlocks {
  const keys = Array.from({ length: queries.length }, (_, i) => queries.key(i));
  const originalFiles = Array.from({ length: originals.length }, (_, i) => fileOf(originals.key(i)));
  const byStem = new Map<string, number>();
  for (const [i, file] of originalFiles.entries()) {
    const other = byStem.get(stemOf(file));
    if (other !== undefined)
      throw new Error(
        `${originals.name} has two originals called ${stemOf(file)} (${originals.key(other)}, ${originals.key(i)}): give each another name.`,
      );
    byStem.set(stemOf(file), i);
  }
  const members = new Map<string, number[]>();
  for (const [i, key] of keys.entries()) {
    const name = key.includes('/') ? key.slice(0, key.lastIndexOf('/')) : 'queries';
    const list = members.get(name);
    if (list === undefined) members.set(name, [i]);
    else list.push(i);
  }
  const names = [...members.keys()];
  const blockOf = new Int32Array(keys.length);
  const positives: (readonly number[])[] = keys.map(() => []);
  for (const [block, [name, images]] of [...members].entries()) {
    const files = images.map((i) => fileOf(keys[i]!));
    const found = blockPositives({ name, files }, originalFiles, byStem);
    if (found === undefined) {
      throw new Error(
        `The block ${name} of ${queries.name} fits the originals neither by file names nor by number (${files.length} images, ${originals.length} originals): name its images like their originals.`,
      );
    }
    for (const [at, i] of images.entries()) {
      blockOf[i] = block;
      positives[i] = found[at] ?? [];
    }
  }
  return { names, blockOf: (query) => blockOf[query]!, positives: (query) => positives[query]! };
}

function blockPositives(
  block: CopyBlock,
  originals: readonly string[],
  byStem: ReadonlyMap<string, number>,
): readonly (readonly number[])[] | undefined {
  if (fileOf(block.name) === 'strong') return copydaysPositives({ ...block, name: 'strong' }, originals);
  const named = block.files.map((file) => byStem.get(stemOf(file)));
  if (named.some((original) => original !== undefined))
    return named.map((original) => (original === undefined ? [] : [original]));
  return block.files.length === originals.length ? copydaysPositives(block, originals) : undefined;
}

function fileOf(key: string): string {
  return key.split('/').at(-1) ?? key;
}

function stemOf(file: string): string {
  return file.replace(/\.[^.]+$/, '');
}

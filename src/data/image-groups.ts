/** Which images belong together: by class folder, by the beginning of the file name (`0123_a.jpg`, `0123_b.jpg`), or by folder. */
import type { Source } from './source.ts';

export type Grouping =
  | { readonly by: 'class' }
  /** The first letters of the file name. */
  | { readonly by: 'prefix'; readonly length: number }
  /** The file name up to the first such letter. */
  | { readonly by: 'separator'; readonly separator: string };

/**
 * The group of every image of each source; groups of one name are one over all sources.
 *
 * @returns a number for each image, for each source
 * @throws Error where there is only one group, or class folders are missing
 */
export function imageGroups(sources: readonly Source[], grouping: Grouping): Int32Array[] {
  const numbers = new Map<string, number>();
  const groups = sources.map((source) => {
    if (grouping.by === 'class' && source.classes.length === 0) {
      throw new Error(
        `${source.name} has no class folders, and retrieval needs to know which images belong together: put them into folders, or say by --prefix or --separator how the file names tell.`,
      );
    }
    return Int32Array.from({ length: source.length }, (_, index) => {
      const name = groupName(source, index, grouping);
      const known = numbers.get(name) ?? numbers.size;
      numbers.set(name, known);
      return known;
    });
  });
  if (numbers.size < 2) {
    const [only = ''] = numbers.keys();
    const { length = 0 } = sources[0] ?? {};
    throw new Error(
      length === 1
        ? `${sources[0]?.name} holds one image only: retrieval needs others to look among.`
        : `All images of ${sources[0]?.name} belong together ("${only}"), so that every answer would be right: give two groups or more.`,
    );
  }
  return groups;
}

function groupName(source: Source, index: number, grouping: Grouping): string {
  // An image without a class belongs to no other.
  if (grouping.by === 'class') return source.classes[source.label(index) ?? -1] ?? `\0${source.key(index)}`;
  const file = source.key(index).split('/').at(-1) ?? '';
  if (grouping.by === 'prefix') return file.slice(0, grouping.length);
  const at = file.indexOf(grouping.separator);
  if (at >= 0) return file.slice(0, at);
  throw new Error(
    `${source.key(index)} of ${source.name} has no "${grouping.separator}" in its name: give the --separator that all names have.`,
  );
}

/** Folders of images: their names, and the folder of each image, -1 for none. */
export interface FolderGroups {
  readonly groups: readonly string[];
  readonly labels: Int32Array;
}

/**
 * The folders that images lie in, at the first depth where there are several; images above it belong to none.
 *
 * @param keys paths with `/`
 * @returns undefined where all images lie in one folder
 */
export function folderGroups(keys: readonly string[]): FolderGroups | undefined {
  const folders = keys.map((key) => key.split('/').slice(0, -1));
  const deepest = folders.reduce((most, { length }) => Math.max(most, length), 0);
  for (let depth = 1; depth <= deepest; depth++) {
    const names = folders.map((parts) =>
      parts.length < depth ? undefined : parts.slice(0, depth).join('/'),
    );
    const groups = [...new Set(names.filter((name) => name !== undefined))];
    // One folder beside loose images tells two kinds apart as well.
    if (groups.length < 2 && !names.includes(undefined)) continue;
    const numbers = new Map(groups.map((name, i) => [name, i]));
    return { groups, labels: Int32Array.from(names, (name) => numbers.get(name ?? '') ?? -1) };
  }
  return undefined;
}

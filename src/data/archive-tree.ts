/**
 * The folders of an archive as unpacking would lay them: the last file of a name stands, links count. Walking it gives the same
 * images, in the same order, as walking the unpacked folder (`folder-node.ts`).
 */
import { comparePaths, hasImageExtension, isHidden } from './image-paths.ts';
import { AROUND, type LeftOut } from './left-out.ts';

/** A member of an archive; `Place` says where its bytes are. */
export interface ArchiveMember<Place> {
  /** With `/`, from the archive's root. */
  readonly path: string;
  readonly place: Place;
  readonly link?: { readonly kind: 'hard' | 'symbolic'; readonly target: string };
}

export interface ArchiveFile<Place> {
  readonly path: string;
  readonly place: Place;
  /** How many parts of the path lead to the last symbolic link in it; 0 if there is none. */
  readonly linkDepth: number;
}

export interface ArchiveListing<Place> {
  /** In natural order. */
  readonly images: readonly ArchiveFile<Place>[];
  readonly others: readonly ArchiveFile<Place>[];
  readonly leftOut: readonly LeftOut[];
}

type Node<Place> = Folder<Place> | File<Place> | Link;

interface Folder<Place> {
  readonly kind: 'folder';
  readonly children: Map<string, Node<Place>>;
}

interface File<Place> {
  readonly kind: 'file';
  readonly place: Place;
}

interface Link {
  readonly kind: 'link';
  readonly target: string;
}

/** So many links in a row are a circle; Linux's own limit. */
const MOST_LINKS = 40;

/** All files of an archive by its members, in the order of the archive. Hidden ones and the `__MACOSX` shadow are ignored. */
export function listArchive<Place>(members: readonly ArchiveMember<Place>[]): ArchiveListing<Place> {
  const root: Folder<Place> = { kind: 'folder', children: new Map() };
  const leftOut: LeftOut[] = [];
  for (const { path, place, link } of members) {
    const target = link?.kind === 'hard' ? nodeAt(root, partsOf(link.target)) : undefined;
    if (link?.kind === 'hard' && target === undefined) leftOut.push({ key: path, reason: NOWHERE });
    else if (link?.kind === 'symbolic') put(root, path, { kind: 'link', target: link.target });
    else put(root, path, target ?? { kind: 'file', place });
  }
  const images: ArchiveFile<Place>[] = [];
  const others: ArchiveFile<Place>[] = [];
  /** @param real where the folder lies, when links are followed */
  const visit = (
    folder: Folder<Place>,
    real: readonly string[],
    prefix: string,
    above: readonly Node<Place>[],
    around: number,
  ) => {
    if (above.includes(folder)) {
      leftOut.push({ key: prefix.slice(0, -1), reason: AROUND });
      return;
    }
    for (const name of folder.children.keys()) {
      const path = prefix + name;
      if (isHidden(path)) continue;
      const found = resolve(root, real, [name], MOST_LINKS);
      const linkDepth = folder.children.get(name)?.kind === 'link' ? above.length + 1 : around;
      if (found === undefined) leftOut.push({ key: path, reason: NOWHERE });
      else if (found === 'circle') leftOut.push({ key: path, reason: 'a link that leads to itself' });
      else if (found.node.kind === 'folder')
        visit(found.node, found.real, `${path}/`, [...above, folder], linkDepth);
      else if (found.node.kind === 'file')
        (hasImageExtension(name) ? images : others).push({ path, place: found.node.place, linkDepth });
    }
  };
  visit(root, [], '', [], 0);
  return {
    images: images.sort((a, b) => comparePaths(a.path, b.path)),
    others,
    leftOut: leftOut.sort((a, b) => comparePaths(a.key, b.key)),
  };
}

const NOWHERE = 'a link that leads to nothing in the archive';

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** Without following links. */
function nodeAt<Place>(root: Folder<Place>, parts: readonly string[]): Node<Place> | undefined {
  let node: Node<Place> | undefined = root;
  for (const part of parts) node = node?.kind === 'folder' ? node.children.get(part) : undefined;
  return node;
}

function put<Place>(root: Folder<Place>, path: string, node: Node<Place>): void {
  const parts = partsOf(path);
  const name = parts.pop();
  if (name === undefined || parts.includes('..') || name === '..') return; // no unpacker writes outside its folder
  let folder = root;
  for (const part of parts) {
    let next = folder.children.get(part);
    if (next?.kind !== 'folder') {
      next = { kind: 'folder', children: new Map() };
      folder.children.set(part, next);
    }
    folder = next;
  }
  folder.children.set(name, node);
}

interface Resolved<Place> {
  readonly node: Folder<Place> | File<Place>;
  readonly real: readonly string[];
}

/** Follows a path from a folder as an operating system does: `..` leaves the folder that a link led to. */
function resolve<Place>(
  root: Folder<Place>,
  from: readonly string[],
  parts: readonly string[],
  links: number,
): Resolved<Place> | 'circle' | undefined {
  let real = [...from];
  for (const [i, part] of parts.entries()) {
    if (part === '..') {
      if (real.pop() === undefined) return undefined;
      continue;
    }
    const node = nodeAt(root, [...real, part]);
    if (node === undefined) return undefined;
    if (node.kind !== 'link') {
      real = [...real, part];
      continue;
    }
    if (links === 0) return 'circle';
    if (node.target.startsWith('/')) return undefined;
    return resolve(root, real, [...partsOf(node.target), ...parts.slice(i + 1)], links - 1);
  }
  const node = nodeAt(root, real);
  return node === undefined || node.kind === 'link' ? undefined : { node, real };
}

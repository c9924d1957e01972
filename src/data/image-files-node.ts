/** The files behind the images of a source: how large they are, and which of them go by several names. */
import { lstatSync, statSync } from 'node:fs';
import { fileBelow } from './folder-node.ts';
import type { Source } from './source.ts';
import { bytesAt } from './text-table.ts';

export interface ImageFiles {
  /** Bytes of the image's file; 0 where it has none of its own. */
  bytes(index: number): number;
  /** Images that are links, or that another image of the source is a link to: taking one away takes away the other. */
  readonly linked: ReadonlySet<number>;
}

export function imageFiles({ spec, length }: Source): ImageFiles {
  if (spec?.kind === 'archive') return { bytes: (index) => spec.sizes[index] ?? 0, linked: new Set() };
  if (spec?.kind !== 'folder') return { bytes: () => 0, linked: new Set() };
  const sizes = new Float64Array(length);
  const linked = new Set<number>();
  const byFile = new Map<string, number>();
  for (let index = 0; index < length; index++) {
    const path = fileBelow(spec.root, bytesAt(spec.paths, index));
    const status = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (status === undefined) continue;
    sizes[index] = Number(status.size);
    const file = `${status.dev} ${status.ino}`;
    const other = byFile.get(file);
    if (other !== undefined) linked.add(other).add(index);
    else byFile.set(file, index);
    if (lstatSync(path).isSymbolicLink()) linked.add(index);
  }
  return { bytes: (index) => sizes[index] ?? 0, linked };
}

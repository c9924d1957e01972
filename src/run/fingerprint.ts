import type { Source } from '../data/source.ts';

/**
 * A hash (32-bit FNV-1a) of the images' paths inside the source, so that a folder may be moved, or packed into a tar, but
 * not be exchanged. What the files hold is not looked at.
 */
export function fingerprint(source: Source): string {
  const { spec } = source;
  let hash = 0x811c9dc5;
  const add = (text: string): void => {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0xffff, 0x01000193); // the end of a text: "ab", "c" is not "a", "bc"
  };
  if (spec?.kind === 'scenes') add(`scenes ${spec.seed} ${spec.size}`);
  if (spec?.kind === 'idx') add(`idx ${spec.height} ${spec.width}`);
  for (const name of source.classes) add(name);
  for (let i = 0; i < source.length; i++) add(source.key(i));
  return (hash >>> 0).toString(16).padStart(8, '0');
}

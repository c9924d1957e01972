/** Opens images for a command, and says which files beside them cannot be used and which images have no class. */
import {
  explainClasses,
  explainUnread,
  openSource,
  type Source,
  type SourceOptions,
} from '../data/source.ts';

/** @throws Error if there are none at the path */
export function openImages(path: string, options: SourceOptions, warn: (text: string) => void): Source {
  const source = openSource(path, options);
  for (const note of [explainUnread(source), explainClasses(source)]) if (note !== undefined) warn(note);
  return source;
}

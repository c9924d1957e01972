/** Opens images for a command, and says which files beside them cannot be used. */
import { explainUnread, openSource, type Source, type SourceOptions } from '../data/source.ts';

/** @throws Error if there are none at the path */
export function openImages(path: string, options: SourceOptions, warn: (text: string) => void): Source {
  const source = openSource(path, options);
  const unread = explainUnread(source);
  if (unread !== undefined) warn(unread);
  return source;
}

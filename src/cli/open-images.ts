/** Opens images for a command, and says what beside them is left out and which of them have no class. */
import { explainOmissions } from '../data/omissions-node.ts';
import { openSource } from '../data/open-source-node.ts';
import type { Source, SourceOptions } from '../data/source.ts';

/** @param withClasses whether classes matter to the command @throws Error if there are none at the path */
export function openImages(
  path: string,
  options: SourceOptions,
  warn: (text: string) => void,
  withClasses = true,
): Source {
  const source = openSource(path, options);
  for (const sentence of explainOmissions(source, withClasses)) warn(sentence);
  return source;
}

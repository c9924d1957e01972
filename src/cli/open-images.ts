/** Opens images for a command, and says what beside them is left out and which of them have no class. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { partsOf } from '../data/class-folders.ts';
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

/** The same of images to train on: parts of a data set that are all among them are named. */
export function openTrainingImages(path: string, options: SourceOptions): Source {
  const source = openImages(path, options, console.error);
  const parts = partsOf(Array.from({ length: source.length }, (_, i) => source.key(i)));
  const training = parts.find((part) => /(^|\/)tr[^/]*$/i.test(part)) ?? parts[0];
  if (training === undefined) return source;
  const others = parts.filter((part) => part !== training).join(' and ');
  const alone = statSync(path).isDirectory() ? `give ${join(path, training)}` : `pack ${training} by itself`;
  console.error(
    `${path} holds several parts of a data set (${parts.join(', ')}), and all of them are trained on: to keep ${others} apart for tests, ${alone}.`,
  );
  return source;
}

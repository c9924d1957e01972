/** What was meant by a word that is no command: a slip, another program's name for it, or a path. */
import { existsSync } from 'node:fs';
import { editDistance } from './nearest-name.ts';
import { shellWords } from './shell-words.ts';

/** What people call things elsewhere. */
const otherNames: Readonly<Record<string, string>> = {
  fit: 'train',
  pretrain: 'train',
  resume: 'train --resume',
  evaluate: 'eval',
  test: 'eval',
  score: 'eval',
  features: 'embed',
  extract: 'embed',
  encode: 'embed',
  attention: 'attend',
  visualize: 'attend',
  tsne: 'map',
  umap: 'map',
  find: 'search',
  query: 'search',
  similar: 'search',
  duplicates: 'dedupe',
  convert: 'export',
  info: 'inspect',
  demo: 'quickstart',
};

/**
 * @param word what was typed
 * @param commands all commands, each as it is typed after `dino` (`train`, `eval knn`)
 * @returns one of them, with what follows it, or undefined where nothing is near
 */
export function suggestCommand(word: string, commands: readonly string[]): string | undefined {
  const wanted = word.toLowerCase();
  const other = Object.hasOwn(otherNames, wanted) ? otherNames[wanted] : undefined;
  if (other !== undefined) return other;
  const distance = (command: string): number => {
    const last = command.split(' ').at(-1) ?? command;
    const isBeginning = wanted.length >= 3 && (last.startsWith(wanted) || wanted.startsWith(last));
    return isBeginning ? 0.5 : editDistance(last, wanted);
  };
  const [nearest] = commands
    .map((command) => ({ command, away: distance(command) }))
    .sort((a, b) => a.away - b.away);
  if (nearest !== undefined && nearest.away <= Math.min(2, wanted.length / 2)) return nearest.command;
  return existsSync(word) ? `train ${shellWords([word])}` : undefined;
}

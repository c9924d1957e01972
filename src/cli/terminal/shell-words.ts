/** Words of a command line as a shell reads them back: those with spaces or signs of the shell in quotes. */
import { shellWord } from '../../data/shell-word.ts';

export function shellWords(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

/** Files that are compressed as a whole, so that no image in them can be read by itself: the command that unpacks each kind. */
import { shellWord } from './shell-word.ts';

interface Packed {
  /** How the name ends. */
  readonly ending: RegExp;
  /** What the name ends in afterwards; undefined for an archive that becomes a folder. */
  readonly becomes?: string;
  command(file: string, result: string): string;
}

const gunzip = (file: string): string => `gunzip -k ${file}`;
const bunzip2 = (file: string): string => `bunzip2 -k ${file}`;
const unxz = (file: string): string => `unxz -k ${file}`;
const unzstd = (file: string): string => `unzstd ${file}`;

const kinds: readonly Packed[] = [
  { ending: /\.(tgz|taz)$/i, becomes: '.tar', command: gunzip },
  { ending: /\.gz$/i, becomes: '', command: gunzip },
  { ending: /\.(tbz|tbz2)$/i, becomes: '.tar', command: bunzip2 },
  { ending: /\.bz2$/i, becomes: '', command: bunzip2 },
  { ending: /\.txz$/i, becomes: '.tar', command: unxz },
  { ending: /\.xz$/i, becomes: '', command: unxz },
  { ending: /\.tzst$/i, becomes: '.tar', command: unzstd },
  { ending: /\.zst$/i, becomes: '', command: unzstd },
  { ending: /\.7z$/i, command: (file, result) => `7z x ${file} -o${result}` },
  { ending: /\.rar$/i, command: (file, result) => `unrar x ${file} ${result}/` },
];

/** What to do with a packed file, as the end of a sentence; undefined for any other file. */
export function unpackingAdvice(path: string): string | undefined {
  const kind = kinds.find(({ ending }) => ending.test(path));
  if (kind === undefined) return undefined;
  const result = path.replace(kind.ending, kind.becomes ?? '');
  const given = kind.becomes === undefined ? `the folder ${result}` : result;
  return `run "${kind.command(shellWord(path), shellWord(result))}" and give ${given}`;
}

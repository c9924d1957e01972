/** The text of `--help`: how a command is called, three examples, and its flags by groups with what they take. */
import type { z } from 'zod';
import { toFlag } from '../../train/option-names.ts';
import { longChoice, placeholder, sentenceOf } from './flag-types.ts';

/** A command line that works as it stands, and what it does. */
export type Example = readonly [command: string, what: string];

export interface FlagGroup {
  readonly title: string;
  readonly fields?: Readonly<Record<string, z.ZodType>>;
  /** Flags without a value, each with its sentence. */
  readonly switches?: Readonly<Record<string, string>>;
}

export interface Help {
  /** The ways to call it. */
  readonly usage: readonly string[];
  readonly about: string;
  readonly examples: readonly Example[];
  readonly groups: readonly FlagGroup[];
  /** What is said after the sentence of a flag, such as its default. */
  readonly remark?: (name: string) => string | undefined;
}

/** Columns of the text, and of the flags in front of their sentences. */
const WIDTH = 110;
const FLAG_WIDTH = 32;

export const helpSwitch = { help: 'this text' } as const;

export function renderHelp({ usage, about, examples, groups, remark }: Help): string {
  return [
    usage.join('\n'),
    wrap(about, WIDTH).join('\n'),
    `Examples\n${examples.map(([command, what]) => `  ${command}\n      ${what}`).join('\n')}`,
    ...groups.map(({ title, fields = {}, switches = {} }) => {
      const flags = [
        ...Object.entries(fields).map(([name, type]) =>
          flagLines(`--${toFlag(name)} ${placeholder(type)}`, withRemark(fullSentence(type), remark?.(name))),
        ),
        ...Object.entries(switches).map(([name, sentence]) => flagLines(`--${toFlag(name)}`, sentence)),
      ];
      return [title, ...flags.flat()].join('\n');
    }),
  ].join('\n\n');
}

function fullSentence(type: z.ZodType): string {
  const choice = longChoice(type);
  return `${sentenceOf(type)}${choice.length > 0 ? ` (${choice.join(', ')})` : ''}`;
}

function withRemark(sentence: string, remark: string | undefined): string {
  return remark === undefined ? sentence : `${sentence} [${remark}]`;
}

/** A flag and its sentence in two columns; a long flag has a line of its own. */
function flagLines(flag: string, sentence: string): string[] {
  const [first = '', ...more] = wrap(sentence, WIDTH - FLAG_WIDTH - 2);
  const indent = ' '.repeat(FLAG_WIDTH + 2);
  const rest = more.map((line) => indent + line);
  return flag.length + 2 > FLAG_WIDTH
    ? [`  ${flag}`, indent + first, ...rest]
    : [`  ${flag.padEnd(FLAG_WIDTH)}${first}`, ...rest];
}

/** Lines of at most `width` characters, broken between words. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

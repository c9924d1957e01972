/** The text of `--help`: how a command is called, three examples, and its flags by groups with what they take. */
import type { z } from 'zod';
import type { Fields } from '../../method/definition.ts';
import { toFlag } from '../../train/option-names.ts';
import { longChoice, placeholder, sentenceOf } from './flag-types.ts';
import { textWidth, wrap, wrapBehind } from './wrap.ts';

/** A command line that works as it stands, and what it does. */
export type Example = readonly [command: string, what: string];

export interface FlagGroup {
  readonly title: string;
  readonly fields?: Fields;
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

/** Columns of the flags in front of their sentences. */
const FLAG_WIDTH = 32;

export const helpSwitch = { help: 'this text' } as const;

/** @param width of the lines; commands to copy stay whole */
export function renderHelp(
  { usage, about, examples, groups, remark }: Help,
  width = textWidth(process.stdout),
): string {
  return [
    usage.flatMap((call) => wrapUsage(call, width)).join('\n'),
    wrap(about, width).join('\n'),
    `Examples\n${examples.map(([command, what]) => `  ${command}\n      ${what}`).join('\n')}`,
    ...groups.map(({ title, fields = {}, switches = {} }) => {
      const flags = [
        ...Object.entries(fields).map(([name, type]) =>
          flagLines(
            `--${toFlag(name)} ${placeholder(type)}`,
            withRemark(fullSentence(type), remark?.(name)),
            width,
          ),
        ),
        ...Object.entries(switches).map(([name, sentence]) =>
          flagLines(`--${toFlag(name)}`, sentence, width),
        ),
      ];
      return [title, ...flags.flat()].join('\n');
    }),
  ].join('\n\n');
}

function fullSentence(type: z.ZodType): string {
  const [sentence, choice] = [sentenceOf(type), longChoice(type)];
  const isSaid = choice.every((word) => sentence.includes(word));
  return isSaid ? sentence : `${sentence} (${choice.join(', ')})`;
}

function withRemark(sentence: string, remark: string | undefined): string {
  return remark === undefined ? sentence : `${sentence} [${remark}]`;
}

/** A flag and its sentence in two columns; a long flag has a line of its own. */
function flagLines(flag: string, sentence: string, width: number): string[] {
  if (flag.length + 2 <= FLAG_WIDTH) return wrapBehind(`  ${flag.padEnd(FLAG_WIDTH)}`, sentence, width);
  return [`  ${flag}`, ...wrapBehind(' '.repeat(FLAG_WIDTH + 2), sentence, width)];
}

/** Commands and what each does, in two columns. */
export function commandLines(
  commands: readonly (readonly [command: string, what: string])[],
  width = textWidth(process.stdout),
): string {
  const left = Math.max(...commands.map(([command]) => command.length));
  return commands
    .flatMap(([command, what]) => wrapBehind(`  ${command.padEnd(left)}  `, what, width))
    .join('\n');
}

/** The ways to call a command; what does not fit into a line goes on below its words. */
function wrapUsage(call: string, width: number): string[] {
  return wrap(call, width - 4).map((line, i) => (i === 0 ? line : `    ${line}`));
}

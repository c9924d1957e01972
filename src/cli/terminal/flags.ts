/**
 * Command-line flags, read against a schema: `--local_crops_number 8`, `--local-crops-number=8`. Every flag takes a value
 * (as facebookresearch/dino's do, `--norm_last_layer true`), lists take several; switches are named by the command.
 */
import { z } from 'zod';
import type { Fields } from '../../method/definition.ts';
import { fromFlag, toFlag } from '../../train/option-names.ts';
import { explainIssue } from '../../train/option-problems.ts';
import { brokenPath } from './broken-path.ts';
import { isList, unwrap } from './flag-types.ts';
import { nearestName } from './nearest-name.ts';
import { settled } from './settled.ts';

export class UsageError extends Error {
  override name = 'UsageError';
}

export interface FlagSpec {
  /** Fields with values, in camel case. */
  readonly fields: Fields;
  /** Words that are no flags, at most; any number unless given. */
  readonly words?: number;
  /** Flags without a value. */
  readonly switches?: readonly string[];
  /** Official names of fields that have another one here. */
  readonly aliases?: Readonly<Record<string, string>> | undefined;
  /** Official flags that are understood and do nothing here, with the reason. */
  readonly ignored?: Readonly<Record<string, string>>;
}

export interface ParsedFlags {
  readonly positionals: readonly string[];
  /** Checked values by field name. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly switches: ReadonlySet<string>;
  /** One sentence for each flag that was ignored. */
  readonly notes: readonly string[];
}

/** Where results go has two names in the programs people know; both are understood wherever there is one of them. */
const twins: Readonly<Record<string, string>> = { output: 'outputDir', outputDir: 'output' };

/** @throws UsageError naming the flag, and the nearest valid one if it is unknown; a flag that is given twice, or a word too many */
export function parseFlags(
  args: readonly string[],
  { fields, words = Number.POSITIVE_INFINITY, switches = [], aliases = {}, ignored = {} }: FlagSpec,
): ParsedFlags {
  const positionals: string[] = [];
  const raw = new Map<string, string[]>();
  const on = new Set<string>();
  const notes: string[] = [];
  const known = [...Object.keys(fields), ...switches];
  const broken = brokenPath(args);
  if (broken !== undefined)
    throw new UsageError(
      `The path has spaces, so a shell takes it for several words: write "${broken}" in quotes.`,
    );
  const nameOf = (given: string): string => {
    if (Object.hasOwn(aliases, given)) return aliases[given] ?? given;
    const twin = twins[given];
    return twin !== undefined && !Object.hasOwn(fields, given) && Object.hasOwn(fields, twin) ? twin : given;
  };
  for (let i = 0; i < args.length; i++) {
    const token = args[i] ?? '';
    if (token === '')
      throw new UsageError('An empty word stands where a path belongs: is a variable of the shell not set?');
    if (isValue(token)) {
      positionals.push(token);
      continue;
    }
    const [flag = '', inline] = splitOnce(token.replace(/^-+/, ''), '=');
    const name = token === '-h' ? 'help' : nameOf(fromFlag(flag));
    if (switches.includes(name)) {
      if (inline !== undefined)
        throw new UsageError(`--${flag} is a switch and takes no value: leave "=${inline}" out.`);
      on.add(name);
      continue;
    }
    if (!token.startsWith('--')) throw new UsageError(unknownFlag(token, flag, known));
    const type = fields[name];
    const parts = (text: string): string[] => (isList(type) ? text.split(/[ ,]+/) : [text]);
    const values = inline === undefined ? [] : parts(inline);
    while (
      inline === undefined &&
      isValue(args[i + 1]) &&
      (values.length === 0 || wantsMore(type, values, args[i + 1]))
    )
      values.push(...parts(args[++i] ?? ''));
    if (Object.hasOwn(ignored, name)) {
      notes.push(`--${flag} has no effect here: ${ignored[name]}.`);
      continue;
    }
    if (!Object.hasOwn(fields, name)) throw new UsageError(unknownFlag(`--${flag}`, flag, known));
    if (values.length === 0) throw new UsageError(`--${toFlag(name)} needs a value${choicesOf(type)}.`);
    const earlier = raw.get(name);
    if (earlier !== undefined)
      throw new UsageError(
        `--${toFlag(name)} is given twice: ${earlier.join(' ')} and ${values.join(' ')}. Give it once${isList(type) ? ', with all its values' : ''}.`,
      );
    raw.set(name, values);
  }
  const surplus = positionals[words];
  if (surplus !== undefined)
    throw new UsageError(
      `"${surplus}" is one word too many: leave it out, or put quotes around a path with spaces (a pattern with * becomes several words).`,
    );
  const values: Record<string, unknown> = {};
  for (const [name, texts] of raw) values[name] = convert(name, texts, fields[name]);
  return { positionals, values, switches: on, notes };
}

/** A negative number or a lone dash is a value, another word with a dash is a flag. */
function isValue(token: string | undefined): boolean {
  return token !== undefined && !/^-+[^\d.-]/.test(token) && token !== '--';
}

/** A list goes on as long as numbers, or words that it knows, follow; a pair to its second one. */
function wantsMore(type: z.ZodType | undefined, values: readonly string[], next = ''): boolean {
  const inner = unwrap(type);
  if (inner instanceof z.ZodTuple) return values.length < inner.def.items.length;
  if (!(inner instanceof z.ZodArray)) return false;
  const element = unwrap(inner.element as z.ZodType);
  if (element instanceof z.ZodEnum) return element.options.includes(next);
  return next !== '' && Number.isFinite(Number(next));
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function convert(name: string, texts: readonly string[], type: z.ZodType | undefined): unknown {
  const value = isList(type) ? texts.map(scalarOf) : readValue(texts[0] ?? '', type);
  const result = z.object({ [name]: type ?? z.unknown() }).safeParse({ [name]: value });
  if (!result.success) throw new UsageError(`${explainIssue(result.error, () => texts.join(' '))}.`);
  return result.data[name];
}

/** Names stay texts even if they look like numbers; booleans take the official words. */
function readValue(text: string, type: z.ZodType | undefined): string | number | boolean {
  const inner = unwrap(type);
  if (inner instanceof z.ZodString || inner instanceof z.ZodEnum) return text;
  if (inner instanceof z.ZodBoolean) {
    if (/^(1|on|yes)$/i.test(text)) return true;
    if (/^(0|off|no)$/i.test(text)) return false;
  }
  return scalarOf(text);
}

function scalarOf(text: string): string | number | boolean {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** ": knn or linear", where there are words to choose from. */
function choicesOf(type: z.ZodType | undefined): string {
  const inner = unwrap(type);
  return inner instanceof z.ZodEnum ? `: ${inner.options.join(' or ')}` : '';
}

function unknownFlag(token: string, flag: string, known: readonly string[]): string {
  const wanted = fromFlag(flag);
  const fact = settled(wanted, known);
  if (fact !== undefined) return `There is no flag ${token}: ${fact}`;
  const nearest = nearestName(wanted, known);
  return `There is no flag ${token}.${nearest === undefined ? ' --help lists all flags.' : ` Did you mean --${toFlag(nearest)}?`}`;
}

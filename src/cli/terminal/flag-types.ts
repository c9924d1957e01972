/** What the schema of a flag says about its values. */
import { z } from 'zod';

/** The type inside one that may be left out. */
export function unwrap(type: z.ZodType | undefined): unknown {
  return type instanceof z.ZodOptional ? unwrap(type.unwrap() as z.ZodType) : type;
}

/** Whether a flag takes several values. */
export function isList(type: z.ZodType | undefined): boolean {
  const inner = unwrap(type);
  return inner instanceof z.ZodTuple || inner instanceof z.ZodArray;
}

/** Longer choices stand in the sentence of the flag. */
const LONGEST_CHOICE = 30;

/** What stands for the value of a flag in a help: `<int>`, `<number> <number>`, `<last|best>`. */
export function placeholder(type: z.ZodType): string {
  const inner = unwrap(type);
  if (inner instanceof z.ZodTuple)
    return inner.def.items.map((item) => placeholder(item as z.ZodType)).join(' ');
  if (inner instanceof z.ZodArray) return `${placeholder(inner.element as z.ZodType)} ...`;
  return `<${kindOf(inner)}>`;
}

/** The words that can be chosen from, where they are too many for the placeholder. */
export function longChoice(type: z.ZodType): readonly string[] {
  const inner = unwrap(type);
  const options = inner instanceof z.ZodEnum ? inner.options.map(String) : [];
  return options.join('|').length > LONGEST_CHOICE ? options : [];
}

/** A text is a path, unless the metadata of its schema has another word for it as `value`. */
function kindOf(inner: unknown): string {
  if (inner instanceof z.ZodNumber) return inner.isInt ? 'int' : 'number';
  if (inner instanceof z.ZodBoolean) return 'true|false';
  if (inner instanceof z.ZodLiteral) return [...inner.values].join('|');
  if (inner instanceof z.ZodUnion)
    return inner.options.map((option) => kindOf(unwrap(option as z.ZodType))).join('|');
  if (inner instanceof z.ZodEnum) return longChoice(inner).length > 0 ? 'name' : inner.options.join('|');
  const { value } = (inner instanceof z.ZodType ? inner.meta() : undefined) ?? {};
  return typeof value === 'string' ? value : 'path';
}

/** The sentence of a flag. A type that may be left out keeps it inside. */
export function sentenceOf(type: z.ZodType): string {
  const inner = unwrap(type);
  return type.description ?? (inner instanceof z.ZodType ? inner.description : undefined) ?? '';
}

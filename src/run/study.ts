/**
 * A study: several runs that differ in one thing, set beside each other. Each is an ordinary run in a folder of its own, so that a
 * study that was stopped goes on where it was: runs that are done are kept, one that was interrupted is resumed.
 */
import { capitalized } from '../eval/statement.ts';
import { frozenOptions, type Variant } from '../method/definition.ts';
import { OptionError } from '../method/option-error.ts';
import { DEFAULT_METHOD, methodNamed } from '../method/registry.ts';
import { backboneOptions, evalSizeOf, type TrainOptions } from '../train/config.ts';
import {
  checkArchitecture,
  checkMethod,
  isForeignToMethod,
  ownersOf,
  withoutForeign,
} from '../train/contradictions.ts';
import { toFlag } from '../train/option-names.ts';
import { withoutGiven } from '../train/option-spans.ts';
import { chooseRecipe, optionText } from '../train/recipe.ts';
import type { RunFacts } from '../train/recipe-parts.ts';
import { givenOptions, type RunRecord } from './run-record.ts';

/** What is set beside the others: a method, or a variant of one. */
export interface StudyEntry {
  /** In tables, and of the run folder. */
  readonly name: string;
  /** What it is, in a sentence. */
  readonly about: string;
  readonly options: TrainOptions;
  /** Its name in the figure of collapses, where it has a line there. */
  readonly collapse?: string;
}

/** One training of a study. */
export interface StudyRun {
  readonly entry: StudyEntry;
  /** Of the run folder, and on the page. */
  readonly name: string;
  readonly options: TrainOptions;
}

/** What was not trained, and why. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

/** What the entries of a study are made from. */
export interface StudyBase {
  /** Options that all runs share, as they were given. */
  readonly options: TrainOptions;
  readonly facts: RunFacts;
}

/** A run for every entry and seed. */
export function studyRuns(entries: readonly StudyEntry[], seeds: readonly number[] | undefined): StudyRun[] {
  return entries.flatMap((entry): StudyRun[] => {
    const { name, options } = entry;
    if (seeds === undefined) return [{ entry, name, options }];
    return seeds.map((seed) => ({ entry, name: `${name}-seed-${seed}`, options: { ...options, seed } }));
  });
}

/**
 * Each method with the same backbone: the one that the recipe takes for the first of them. An option that says nothing to a method
 * is not given to it.
 *
 * @throws OptionError if an option says nothing to any of them, or to the backbone; UnknownMethodError
 */
export function methodEntries(methods: readonly string[], { options, facts }: StudyBase): StudyEntry[] {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || !methods.every((method) => isForeignToMethod(name, method))) continue;
    const owners = ownersOf(name);
    const wayOut = owners.length === 0 ? '' : `, or add ${owners.join(' or ')} to --methods`;
    throw new OptionError(
      `--${toFlag(name)} ${optionText(value)} has no meaning for ${methods.join(' or ')}: leave it out${wayOut}.`,
    );
  }
  const of = (method: string, given: TrainOptions): TrainOptions => {
    const own = Object.entries(given).filter(([name]) => !isForeignToMethod(name, method));
    return { ...Object.fromEntries(own), method };
  };
  const [first = DEFAULT_METHOD] = methods;
  const asked = of(first, options);
  const { config } = chooseRecipe(withFrozen(asked), facts);
  checkArchitecture(options, config);
  const shape = Object.fromEntries(Object.entries(config).filter(([name]) => backboneOptions.includes(name)));
  const network = {
    ...withoutForeign(shape, config),
    channels: config.channels,
    evalSize: evalSizeOf(config),
  };
  return methods.map((name) => {
    const { label, paper, about } = methodNamed(name);
    return {
      name,
      about: `${capitalized(label)} (${paper}): ${about}.`,
      options: of(name, { ...options, ...network }),
    };
  });
}

/** A recipe needs to know of a frozen network no more than that there is one. */
function withFrozen(options: TrainOptions): TrainOptions {
  const { frozen } = methodNamed(options.method ?? DEFAULT_METHOD);
  return frozen === undefined
    ? options
    : { [frozen]: '', ...options, ...frozenOptions(frozen, { network: {}, fingerprint: '' }) };
}

/** The method as it is, in tables and of its run folder. */
export const BASE = 'base';

/**
 * A method as its recipe trains it, and variants of it. A variant that says what the base does already is the base.
 *
 * @param names of the variants; all of them unless given
 * @throws OptionError if there is no such variant, or an option says nothing to the method
 */
export function variantEntries(
  names: readonly string[] | undefined,
  { options, facts }: StudyBase,
): { readonly entries: readonly StudyEntry[]; readonly leftOut: readonly LeftOut[] } {
  const method = options.method ?? DEFAULT_METHOD;
  const { label, variants = [] } = methodNamed(method);
  checkMethod(options);
  if (variants.length === 0)
    throw new OptionError(`--method ${method} has no components to leave out: choose another method.`);
  const unknown = names?.find((name) => name !== BASE && variants.every((variant) => variant.name !== name));
  if (unknown !== undefined)
    throw new OptionError(
      `There is no component "${unknown}" of ${method}: choose from ${variants.map(({ name }) => name).join(', ')}.`,
    );
  const { config } = chooseRecipe(withFrozen(options), facts);
  const isBase = (variant: Variant): boolean =>
    Object.entries(variant.options).every(([name, value]) => isSame(config[name], value));
  const asked = variants.filter(({ name }) => names?.includes(name) ?? true);
  const same = asked.filter(isBase);
  const base: StudyEntry = {
    name: BASE,
    about: `${capitalized(label)} as the recipe trains it.`,
    options,
    ...collapseOf(variants.find((variant) => variant.collapse !== undefined && isBase(variant))),
  };
  return {
    entries: [
      base,
      ...asked
        .filter((variant) => !isBase(variant))
        .map((variant) => ({
          name: variant.name,
          about: `${variant.title} (${variant.source}).`,
          options: { ...withoutGiven(options, variant.options), ...variant.options },
          ...collapseOf(variant),
        })),
    ],
    leftOut: same.map(({ name, title: what }) => ({
      name,
      reason: `The base has this already (${what}).`,
    })),
  };
}

function collapseOf(variant: Variant | undefined): Pick<StudyEntry, 'collapse'> {
  return variant?.collapse === undefined ? {} : { collapse: variant.collapse };
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** What is measured or asked of the machine, and what is there in every run. */
const NOT_ASKED = [
  ...['microBatch', 'recipe', 'threads', 'numWorkers'],
  ...['device', 'pjrtPlugin', 'devices', 'compileCache'],
];

/**
 * @param options of the run that the study wants
 * @param folder where the run is, for the error
 * @throws OptionError if a run that is there was trained with other options
 */
export function checkSameOptions(record: RunRecord, options: TrainOptions, folder: string): void {
  const { config } = record;
  const before = givenOptions(record).map(([name]) => name);
  const now = Object.keys(options).filter((name) => options[name] !== undefined);
  const other = [...new Set([...now, ...before])].find(
    (name) => !NOT_ASKED.includes(name) && !isSame(config[name], options[name]),
  );
  if (other === undefined) return;
  const said = (value: unknown): string =>
    value === undefined ? `without --${toFlag(other)}` : `with --${toFlag(other)} ${optionText(value)}`;
  throw new OptionError(
    `${folder} holds a run that was trained ${said(config[other])}, and now one ${said(options[other])} is asked for: choose another --output_dir, or give what was given then.`,
  );
}

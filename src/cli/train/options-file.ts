/**
 * `--config`: options from a YAML or JSON file. It is the `config.json` of a run (which holds all options of that run as
 * its `config`), that part of it alone, or a few options by their names, spelled as there or as on the command line.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import type { Fields } from '../../method/definition.ts';
import { parseRecord } from '../../run/run-record.ts';
import { architectures } from '../../train/architectures.ts';
import { withoutForeign } from '../../train/contradictions.ts';
import { fromFlag, toFlag } from '../../train/option-names.ts';
import { explainIssue } from '../../train/option-problems.ts';
import { withoutGiven } from '../../train/option-spans.ts';
import { isList, unwrap } from '../terminal/flag-types.ts';
import { UsageError } from '../terminal/flags.ts';
import { nearestName } from '../terminal/nearest-name.ts';
import { settled } from '../terminal/settled.ts';
import { knownMethod } from './known-method.ts';
import { ignoredTrainFlags } from './train-flags.ts';

type Values = Readonly<Record<string, unknown>>;

/**
 * The options of a file, overridden by those of the command line: an option that is given in both, or that says the same
 * thing in other words (`minutes` and `steps`), is taken from there.
 *
 * @param file a file, or a run folder
 * @param given values of flags
 * @param fields every option that may be in the file
 * @throws UsageError naming the file and the option that does not fit
 */
export function withOptionsFile(file: string, given: Values, fields: Fields): Record<string, unknown> {
  const path =
    statSync(file, { throwIfNoEntry: false })?.isDirectory() === true ? join(file, 'config.json') : file;
  const { options, isWhole } = readOptions(path, fields);
  const kept = withoutGiven(options, given);
  // Several runs have several seeds: one of them says nothing beside the others.
  if (given.seeds !== undefined) delete kept.seed;
  if (given.seed !== undefined) delete kept.seeds;
  const arch = architectures.find((each) => each === (given.arch ?? kept.arch));
  const method = knownMethod(given.method ?? kept.method, path);
  // A whole config also holds what its network has no use for, and another network or method makes more of it useless.
  const changes = given.arch !== undefined || given.method !== undefined;
  const fitting = arch !== undefined && (isWhole || changes) ? withoutForeign(kept, { arch, method }) : kept;
  // The best micro-batch was measured for the batch and network of the file.
  if (isWhole && (given.arch !== undefined || given.batchSizePerGpu !== undefined)) delete fitting.microBatch;
  return { ...fitting, ...given };
}

function readOptions(path: string, fields: Fields): { options: Record<string, unknown>; isWhole: boolean } {
  const value = parseFile(path);
  if (isMapping(value) && 'format' in value) {
    // A run also knows what its teacher turned out to be, which is found again.
    const { config } = parseRecord(JSON.stringify(value), path);
    const options = Object.entries(config).filter(([name]) => Object.hasOwn(fields, name));
    return { options: Object.fromEntries(options), isWhole: true };
  }
  const inner = isMapping(value) && isMapping(value.config) ? value.config : value;
  if (!isMapping(inner))
    throw new UsageError(`${path} holds no options: write a line for each, such as "minutes: 30".`);
  const entries = Object.entries(inner).map(([key, given]) => checkedOption(path, key, given, fields));
  return { options: Object.fromEntries(entries), isWhole: inner !== value };
}

/** YAML, of which JSON is a part. */
function parseFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      isMissing
        ? `There is nothing at ${path}: give a YAML or JSON file of options.`
        : `${path} cannot be read (${reason}): give a YAML or JSON file of options.`,
    );
  }
  try {
    return parse(text);
  } catch (error) {
    const [at] = error instanceof YAMLParseError ? (error.linePos ?? []) : [];
    const place =
      at === undefined ? '' : `something is wrong at or before line ${at.line}, column ${at.col}; `;
    throw new UsageError(
      `${path} is neither YAML nor JSON: ${place}write a line for each option, such as "minutes: 30".`,
    );
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns the option's name and value */
function checkedOption(path: string, key: string, given: unknown, fields: Fields): [string, unknown] {
  const name = fromFlag(key);
  const type = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (type === undefined) {
    const needless = Object.entries(ignoredTrainFlags).find(([each]) => each === name)?.[1];
    const fact =
      needless === undefined ? settled(name, Object.keys(fields)) : `${needless}, so leave it out.`;
    if (fact !== undefined) throw new UsageError(`${path}: there is no option "${key}": ${fact}`);
    const nearest = nearestName(name, Object.keys(fields));
    throw new UsageError(
      `${path}: there is no option "${key}".${nearest === undefined ? ' dino train --help lists all.' : ` Did you mean ${/[A-Z]/.test(key) ? nearest : toFlag(nearest)}?`}`,
    );
  }
  // One value does for a list of one, as on the command line.
  const value =
    isList(type) && !(unwrap(type) instanceof z.ZodTuple) && !Array.isArray(given) ? [given] : given;
  const result = z.object({ [name]: type }).safeParse({ [name]: value });
  if (result.success) return [name, result.data[name]];
  throw new UsageError(`${path}: ${explainIssue(result.error, () => JSON.stringify(given)).slice(2)}.`);
}

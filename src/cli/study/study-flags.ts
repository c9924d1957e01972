/** What `dino compare` and `dino ablate` have in common on the command line: the images, a budget, seeds, and options of `dino train`. */
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import type { Fields } from '../../method/definition.ts';
import { count } from '../../method/fields.ts';
import { optionFields, parseOptions, type TrainOptions } from '../../train/config.ts';
import { checkOptions } from '../../train/contradictions.ts';
import { lengths } from '../../train/option-spans.ts';
import type { Place } from '../place.ts';
import { parseFlags, UsageError } from '../terminal/flags.ts';
import { type FlagGroup, helpSwitch } from '../terminal/help.ts';
import { trainFields } from '../train/train-flags.ts';
import { type MeasureName, measureNames } from './evaluate-run.ts';

/** What both take besides the options of a training. */
const studyFields = {
  seeds: trainFields.seeds.describe('each of them with these seeds, and deviations in the table'),
  imagesSeen: count('budget of each run in images, counted with repetitions; rounded up to whole steps'),
  test: z
    .string()
    .describe(
      'images with the same class folders for the evaluations at the end; without it images of the source are held back from each other',
    ),
  measures: z
    .array(z.enum(measureNames))
    .min(1)
    .describe(
      'what is measured of each run at its end; all of these unless given, which takes longest for linear',
    ),
  outputDir: z
    .string()
    .describe(
      'the folder of the run folders and the page; a folder in runs/ named by the images unless given',
    ),
};

const budget = Object.fromEntries(
  Object.entries(optionFields()).filter(([name]) => lengths.some((length) => length === name)),
);

const switches = { json: 'one JSON object on standard output' } as const;

/** What was asked for, besides what is compared. */
export interface StudyRequest {
  readonly path: string;
  /** For all runs. */
  readonly options: TrainOptions;
  readonly seeds: readonly number[] | undefined;
  readonly imagesSeen: number | undefined;
  readonly test: string | undefined;
  readonly measures: readonly MeasureName[];
  readonly output: string;
  readonly json: boolean;
}

/** The groups of the help. @param own what the command takes of its own */
export function studyHelpGroups(title: string, own: Fields): FlagGroup[] {
  const { minutes, steps, epochs } = budget;
  return [
    { title, fields: own },
    {
      title: 'Budget of each run',
      fields: {
        ...(minutes === undefined ? {} : { minutes }),
        imagesSeen: studyFields.imagesSeen,
        ...(steps === undefined ? {} : { steps }),
        ...(epochs === undefined ? {} : { epochs }),
        seeds: studyFields.seeds,
      },
    },
    {
      title: 'Results',
      fields: { test: studyFields.test, measures: studyFields.measures, outputDir: studyFields.outputDir },
      switches: { ...switches, ...helpSwitch },
    },
  ];
}

/**
 * @param command compare
 * @param own flags of the command; an option of a training by the same name is not taken
 * @param surplus what to say of a second word
 * @returns undefined if the help is asked for
 */
export function parseStudy<Own extends Fields>(
  args: readonly string[],
  { command, own, surplus }: { readonly command: string; readonly own: Own; surplus(word: string): string },
  { results }: Place,
): (StudyRequest & { readonly own: Readonly<Record<string, unknown>> }) | undefined {
  const fields = { ...optionFields(), ...studyFields, ...own };
  const {
    positionals,
    values,
    switches: on,
  } = parseFlags(args, {
    fields,
    words: Number.POSITIVE_INFINITY,
    switches: [...Object.keys(switches), 'help'],
  });
  if (on.has('help')) return undefined;
  const [path, second] = positionals;
  if (second !== undefined) throw new UsageError(surplus(second));
  if (path === undefined)
    throw new UsageError(`Which images? Give a folder or a tar: dino ${command} <source>.`);
  const isOwn = (name: string): boolean => Object.hasOwn(own, name) || Object.hasOwn(studyFields, name);
  const {
    seeds,
    imagesSeen,
    test,
    measures = measureNames,
    outputDir,
  } = z.object(studyFields).partial().parse(values);
  const options = parseOptions(Object.fromEntries(Object.entries(values).filter(([name]) => !isOwn(name))));
  checkOptions(options);
  const other = lengths.find((name) => options[name] !== undefined);
  if (imagesSeen !== undefined && other !== undefined)
    throw new UsageError(`--images_seen and --${other} contradict each other: give one of them.`);
  if (seeds !== undefined && options.seed !== undefined)
    throw new UsageError(`--seed ${options.seed} and --seeds contradict each other: give one of them.`);
  const name = basename(resolve(path)).replaceAll(/[^\p{L}\p{N}]+/gu, '-');
  return {
    path,
    options,
    seeds,
    imagesSeen,
    test,
    measures,
    output: outputDir ?? join(results, 'runs', `${command}-${name}`),
    json: on.has('json'),
    own: Object.fromEntries(Object.entries(values).filter(([key]) => Object.hasOwn(own, key))),
  };
}

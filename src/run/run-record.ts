/**
 * What `config.json` of a run folder holds: enough to repeat a run, to go on with it, and to notice that the images have
 * changed in between.
 */
import { z } from 'zod';
import type { Source } from '../data/source.ts';
import { UnknownMethodError } from '../method/registry.ts';
import { counted } from '../numbers/counted.ts';
import { optionFields, parseConfig, type TrainConfig } from '../train/config.ts';
import { withoutForeign } from '../train/contradictions.ts';
import { explainIssue } from '../train/option-problems.ts';
import type { Choice } from '../train/recipe.ts';
import { fingerprint } from './fingerprint.ts';
import type { RunFolder } from './run-folder-node.ts';

const FORMAT = 'dino-ts run 1';

const scenesSchema = z.object({ count: z.number(), seed: z.number(), size: z.number() });

const recordSchema = z.object({
  format: z.literal(FORMAT),
  source: z.object({
    /** As it was given. */
    path: z.string(),
    /** Where that path starts from: the working directory of the command. */
    directory: z.string().optional(),
    images: z.number(),
    classes: z.array(z.string()),
    /** See `fingerprint`. */
    fingerprint: z.string(),
    /** Generated scenes are made again, there is nothing to open. */
    scenes: scenesSchema.optional(),
  }),
  /** See `parseConfig`. */
  config: z.record(z.string(), z.unknown()),
  choices: z.array(z.object({ name: z.string(), value: z.string(), reason: z.string() })),
  /** Of the schedule, see `train/plan.ts`. */
  steps: z.number().int().min(1),
  stepsPerEpoch: z.number().int().min(1),
  /** How a budget in minutes was kept. */
  paces: z.array(z.object({ step: z.number(), position: z.number(), steps: z.number() })).default([]),
  /** What the run began with, if not with nothing. */
  init: z.object({ path: z.string(), fromStep: z.number(), taken: z.string() }).optional(),
  command: z.string(),
  /** Commands that gave the run another length. */
  resumed: z.array(z.string()).default([]),
  created: z.string(),
});
export interface RunRecord extends Omit<z.infer<typeof recordSchema>, 'config'> {
  readonly config: TrainConfig;
}

/** Steps of the whole run, after all changes of pace. */
export function stepsOf({ steps, paces }: Pick<RunRecord, 'steps' | 'paces'>): number {
  return paces.at(-1)?.steps ?? steps;
}

/** What the recipe did not choose: options that were given, measured, or came with a network, and their values. */
export function givenOptions({
  config,
  choices,
}: Pick<RunRecord, 'config' | 'choices'>): [name: string, value: unknown][] {
  const known = optionFields();
  const chosen = new Set(choices.map(({ name }) => name));
  return Object.entries(withoutForeign(config, config)).filter(
    ([name, value]) => value !== undefined && Object.hasOwn(known, name) && !chosen.has(name),
  );
}

export interface RecordFacts {
  readonly source: Source;
  /** Where a relative path of the source starts from. */
  readonly directory?: string | undefined;
  readonly config: TrainConfig;
  readonly choices: readonly Choice[];
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly init?: { readonly path: string; readonly fromStep: number; readonly taken: string };
  readonly command: string;
}

export function makeRecord({ source, directory, choices, ...rest }: RecordFacts): RunRecord {
  const { spec } = source;
  return {
    format: FORMAT,
    source: {
      path: source.name,
      ...(directory === undefined ? {} : { directory }),
      images: source.length,
      classes: [...source.classes],
      fingerprint: fingerprint(source),
      ...(spec?.kind === 'scenes' ? { scenes: { count: spec.count, seed: spec.seed, size: spec.size } } : {}),
    },
    ...rest,
    choices: [...choices],
    paces: [],
    resumed: [],
    created: new Date().toISOString(),
  };
}

/** Reads a run's record. @throws Error if the file is damaged or of another version */
export function readRecord(folder: RunFolder): RunRecord {
  return parseRecord(folder.readText('config.json'), folder.file('config.json'));
}

export function writeRecord(folder: RunFolder, record: RunRecord): void {
  folder.writeTextAtomic('config.json', `${JSON.stringify(record, null, 2)}\n`);
}

/** @param file where the text stands, for errors @throws Error if it is no record of a run of this version */
export function parseRecord(text: string, file: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${file} is not valid JSON: restore it, or start a new run.`);
  }
  const result = recordSchema.safeParse(value);
  if (result.success) return { ...result.data, config: storedConfig(result.data.config, file) };
  if (typeof value !== 'object' || value === null || !('format' in value) || value.format !== FORMAT)
    throw new Error(
      `${file} is not a run record of this version: give a run folder of this version, a Hugging Face folder with its model.safetensors, or a file of weights.`,
    );
  throw damaged(result.error, file);
}

function storedConfig(values: Readonly<Record<string, unknown>>, file: string): TrainConfig {
  try {
    return parseConfig(values);
  } catch (error) {
    if (error instanceof z.ZodError) throw damaged(error, file);
    if (error instanceof UnknownMethodError)
      throw new Error(
        `${file} is of a run of --method ${String(values.method)}, which this version does not know: use the version that made it, or start a new run.`,
      );
    throw error;
  }
}

function damaged(error: z.ZodError, file: string): Error {
  return new Error(
    `${file} is damaged (${explainIssue(error, () => undefined).slice(2)}): restore it, or start a new run.`,
  );
}

/** @throws Error if these are not the images the run was started with, as far as their number and names tell */
export function checkSameImages({ source: recorded }: RunRecord, source: Source): void {
  if (source.length !== recorded.images) {
    throw new Error(
      `${source.name} has ${counted(source.length, 'image')}, the run was started with ${recorded.images} (${recorded.path}): resume with the same data.`,
    );
  }
  if (fingerprint(source) !== recorded.fingerprint) {
    throw new Error(
      `${source.name} has as many images as the run was started with (${recorded.path}), but other ones: resume with the same data.`,
    );
  }
}

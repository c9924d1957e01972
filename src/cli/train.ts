/** `dino train`: parses, prepares, runs. */
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import type { Source } from '../data/source.ts';
import { ortNode } from '../engine/ort-node.ts';
import { levelsOf, toFlag, trainOptionsSchema } from '../train/config.ts';
import { checkOptions } from '../train/contradictions.ts';
import { examinePlan } from '../train/doctor.ts';
import { openInitial } from '../train/open-initial.ts';
import { type Prepared, prepare } from '../train/prepare.ts';
import { RunFolder } from '../train/run-folder-node.ts';
import { openRecorded, readRecord } from '../train/run-record.ts';
import { newSession, resumeSession } from '../train/session.ts';
import { describeFields, parseFlags, UsageError } from './flags.ts';
import { localWeights } from './local-weights.ts';
import { openImages } from './open-images.ts';
import { duration } from './progress.ts';
import { shellWords } from './shell-words.ts';
import { type Outcome, showSession } from './show-session.ts';
import { writeRunReport } from './write-report.ts';

const ownFields = {
  dataPath: z.string().describe('the images, if they are not given as the first word'),
  outputDir: z.string().describe('the run folder to make; runs/<time> unless given'),
  init: z
    .string()
    .describe(
      'begin with these weights: a run folder, an official checkpoint.pth, or a backbone in any layout',
    ),
  resume: z.string().describe('a run folder: go on with it where it was stopped'),
};

const ignored = {
  useFp16: 'the CPU engine computes in float32',
  distUrl: 'one process trains here',
  localRank: 'one process trains here',
  saveckpFreq: 'checkpoints are counted in steps: --save_every',
};

export const trainHelp = [
  'dino train <source> [flags]     train on a folder of images, a tar of one, CIFAR-10 binary or IDX files',
  'dino train --resume <run>       go on with a run',
  '',
  '  --dry_run                     show recipe, size, memory, measured step time and time needed; train nothing',
  '  --json                        print events as JSON lines on standard output',
  '',
  ...describeFields({ ...ownFields, ...trainOptionsSchema.shape }),
].join('\n');

const exitCodes: Readonly<Record<Outcome, number>> = { finished: 0, failed: 3, stopped: 130 };

/** @returns the exit code */
export async function train(args: readonly string[]): Promise<number> {
  const fields = { ...ownFields, ...trainOptionsSchema.shape };
  const { positionals, values, switches, notes } = parseFlags(args, {
    fields,
    words: 1,
    switches: ['dryRun', 'json', 'help'],
    ignored,
  });
  if (switches.has('help')) {
    console.log(trainHelp);
    return 0;
  }
  for (const note of notes) console.error(note);
  const { dataPath, outputDir, resume, init, ...options } = values;
  const json = switches.has('json');
  const dryRun = switches.has('dryRun');
  const [word] = positionals;
  if (word !== undefined && typeof dataPath === 'string')
    throw new UsageError(`"${word}" and --data_path ${dataPath} name two sources: give one of them.`);
  const path = word ?? (typeof dataPath === 'string' ? dataPath : undefined);
  if (typeof resume === 'string') {
    const other = Object.keys({
      ...options,
      ...(outputDir === undefined ? {} : { outputDir }),
      ...(init === undefined ? {} : { init }),
      ...(dryRun ? { dryRun } : {}),
    })[0];
    if (other !== undefined) {
      throw new UsageError(
        `--resume goes on with the settings of the run, so --${toFlag(other)} cannot be given with it; start a new run for that.`,
      );
    }
    return resumeRun(resume, path, json);
  }
  if (path === undefined) throw new UsageError('Which images? Give a folder or a tar: dino train <source>.');
  const given = trainOptionsSchema.parse(options);
  checkOptions(given);
  const initial = typeof init === 'string' ? openInitial(await localWeights(init), given) : undefined;
  const source = openImages(
    path,
    {
      ...(given.channels === undefined ? {} : { channels: given.channels }),
      levels: levelsOf(given.levels),
    },
    console.error,
  );
  const folder = dryRun
    ? undefined
    : RunFolder.create(typeof outputDir === 'string' ? outputDir : defaultFolder());
  const prepared = await prepare({
    source,
    options: given,
    engine: ortNode,
    cores: availableParallelism(),
    initial,
    measure: dryRun,
  }).catch((error: unknown) => {
    folder?.removeIfEmpty();
    throw error;
  });
  printPrepared(prepared, source.length);
  if (prepared.begun !== undefined) console.error(prepared.begun.taken);
  if (folder === undefined) return 0;
  const command = `npx dino train ${shellWords(args)}`;
  const session = newSession(prepared, { source, folder, engine: ortNode, command });
  const outcome = await showSession(session, { json });
  await finish(folder, outcome, source);
  return exitCodes[outcome];
}

async function resumeRun(path: string, dataPath: string | undefined, json: boolean): Promise<number> {
  const folder = RunFolder.open(path);
  const record = readRecord(folder);
  const session = await resumeSession(folder, openRecorded(record, dataPath), ortNode);
  if (session.fromStep >= session.plan.steps) {
    console.error(
      `${path} has done all of its ${session.plan.steps} steps: start a new run to train longer.`,
    );
    return 0;
  }
  console.error(`Resuming ${path} at step ${session.fromStep} of ${session.plan.steps}.`);
  const outcome = await showSession(session, { json });
  await finish(folder, outcome, session.source);
  return exitCodes[outcome];
}

async function finish(folder: RunFolder, outcome: Outcome, source: Source): Promise<void> {
  if (outcome === 'stopped' || !folder.has('checkpoint.safetensors')) return;
  await writeRunReport(folder, { source });
  const best = folder.has('best.safetensors') ? ', best.safetensors' : '';
  console.error(`${folder.path}: report.html, checkpoint.safetensors${best}, log.txt`);
}

function defaultFolder(): string {
  return `runs/${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`;
}

/** The recipe with its reasons, and what the run will take. */
export function printPrepared(
  { config, choices, plan, trainer, stepMilliseconds }: Prepared,
  images: number,
): void {
  const width = Math.max(...choices.map(({ name }) => name.length)) + 3;
  const values = Math.max(...choices.map(({ value }) => value.length));
  console.error(`Recipe ${config.recipe} for ${images} images:`);
  for (const { name, value, reason } of choices) {
    console.error(`  ${`--${toFlag(name)}`.padEnd(width + 2)} ${value.padEnd(values)}  ${reason}`);
  }
  const parameters = trainer.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const state = parameters * 4 * 5;
  console.error(
    `${(parameters / 1e6).toFixed(2)} million parameters, ${(state / 2 ** 20).toFixed(0)} MiB of training state, ` +
      `micro-batches of ${trainer.microBatch}, ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB in memory now.`,
  );
  const time =
    stepMilliseconds === undefined
      ? ''
      : `, ${stepMilliseconds.toFixed(0)} ms a step, about ${duration((plan.steps * stepMilliseconds) / 1000)}`;
  console.error(
    `${plan.steps} steps of ${config.batchSizePerGpu} images (${plan.stepsPerEpoch} in an epoch)${time}.`,
  );
  const facts = {
    steps: plan.steps,
    stepsPerEpoch: plan.stepsPerEpoch,
    warmupSteps: config.warmupSteps ?? (config.warmupEpochs ?? 0) * plan.stepsPerEpoch,
  };
  for (const { title, detail, advice } of examinePlan(facts))
    console.error(`warning: ${title}. ${detail} ${advice ?? ''}`);
}

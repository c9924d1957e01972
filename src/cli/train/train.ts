/** `dino train`: parses, prepares, runs. */
import { z } from 'zod';
import { openFrozen } from '../../run/frozen-network-node.ts';
import { nodeMachine } from '../../run/machine-node.ts';
import { openInitial } from '../../run/open-initial-node.ts';
import { RunFolder } from '../../run/run-folder-node.ts';
import { newSession } from '../../run/session.ts';
import { parseOptions, type TrainOptions } from '../../train/config.ts';
import { checkOptions } from '../../train/contradictions.ts';
import { levelsOf } from '../../train/levels-field.ts';
import { warnOfLevels } from '../levels-shown.ts';
import { localWeights } from '../local-weights.ts';
import { openImages } from '../open-images.ts';
import { newRunFolder, type Place } from '../place.ts';
import { parseFlags, UsageError } from '../terminal/flags.ts';
import { helpSwitch } from '../terminal/help.ts';
import { shellWords } from '../terminal/shell-words.ts';
import { finishRun } from './finish-run.ts';
import { knownMethod } from './known-method.ts';
import { withOptionsFile } from './options-file.ts';
import { planFacts, prepareShown } from './prepare-shown.ts';
import { showSession } from './show-session.ts';
import { allTrainFields, fileFields, ignoredTrainFlags, trainFields, trainSwitches } from './train-flags.ts';
import { trainHelp } from './train-help.ts';
import { resumeRun } from './train-resume.ts';
import { dryRunOfSeeds, type RunSeed, trainSeeds } from './train-seeds.ts';

/** What a new run is made of, besides its options. */
interface RunRequest {
  readonly path: string;
  readonly options: TrainOptions;
  readonly init: string | undefined;
  /** The run folder to make; undefined for a dry run. */
  readonly output: string | undefined;
  readonly json: boolean;
  /** The words of the command line, for the record. */
  readonly args: readonly string[];
}

/** @returns the exit code */
export async function train(args: readonly string[], { results }: Place): Promise<number> {
  const { positionals, values, switches, notes } = parseFlags(args, {
    fields: allTrainFields(),
    words: 1,
    switches: Object.keys({ ...trainSwitches, ...helpSwitch }),
    ignored: ignoredTrainFlags,
  });
  const method = knownMethod(values.method);
  if (switches.has('help')) {
    console.log(trainHelp(method));
    return 0;
  }
  for (const note of notes) console.error(note);
  const json = switches.has('json');
  const dryRun = switches.has('dryRun');
  const [word] = positionals;
  const { dataPath, resume, config } = z.object(trainFields).partial().parse(values);
  if (word !== undefined && dataPath !== undefined)
    throw new UsageError(`"${word}" and --data_path ${dataPath} name two sources: give one of them.`);
  if (resume !== undefined) {
    const { resume: _, dataPath: __, ...others } = values;
    const options = dryRun ? { ...others, dryRun } : others;
    return resumeRun({ run: resume, dataPath: word ?? dataPath, options, json, args });
  }
  const all = config === undefined ? values : withOptionsFile(config, values, fileFields());
  const {
    outputDir = newRunFolder(results),
    init,
    seeds,
    ...own
  } = z.object(trainFields).partial().parse(all);
  const path = word ?? own.dataPath;
  if (path === undefined) throw new UsageError('Which images? Give a folder or a tar: dino train <source>.');
  const options = parseOptions(
    Object.fromEntries(Object.entries(all).filter(([name]) => !Object.hasOwn(trainFields, name))),
  );
  checkOptions(options);
  const request = { path, options, init, json, args };
  if (seeds === undefined) return newRun({ ...request, output: dryRun ? undefined : outputDir });
  if (options.seed !== undefined)
    throw new UsageError(`--seed ${options.seed} and --seeds contradict each other: give one of them.`);
  const runSeed: RunSeed = (seed, output) => newRun({ ...request, options: { ...options, seed }, output });
  return dryRun ? dryRunOfSeeds(seeds, runSeed) : trainSeeds(seeds, { output: outputDir, json }, runSeed);
}

/** @returns the exit code */
async function newRun({ path, options, init, output, json, args }: RunRequest): Promise<number> {
  const initial = init === undefined ? undefined : openInitial(await localWeights(init), options);
  const frozen = await openFrozen(options, localWeights);
  const source = openImages(
    path,
    {
      ...(options.channels === undefined ? {} : { channels: options.channels }),
      levels: levelsOf(options.levels),
      labels: options.labels,
    },
    console.error,
  );
  await warnOfLevels(path, { channels: source.channels, levels: levelsOf(options.levels) }, console.error);
  const folder = output === undefined ? undefined : RunFolder.create(output);
  const prepared = await prepareShown(
    {
      source,
      options,
      ...nodeMachine,
      initial,
      frozen,
      dryRun: folder === undefined,
    },
    folder,
  );
  try {
    if (prepared.begun !== undefined) console.error(prepared.begun.taken);
    if (folder === undefined) {
      if (json) console.log(JSON.stringify(planFacts(prepared)));
      return 0;
    }
    const command = `npx dino train ${shellWords(args)}`;
    const session = await newSession(prepared, {
      source,
      directory: process.cwd(),
      folder,
      ...nodeMachine,
      command,
    });
    return await finishRun(folder, await showSession(session, { json }), source);
  } finally {
    await prepared.trainer.dispose();
  }
}

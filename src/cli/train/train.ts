/** `dino train`: parses, prepares, runs. */
import { z } from 'zod';
import type { Ranks } from '../../run/ranks.ts';
import { parseOptions } from '../../train/config.ts';
import { checkOptions } from '../../train/contradictions.ts';
import { newRunFolder, type Place } from '../place.ts';
import { parseFlags, UsageError } from '../terminal/flags.ts';
import { helpSwitch } from '../terminal/help.ts';
import { amongRanks } from './among-ranks.ts';
import { knownMethod } from './known-method.ts';
import { newRun } from './new-run.ts';
import { withOptionsFile } from './options-file.ts';
import { allTrainFields, fileFields, ignoredTrainFlags, trainFields, trainSwitches } from './train-flags.ts';
import { trainHelp } from './train-help.ts';
import { resumeRun } from './train-resume.ts';
import { dryRunOfSeeds, type RunSeed, trainSeeds } from './train-seeds.ts';

/** @returns the exit code */
export async function train(args: readonly string[], place: Place): Promise<number> {
  return amongRanks(args, (ranks) => trainLeading(args, place, ranks));
}

/** As the only process, or as the one that the others follow. */
async function trainLeading(
  args: readonly string[],
  { results }: Place,
  ranks: Ranks | undefined,
): Promise<number> {
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
    const { resume: _, dataPath: __, distUrl: ___, ...others } = values;
    const options = dryRun ? { ...others, dryRun } : others;
    return resumeRun({ run: resume, dataPath: word ?? dataPath, options, json, args, ranks });
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
  const request = { path, options, init, json, args, ranks };
  if (seeds === undefined) return newRun({ ...request, output: dryRun ? undefined : outputDir });
  if (options.seed !== undefined)
    throw new UsageError(`--seed ${options.seed} and --seeds contradict each other: give one of them.`);
  const runSeed: RunSeed = (seed, output) => newRun({ ...request, options: { ...options, seed }, output });
  return dryRun ? dryRunOfSeeds(seeds, runSeed) : trainSeeds(seeds, { output: outputDir, json }, runSeed);
}

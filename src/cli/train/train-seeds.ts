/** `dino train --seeds 0 1 2`: the same run with several seeds, and how far their final scores lie apart. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { counted, fixed } from '../../numbers/counted.ts';
import { finalScores, isPercent, scoreNames, spreadOf } from '../../run/final-scores.ts';
import { RunFolder } from '../../run/run-folder-node.ts';
import { readRecord } from '../../run/run-record.ts';
import { methodOf } from '../../train/build.ts';
import { exitCodes } from '../exit-codes.ts';
import { columns } from '../terminal/columns.ts';

/** Runs one seed into a folder, or dry where there is none. @returns its exit code */
export type RunSeed = (seed: number, folder: string | undefined) => Promise<number>;

export interface SeedsOptions {
  /** The folder that holds the run folders. */
  readonly output: string;
  readonly json: boolean;
}

/** @returns the exit code: that of the run that was stopped or failed, 0 if all were finished */
export async function trainSeeds(
  seeds: readonly number[],
  { output, json }: SeedsOptions,
  run: RunSeed,
): Promise<number> {
  // One that is there already is noticed before the first is trained for hours.
  const folders = seeds.map((seed) => join(output, folderName(seed)));
  const taken = folders.find((folder) => existsSync(folder));
  if (taken !== undefined)
    throw new Error(
      `${taken} exists already: choose another --output_dir, or leave its seed out of --seeds.`,
    );
  let worst: number = exitCodes.done;
  for (const [i, seed] of seeds.entries()) {
    console.error(`Seed ${seed}, run ${i + 1} of ${seeds.length}:`);
    const code = await run(seed, folders[i]);
    if (code !== exitCodes.done) worst = code;
    if (code === exitCodes.stopped) {
      const rest = seeds.slice(i + 1);
      if (rest.length > 0)
        console.error(
          `Then the other seeds: the same command with --output_dir ${output} --seeds ${rest.join(' ')}`,
        );
      return code;
    }
  }
  summarize(output, json);
  return worst;
}

/** A dry run of the first seed stands for all. */
export async function dryRunOfSeeds(seeds: readonly number[], run: RunSeed): Promise<number> {
  const code = await run(seeds[0] ?? 0, undefined);
  console.error(`${seeds.length} such runs, one for each of the seeds ${seeds.join(', ')}.`);
  return code;
}

const folderName = (seed: number): string => `seed-${seed}`;

/** Shows and keeps the scores of all finished runs in the folder: those of an earlier call count too. */
function summarize(output: string, json: boolean): void {
  const names = new Map<string, string>();
  const runs = readdirSync(output).flatMap((name) => {
    const [, seed] = /^seed-(\d+)$/.exec(name) ?? [];
    const folder = RunFolder.at(join(output, name));
    // The report is written when a run has come to its end.
    if (seed === undefined || !folder.has('report.html')) return [];
    const own = scoreNames(methodOf(readRecord(folder).config).measures);
    for (const [key, title] of own) names.set(key, title);
    return [{ seed: Number(seed), folder: folder.path, scores: finalScores(folder.readLog(), own) }];
  });
  runs.sort((a, b) => a.seed - b.seed);
  const spread = spreadOf(runs.map(({ scores }) => scores));
  const summary = { runs, spread };
  RunFolder.at(output).writeTextAtomic('seeds.json', `${JSON.stringify(summary, null, 2)}\n`);
  if (json) {
    console.log(JSON.stringify({ type: 'seeds', ...summary }));
    return;
  }
  const rows = [...names].flatMap(([key, title]) => {
    const found = spread[key];
    if (found === undefined) return [];
    const text = (value: number | undefined): string =>
      value === undefined ? '-' : fixed(value, isPercent(key) ? 1 : 3);
    return [[title, text(found.mean), text(found.deviation), ...runs.map(({ scores }) => text(scores[key]))]];
  });
  for (const row of columns([
    ['at the end', 'mean', 'deviation', ...runs.map(({ seed }) => `seed ${seed}`)],
    ...rows,
  ]))
    console.log(row);
  console.error(
    `Mean and standard deviation over ${counted(runs.length, 'seed')}: ${join(output, 'seeds.json')}`,
  );
}

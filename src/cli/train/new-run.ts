/** Trains a new run before the eyes of its user, from its options to its report. */
import { openFrozen } from '../../run/frozen-network-node.ts';
import { nodeMachine } from '../../run/machine-node.ts';
import { openEngine } from '../../run/open-engine-node.ts';
import { openInitial } from '../../run/open-initial-node.ts';
import type { Ranks } from '../../run/ranks.ts';
import { RunFolder } from '../../run/run-folder-node.ts';
import { newSession } from '../../run/session.ts';
import type { TrainOptions } from '../../train/config.ts';
import { levelsOf } from '../../train/levels-field.ts';
import { warnOfLevels } from '../levels-shown.ts';
import { localWeights } from '../local-weights.ts';
import { openTrainingImages } from '../open-images.ts';
import { tellChoice } from '../tell-choice.ts';
import { shellWords } from '../terminal/shell-words.ts';
import { finishRun } from './finish-run.ts';
import { planFacts, prepareShown } from './prepare-shown.ts';
import { showSession } from './show-session.ts';

/** What a new run is made of, besides its options. */
export interface RunRequest {
  readonly path: string;
  readonly options: TrainOptions;
  readonly init: string | undefined;
  /** The run folder to make; undefined for a dry run. */
  readonly output: string | undefined;
  readonly json: boolean;
  /** The words of the command line, for the record. */
  readonly args: readonly string[];
  /** The processes that train with this one. */
  readonly ranks: Ranks | undefined;
}

/** @returns the exit code */
export async function newRun({
  path,
  options,
  init,
  output,
  json,
  args,
  ranks,
}: RunRequest): Promise<number> {
  const initial = init === undefined ? undefined : openInitial(await localWeights(init), options);
  const frozen = await openFrozen(options, localWeights);
  for (const { choice } of [initial ?? {}, frozen ?? {}]) tellChoice(choice);
  const levels = levelsOf(options.levels);
  const asked = {
    ...(options.channels === undefined ? {} : { channels: options.channels }),
    levels,
    labels: options.labels,
  };
  const source = openTrainingImages(path, asked);
  await ranks?.open({ path, ...asked, channels: source.channels }, source);
  await warnOfLevels(path, { channels: source.channels, levels }, console.error, true);
  const machine = {
    ...nodeMachine,
    engine: await openEngine(options, { isRank: ranks !== undefined, takesAll: true, tell: console.error }),
  };
  const folder = output === undefined ? undefined : RunFolder.create(output);
  const prepared = await prepareShown(
    {
      source,
      options,
      ...machine,
      ranks,
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
      ...machine,
      ranks,
      command,
    });
    return await finishRun(folder, await showSession(session, { json }), source);
  } finally {
    await prepared.trainer.dispose();
  }
}

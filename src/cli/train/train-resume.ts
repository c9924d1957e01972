/** `dino train --resume <run>`: goes on with a run, up to its own end or to another one. */

import { definitions, methodNamed } from '../../method/registry.ts';
import { counted } from '../../numbers/counted.ts';
import { openRecordedFrozen } from '../../run/frozen-network-node.ts';
import { nodeMachine } from '../../run/machine-node.ts';
import { openEngine } from '../../run/open-engine-node.ts';
import { openRecorded, recordedPath, recordedRequest } from '../../run/open-recorded-node.ts';
import type { Ranks } from '../../run/ranks.ts';
import { RunFolder } from '../../run/run-folder-node.ts';
import { readRecord, stepsOf } from '../../run/run-record.ts';
import { type ResumeChanges, resumeSession } from '../../run/session.ts';
import { parseOptions } from '../../train/config.ts';
import { checkOptions } from '../../train/contradictions.ts';
import { toFlag } from '../../train/option-names.ts';
import { givenSpans } from '../../train/option-spans.ts';
import { localWeights } from '../local-weights.ts';
import { tellChoice } from '../tell-choice.ts';
import { UsageError } from '../terminal/flags.ts';
import { shellWords } from '../terminal/shell-words.ts';
import { finishRun } from './finish-run.ts';
import { showSession } from './show-session.ts';

export interface ResumeRequest {
  /** The run folder. */
  readonly run: string;
  /** Its images, where they are somewhere else by now. */
  readonly dataPath: string | undefined;
  /** All else that was given. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly json: boolean;
  /** The words of the command line, for the record. */
  readonly args: readonly string[];
  /** The processes that train with this one. */
  readonly ranks: Ranks | undefined;
}

/** @returns the exit code */
export async function resumeRun({
  run,
  dataPath,
  options,
  json,
  args,
  ranks,
}: ResumeRequest): Promise<number> {
  const frozenOptions = definitions().flatMap(({ frozen }) => frozen ?? []);
  const isFrozen = ([name]: readonly [string, unknown]): boolean => frozenOptions.includes(name);
  const given = Object.entries(options);
  const changes = {
    ...changesOf(Object.fromEntries(given.filter((entry) => !isFrozen(entry))), run),
    command: `npx dino train ${shellWords(args)}`,
  };
  const folder = RunFolder.open(run);
  const record = readRecord(folder);
  const { frozen: learnsFrom = '' } = methodNamed(record.config.method);
  const { [learnsFrom]: moved, ...foreign } = Object.fromEntries(given.filter(isFrozen));
  changesOf(foreign, run); // says that a run of another method has none
  const { scenes, path } = record.source;
  if (dataPath === undefined && scenes === undefined && recordedPath(record) === undefined)
    throw new Error(
      `The images of ${run} are no longer at ${path}: say where they are now, by dino train --resume ${run} --data_path <source>.`,
    );
  const frozen = await openRecordedFrozen(
    record,
    localWeights,
    moved === undefined ? undefined : String(moved),
  );
  tellChoice(frozen?.choice);
  const source = openRecorded(record, dataPath);
  await ranks?.open(recordedRequest(record, dataPath), source);
  const engine = await openEngine(
    { ...record.config, ...changes.machine },
    { isRank: ranks !== undefined, takesAll: true, tell: console.error },
  );
  const machine = { ...nodeMachine, engine, ranks };
  const session = await resumeSession(folder, source, machine, { ...changes, frozen });
  const { fromStep, plan, trainer } = session;
  try {
    // A run may have been stopped during its last online evaluation.
    const isDone = session.log.hasObservation(plan.steps) || record.config.evalEvery === 0;
    if (fromStep >= plan.steps && isDone) {
      console.error(
        `${run} has done all of its ${counted(plan.steps, 'step')}: give --minutes, --steps or --epochs with a larger number to train longer.`,
      );
      return 0;
    }
    console.error(`Resuming ${run} at step ${fromStep} of ${plan.steps}.`);
    if (changes.length !== undefined)
      console.error(
        `It was to have ${stepsOf(record)}; learning rate, weight decay and teacher momentum go on along a schedule of ${plan.steps}.`,
      );
    return await finishRun(folder, await showSession(session, { json }), source);
  } finally {
    await trainer.dispose();
  }
}

/** @throws UsageError if something else is given, with the command that does what was wanted */
function changesOf(given: Readonly<Record<string, unknown>>, run: string): ResumeChanges {
  const { minutes, steps, epochs, threads, numWorkers, batchSizePerGpu, ...rest } = given;
  const { device, pjrtPlugin, devices, compileCache, ...others } = rest;
  const [other] = Object.keys(others);
  if (other === 'dryRun')
    throw new UsageError(
      '--dry_run shows what a new run would take, and --resume goes on with one: leave one of them out.',
    );
  if (other !== undefined)
    throw new UsageError(
      `--resume goes on with the settings of the run, so --${toFlag(other)} cannot be given with it: a new run takes other settings and begins with its weights by dino train <source> --init ${run}.`,
    );
  const asked = parseOptions({
    minutes,
    steps,
    epochs,
    threads,
    numWorkers,
    device,
    pjrtPlugin,
    devices,
    compileCache,
    batchSizePerGpu,
  });
  checkOptions(asked);
  const [name] = givenSpans(asked)[0] ?? [];
  return {
    length: name === undefined ? undefined : { [name]: given[name] },
    batchSizePerGpu: asked.batchSizePerGpu,
    machine: onlyGiven({
      threads: asked.threads,
      numWorkers: asked.numWorkers,
      device: asked.device,
      pjrtPlugin: asked.pjrtPlugin,
      devices: asked.devices,
      compileCache: asked.compileCache,
    }),
  };
}

/** Without what is undefined. */
function onlyGiven<Values extends Readonly<Record<string, unknown>>>(
  values: Values,
): { readonly [Name in keyof Values]?: Exclude<Values[Name], undefined> } {
  const given: { [Name in keyof Values]?: Exclude<Values[Name], undefined> } = {};
  for (const name of Object.keys(values).filter((name): name is keyof Values & string => name in values)) {
    const value = values[name];
    if (isGiven(value)) given[name] = value;
  }
  return given;
}

function isGiven<Value>(value: Value): value is Exclude<Value, undefined> {
  return value !== undefined;
}

/**
 * Trains the runs of a study one after the other, evaluates them and sets them beside each other. What is done already is kept, so
 * that the same command goes on where it was stopped.
 */
import { join } from 'node:path';
import type { Source } from '../../data/source.ts';
import type { KnnResult } from '../../eval/classify/knn-report.ts';
import type { LinearResult } from '../../eval/classify/linear-sweep.ts';
import { KnownBaselines } from '../../features/known-baselines.ts';
import { OptionError } from '../../method/option-error.ts';
import { counted } from '../../numbers/counted.ts';
import { renderComparison } from '../../report/page/comparison.ts';
import { LAST } from '../../run/checkpoint-files.ts';
import { openFrozen } from '../../run/frozen-network-node.ts';
import { nodeMachine } from '../../run/machine-node.ts';
import { peakMemory } from '../../run/peak-memory.ts';
import { checkedRecipe } from '../../run/prepare.ts';
import { RunFolder } from '../../run/run-folder-node.ts';
import { checkSameImages, readRecord } from '../../run/run-record.ts';
import { sourceFacts } from '../../run/source-facts.ts';
import {
  checkSameOptions,
  type LeftOut,
  type StudyBase,
  type StudyEntry,
  type StudyRun,
  studyRuns,
} from '../../run/study.ts';
import { runResult, studySpread, studyTable } from '../../run/study-results.ts';
import { type StudiedRun, studyColors, studySections } from '../../run/study-sections.ts';
import { stateOf } from '../../run/study-state-node.ts';
import { batchOf, type TrainOptions } from '../../train/config.ts';
import { levelsOf } from '../../train/levels-field.ts';
import { toFlag } from '../../train/option-names.ts';
import { optionText } from '../../train/recipe.ts';
import type { RunFacts } from '../../train/recipe-parts.ts';
import { exitCodes } from '../exit-codes.ts';
import { localWeights } from '../local-weights.ts';
import { openTrainingImages } from '../open-images.ts';
import type { Place } from '../place.ts';
import { reportShown } from '../report-shown.ts';
import { columns } from '../terminal/columns.ts';
import { train } from '../train/train.ts';
import { evaluateRun } from './evaluate-run.ts';
import type { StudyRequest } from './study-flags.ts';

/** What is compared, once the images are known. */
export interface StudyPlan {
  readonly entries: readonly StudyEntry[];
  readonly leftOut?: readonly LeftOut[];
}

export interface Study extends StudyRequest {
  /** In its files: compare */
  readonly command: string;
  /** Above the page. */
  readonly title: string;
  plan(base: StudyBase): StudyPlan;
}

/** @returns the exit code: 130 if it was stopped, 3 if a run failed */
export async function runStudy(study: Study, { apart }: Place): Promise<number> {
  const { path, options, output, json } = study;
  const source = openTrainingImages(path, {
    ...(options.channels === undefined ? {} : { channels: options.channels }),
    levels: levelsOf(options.levels),
    labels: options.labels,
  });
  const { facts } = await sourceFacts(source, nodeMachine.cores);
  const { runs, leftOut: known } = await trainable(study, facts);
  const leftOut: LeftOut[] = [];
  const leaveOut = (what: LeftOut): void => {
    leftOut.push(what);
    console.error(`${what.name} is left out. ${what.reason}`);
  };
  known.forEach(leaveOut);
  // What does not belong to this study is noticed before the first run is trained for hours.
  for (const run of runs) checkKept(run, source, output);
  const there: StudyRun[] = [];
  for (const [i, run] of runs.entries()) {
    console.error(`${run.name}, run ${i + 1} of ${runs.length}:`);
    const outcome = await trained(run, study, apart);
    if (outcome === 'stopped') {
      console.error('The same command goes on from here.');
      return exitCodes.stopped;
    }
    if (outcome === 'broken')
      throw new Error(
        `${run.name} was not trained to its end (${join(output, run.name)}): mend what was said before, or make room if it was ended from outside; the same command goes on from here.`,
      );
    if (outcome === 'there') there.push(run);
    else leaveOut({ name: run.name, reason: 'Its training was refused, as was said when it was to begin.' });
  }
  const studied: StudiedRun[] = [];
  const baselines = {
    ...{ knn: new KnownBaselines<KnnResult>(), linear: new KnownBaselines<LinearResult>() },
    cluster: new KnownBaselines<Int32Array>(),
  };
  for (const run of there) {
    const folder = RunFolder.at(join(output, run.name));
    // A run that failed before its first checkpoint has nothing to evaluate.
    if (source.classes.length > 1 && folder.has(LAST))
      await evaluateRun(
        folder,
        {
          ...{ train: path, trainImages: source.length, test: study.test },
          ...{ threads: options.threads, baselines },
        },
        study.measures,
      );
    const report = await reportShown(folder, { source });
    const state = stateOf(folder) === 'failed' ? 'failed' : 'done';
    studied.push({
      run,
      report,
      result: runResult(run, folder, { state, peakMemory: peakMemory(folder) }),
    });
  }
  const results = studied.map(({ result }) => result);
  const page = writePage(study, studied, leftOut);
  const summary = { runs: results, spread: studySpread(results), leftOut };
  const shown = RunFolder.at(output);
  shown.writeTextAtomic(`${study.command}.json`, `${JSON.stringify(summary, null, 2)}\n`);
  if (json) console.log(JSON.stringify({ type: study.command, ...summary, page }));
  else for (const row of columns(studyTable(results))) console.log(row);
  console.error(`${counted(studied.length, 'run')} beside each other: ${page}`);
  return results.some(({ state }) => state === 'failed') ? exitCodes.failed : exitCodes.done;
}

/**
 * The runs that can be trained, each with its budget, and what cannot.
 *
 * @throws OptionError if none can
 */
async function trainable(
  { options, plan, seeds, imagesSeen }: Study,
  facts: RunFacts,
): Promise<{ runs: StudyRun[]; leftOut: LeftOut[] }> {
  const { entries, leftOut: before = [] } = plan({ options: withEvaluations(options), facts });
  const [fitting, leftOut]: [StudyEntry[], LeftOut[]] = [[], [...before]];
  let first: OptionError | undefined;
  for (const entry of entries) {
    const { name } = entry;
    const frozen = await openFrozen(entry.options, localWeights); // a forgotten --teacher ends the command
    try {
      const { config } = checkedRecipe(entry.options, { ...entry.options, ...frozen?.options }, facts);
      const budget: TrainOptions =
        imagesSeen === undefined ? {} : { steps: Math.ceil(imagesSeen / batchOf(config)) };
      fitting.push({ ...entry, options: { ...entry.options, ...budget } });
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      first ??= error;
      leftOut.push({ name, reason: error.message });
    }
  }
  if (first !== undefined && fitting.length === 0) throw first;
  if (first !== undefined && fitting.length === 1)
    throw new OptionError(
      `Only ${fitting[0]?.name} can be trained so, which leaves nothing to compare it with. ${leftOut.map(({ name, reason }) => `${name}: ${reason}`).join(' ')}`,
    );
  return { runs: studyRuns(fitting, seeds), leftOut };
}

/** A budget in minutes gives a slow method fewer images for its online evaluations; here all are to have the same. */
const EVALUATION_IMAGES = 2000;

function withEvaluations(options: TrainOptions): TrainOptions {
  const { steps, epochs } = options;
  return steps === undefined && epochs === undefined
    ? { evalImages: EVALUATION_IMAGES, ...options }
    : options;
}

function checkKept({ name, options }: StudyRun, source: Source, output: string): void {
  const folder = RunFolder.at(join(output, name));
  if (stateOf(folder) === 'new') return;
  const record = readRecord(folder);
  checkSameImages(record, source);
  checkSameOptions(record, options, folder.path);
}

/** How the training of a run ended: `refused` where it could not begin, as was said already. */
type Outcome = 'there' | 'stopped' | 'refused' | 'broken';

/** Trains a run, or what is left of it; in a process of its own where that is possible. */
async function trained(
  { name, options }: StudyRun,
  { path, output }: Study,
  apart: Place['apart'],
): Promise<Outcome> {
  const folder = RunFolder.at(join(output, name));
  const state = stateOf(folder);
  if (state === 'done' || state === 'failed') {
    console.error(`${folder.path} ${state === 'done' ? 'is done' : 'failed'} already, and is kept.`);
    return 'there';
  }
  const words =
    state === 'new'
      ? [path, ...flagsOf(options), '--output_dir', folder.path]
      : ['--resume', folder.path, '--data_path', path];
  if (apart !== undefined) {
    const { code, asked } = await apart(['train', ...words]);
    return asked ? 'stopped' : outcomeOf(code);
  }
  try {
    return outcomeOf(await train(words, { results: output }));
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    console.error(error.message);
    return 'refused';
  }
}

function outcomeOf(code: number | undefined): Outcome {
  if (code === 0 || code === exitCodes.failed) return 'there';
  if (code === exitCodes.stopped) return 'stopped';
  return code === exitCodes.mistake ? 'refused' : 'broken';
}

/** The options of a run on a command line. */
function flagsOf(options: TrainOptions): string[] {
  return Object.entries(options).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [`--${toFlag(name)}`, ...(Array.isArray(value) ? value.map(String) : [optionText(value)])],
  );
}

/** @returns the file */
function writePage(
  { title, output, test }: Study,
  studied: readonly StudiedRun[],
  leftOut: readonly LeftOut[],
): string {
  const folder = RunFolder.at(output);
  const file = 'comparison.html';
  const note =
    test === undefined
      ? 'Measured on the images of the training set: for k-NN each image asks all others, for the linear classifier a fifth is held back.'
      : `Measured on ${test}.`;
  const colors = studyColors(studied);
  const page = renderComparison(
    studied.map(({ run, report }, i) => ({
      ...{ name: run.name, color: colors[i] ?? i },
      about: run.entry.about,
      address: `${encodeURIComponent(run.name)}/report.html`,
      report,
    })),
    { title, sections: studySections(studied, leftOut, note) },
  );
  folder.writeTextAtomic(file, page);
  return folder.file(file);
}

/** Runs an evaluation: reads its flags, opens the network, prints the result, keeps it in the run folder and its report. */
import { existsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ortNode } from '../engine/ort-node.ts';
import { withThreads } from '../engine/with-threads.ts';
import { capitalized } from '../eval/statement.ts';
import { FrozenBackbone } from '../features/frozen-backbone.ts';
import { makeFolder } from '../files/make-folder-node.ts';
import type { Fields } from '../method/definition.ts';
import type { Finding } from '../report/finding.ts';
import { encodeSection } from '../report/page/stored-section.ts';
import { openEngine } from '../run/open-engine-node.ts';
import { openSubject } from '../run/open-subject-node.ts';
import { holdsRun, RunFolder } from '../run/run-folder-node.ts';
import { RunLog } from '../run/run-log.ts';
import { stepsOf } from '../run/run-record.ts';
import type { Subject } from '../run/subject.ts';
import { writeEvaluationReport } from '../run/write-report-node.ts';
import { checkDevice } from '../train/contradictions.ts';
import { deviceFields } from '../train/device-fields.ts';
import { findingLine } from '../train/finding.ts';
import { labelsField } from '../train/labels-field.ts';
import { levelsField, levelsOf } from '../train/levels-field.ts';
import { EarlierResult } from './earlier-result.ts';
import type { Evaluation, EvaluationResult, SharedBaselines } from './evaluations/evaluation.ts';
import { examples } from './examples.ts';
import { warnOfLevels } from './levels-shown.ts';
import { localWeights } from './local-weights.ts';
import { measuredOn } from './measured-on.ts';
import { networkFields } from './network-fields.ts';
import type { Place } from './place.ts';
import { askedPreprocessing, preprocessingSentence } from './preprocessing-flags.ts';
import { reportShown } from './report-shown.ts';
import { explainSkipped } from './skipped-images.ts';
import { tellChoice } from './tell-choice.ts';
import { columns } from './terminal/columns.ts';
import { parseFlags, UsageError } from './terminal/flags.ts';
import { helpSwitch, renderHelp } from './terminal/help.ts';
import { phasesOn, progressLine } from './terminal/progress.ts';
import { shellWords } from './terminal/shell-words.ts';

const common = {
  ...networkFields,
  allowMissing: z
    .string()
    .describe('names of tensors that a file of weights may lack, with commas between')
    .meta({ value: 'names' }),
  output: z
    .string()
    .describe('a folder for the results and a report of them; the run folder and its report unless given'),
  levels: levelsField,
  labels: labelsField,
  ...deviceFields,
};

/**
 * @param words how the command is called: `dino eval knn`
 * @param args what follows
 * @param study whose evaluation it is: the result is kept and not printed, and baselines are shared
 * @returns the exit code
 */
export async function runEvaluation(
  evaluation: Evaluation,
  words: string,
  args: readonly string[],
  { results }: Place,
  study?: SharedBaselines,
): Promise<number> {
  const fields: Fields = { ...common, ...evaluation.fields };
  const { positionals, values, switches } = parseFlags(args, {
    fields,
    words: 1 + (evaluation.words ?? 0),
    aliases: evaluation.aliases,
    switches: ['json', 'noReport', 'help'],
  });
  const usage = `${words} ${evaluation.usage} [flags]`;
  if (switches.has('help')) {
    console.log(helpOf(evaluation, usage));
    return 0;
  }
  const [run, ...paths] = positionals;
  if (run === undefined) throw new UsageError(`Which run? ${usage}`);
  const given = z.object(common).partial().parse(values);
  const { checkpoint = 'last', checkpointKey, heads, allowMissing, threads = availableParallelism() } = given;
  const asked = askedPreprocessing(values);
  const levels = levelsOf(given.levels);
  const subject = openSubject(await localWeights(run), {
    results,
    checkpoint,
    preprocessing: asked,
    ...(checkpointKey === undefined ? {} : { checkpointKey }),
    ...(heads === undefined ? {} : { heads }),
    ...(allowMissing === undefined ? {} : { allowMissing: allowMissing.split(',') }),
    ...(levels === undefined ? {} : { levels }),
    labels: given.labels,
  });
  tellChoice(subject.choice);
  const { output } = given;
  const folder = output === undefined ? subject.folder : resultFolder(output);
  const files = output !== undefined && evaluation.isFlat === true ? '.' : `eval/${evaluation.name}`;
  const command = `npx ${words} ${shellWords(args)}`;
  const earlier = new EarlierResult(folder, evaluation.name, command);
  checkDevice(given);
  const opened = openEngine(given, { tell: console.error });
  const engine = opened === ortNode ? withThreads(ortNode, threads) : opened;
  const backbone = new FrozenBackbone(subject.backbone, subject.preprocessing, engine, { threads });
  const line = progressLine(process.stderr);
  if (subject.allowed.length > 0)
    line.print(`${run} lacks ${subject.allowed.join(', ')}, as allowed: fresh values take their places.`);
  const phases = phasesOn(line);
  const { output: _, ...sources } = values;
  for (const each of [...paths, ...Object.values(sources)])
    if (typeof each === 'string' && existsSync(each))
      await warnOfLevels(each, subject.imageOptions, (text) => line.print(text));
  const measured = evaluation.run(values, {
    subject: output === undefined ? subject : { ...subject, folder },
    backbone,
    baselines: study,
    engine,
    threads,
    paths,
    onProgress: phases.show,
    warn: (text) => line.print(text),
    openFiles: () => {
      earlier.keep();
      makeFolder(folder.file(files), 'choose another --output');
      return folder.file(files);
    },
    write: (file, bytes) => {
      earlier.keep();
      const name = join(files, file);
      folder.writeAtomic(name, [bytes]);
      return folder.file(name);
    },
  });
  const computed = await measured
    .then((found) => {
      phases.finish();
      return found;
    })
    .finally(async () => {
      line.end();
      await backbone.dispose();
    });
  const seen = preprocessingSentence(subject, asked, computed.shown);
  const sentences = [...(computed.notes ?? []), ...(seen === undefined ? [] : [seen])];
  const result = sentences.reduce(withSentence, computed);
  const of = subject.record === undefined ? {} : { checkpoint };
  const { preprocessing } = subject;
  const { skipped = [] } = result;
  const record = { ...result.scores, ...of, ...result.details, skipped, preprocessing, command };
  const recordFile = `eval/${evaluation.name}.json`;
  const kept = earlier.keep();
  folder.writeTextAtomic(recordFile, `${JSON.stringify(record, null, 2)}\n`);
  const leftOut = explainSkipped(skipped, folder.file(recordFile));
  if (leftOut !== undefined) console.error(leftOut);
  if (switches.has('json')) console.log(JSON.stringify(result.scores));
  else if (study === undefined) {
    console.log(result.protocol);
    for (const row of columns(result.table)) console.log(row);
  }
  if (kept !== undefined) console.error(`The earlier result is kept in ${folder.file(`${kept}.json`)}.`);
  if (result.finding !== undefined) tell(result.finding, output === undefined ? subject : undefined);
  if (result.section !== undefined) {
    folder.writeTextAtomic(
      `eval/${evaluation.name}.section.json`,
      encodeSection({ ...result.section, measured: measuredOn(values, paths, result.details?.protocol) }),
    );
    if (!switches.has('noReport')) {
      if (subject.record === undefined || output !== undefined) writeEvaluationReport(folder, subject.name);
      else await reportShown(folder);
      console.error(`The report shows it: ${folder.file('report.html')}`);
    }
  }
  return 0;
}

/** Says what the doctor found, and writes it into the log of the run, if one is to keep it, where its report finds it. */
export function tell(finding: Finding, run: Subject | undefined): void {
  console.error(findingLine(finding));
  if (run?.record === undefined) return;
  const { folder, record } = run;
  const { config } = record;
  new RunLog(folder, config, record).diagnosis(stepsOf(record), finding);
}

function helpOf({ name, summary, fields }: Evaluation, usage: string): string {
  const network = Object.entries(common).filter(([field]) => fields[field] === undefined);
  return renderHelp({
    usage: [usage],
    about: capitalized(summary),
    examples: examples[name],
    groups: [
      { title: 'What is done', fields },
      {
        title: 'Network and results',
        fields: Object.fromEntries(network),
        switches: {
          json: 'one JSON object on standard output',
          noReport: 'leave report.html as it is; the next report shows the result',
          ...helpSwitch,
        },
      },
    ],
  });
}

/** A folder for results that are not to be kept in the run. @throws Error if something else is there */
function resultFolder(path: string): RunFolder {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    throw new Error(`${path} is a file: give a folder as --output.`);
  const folder = RunFolder.at(path);
  if (holdsRun(path))
    throw new Error(
      `${path} is a run folder: give another --output, or none to keep the results in the run.`,
    );
  makeFolder(path, 'choose another --output');
  return folder;
}

/** A result that says something more: behind the protocol, and in the report. */
function withSentence(result: EvaluationResult, sentence: string): EvaluationResult {
  const { protocol, section } = result;
  return {
    ...result,
    protocol: `${protocol}; ${sentence}`,
    ...(section === undefined
      ? {}
      : { section: { ...section, intro: `${section.intro} ${capitalized(sentence)}.` } }),
  };
}

/** Runs an evaluation: reads its flags, opens the network, prints the result, keeps it in the run folder and its report. */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Engine } from '../engine/engine.ts';
import { ortNode } from '../engine/ort-node.ts';
import { FrozenBackbone } from '../eval/frozen-backbone.ts';
import { openSubject } from '../eval/subject.ts';
import { encodeSection } from '../report/stored-section.ts';
import { levelsField, levelsOf } from '../train/config.ts';
import type { Evaluation } from './evaluations/evaluation.ts';
import { describeFields, parseFlags, UsageError } from './flags.ts';
import { localWeights } from './local-weights.ts';
import { progressLine } from './progress.ts';
import { writeEvaluationReport, writeRunReport } from './write-report.ts';

const common = {
  checkpoint: z.enum(['last', 'best']).describe('which checkpoint of the run; last unless given'),
  checkpointKey: z
    .string()
    .describe('which network of a checkpoint: teacher or student; teacher unless given'),
  heads: z.number().int().min(1).describe('attention heads, where a file of weights does not tell'),
  allowMissing: z.string().describe('names of tensors that a file of weights may lack, with commas between'),
  threads: z.number().int().min(1).describe('threads of the engine; one for each core unless given'),
  levels: levelsField,
};

/**
 * @param words how the command is called: `dino eval knn`
 * @param args what follows
 * @returns the exit code
 */
export async function runEvaluation(
  evaluation: Evaluation,
  words: string,
  args: readonly string[],
): Promise<number> {
  const fields: Readonly<Record<string, z.ZodType>> = { ...evaluation.fields, ...common };
  const { positionals, values, switches } = parseFlags(args, {
    fields,
    words: 1 + (evaluation.words ?? 0),
    aliases: evaluation.aliases,
    switches: ['json', 'noReport', 'help'],
  });
  const usage = `${words} ${evaluation.usage} [flags]`;
  if (switches.has('help')) {
    console.log(
      `${usage}\n\n${evaluation.summary}\n\n  --json         one JSON object on standard output\n  --no-report    leave the run's report.html as it is\n${describeFields(fields).join('\n')}`,
    );
    return 0;
  }
  const [run, ...paths] = positionals;
  if (run === undefined) throw new UsageError(`Which run? ${usage}`);
  const given = z.object(common).partial().parse(values);
  const { checkpoint = 'last', checkpointKey, heads, allowMissing, threads = availableParallelism() } = given;
  const levels = levelsOf(given.levels);
  const subject = openSubject(await localWeights(run), {
    checkpoint,
    ...(checkpointKey === undefined ? {} : { checkpointKey }),
    ...(heads === undefined ? {} : { heads }),
    ...(allowMissing === undefined ? {} : { allowMissing: allowMissing.split(',') }),
    ...(levels === undefined ? {} : { levels }),
  });
  const { folder } = subject;
  const engine = withThreads(ortNode, threads);
  const backbone = new FrozenBackbone(subject.backbone, subject.size, engine, { threads });
  const line = progressLine(process.stderr);
  if (subject.allowed.length > 0)
    line.print(`${run} lacks ${subject.allowed.join(', ')}, as allowed: fresh values take their places.`);
  const measured = evaluation.run(values, {
    subject,
    backbone,
    engine,
    threads,
    paths,
    onProgress: (what, done, total) => line.show(`${what}: ${done} of ${total}`),
    warn: (text) => line.print(text),
    write: (file, bytes) => {
      const name = `eval/${evaluation.name}/${file}`;
      mkdirSync(dirname(folder.file(name)), { recursive: true });
      folder.writeAtomic(name, [bytes]);
      return folder.file(name);
    },
  });
  const result = await measured.finally(async () => {
    line.end();
    await backbone.dispose();
  });
  const of = subject.record === undefined ? {} : { checkpoint };
  const record = { ...result.scores, ...of, ...result.details };
  folder.writeTextAtomic(`eval/${evaluation.name}.json`, `${JSON.stringify(record, null, 2)}\n`);
  if (switches.has('json')) console.log(JSON.stringify(result.scores));
  else {
    console.log(result.protocol);
    for (const row of columns(result.table)) console.log(row);
  }
  if (result.section !== undefined) {
    folder.writeTextAtomic(`eval/${evaluation.name}.section.json`, encodeSection(result.section));
    if (!switches.has('noReport')) {
      if (subject.record === undefined) writeEvaluationReport(folder, subject.name);
      else await writeRunReport(folder);
      console.error(`The report shows it: ${folder.file('report.html')}`);
    }
  }
  return 0;
}

/** The engine with another default for its threads. */
function withThreads(engine: Engine, threads: number): Engine {
  return { name: engine.name, load: (graph, options) => engine.load(graph, { threads, ...options }) };
}

/** Rows of cells in columns: the first to the left, the others to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const count = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const widths = Array.from({ length: count }, (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** `dino eval <name> <run>`: evaluations of a run's teacher. */
import { z } from 'zod';
import { openSource } from '../data/source.ts';
import { ortNode } from '../engine/ort-node.ts';
import { FrozenBackbone, untrainedWeights, weightsUnder } from '../eval/frozen-backbone.ts';
import { type Accuracy, knnReport } from '../eval/knn-report.ts';
import { backboneOf } from '../train/build.ts';
import { networkWeights } from '../train/checkpoint.ts';
import { RunFolder } from '../train/run-folder-node.ts';
import { readRecord } from '../train/run-record.ts';
import { describeFields, parseFlags, UsageError } from './flags.ts';
import { progressLine } from './progress.ts';

const fields = {
  train: z.string().describe('images with class folders: the bank of neighbours'),
  test: z.string().describe('images with the same class folders: the queries'),
  k: z.array(z.number().int().min(1)).describe('numbers of neighbours; 10 20 100 200 unless given'),
  temperature: z.number().gt(0).describe('T of the votes exp(similarity / T); 0.07 unless given'),
  checkpoint: z.enum(['last', 'best']).describe('which checkpoint of the run; last unless given'),
};

const help = `dino eval knn <run> --train <source> --test <source> [flags]

  --json         one JSON object on standard output
${describeFields(fields).join('\n')}`;

/** @returns the exit code */
export async function evaluateCommand(args: readonly string[]): Promise<number> {
  const { positionals, values, switches } = parseFlags(args, { fields, switches: ['json', 'help'] });
  const [name, run] = positionals;
  if (switches.has('help') || name === undefined) {
    console.log(help);
    return name === undefined && !switches.has('help') ? 2 : 0;
  }
  if (name !== 'knn') throw new UsageError(`There is no evaluation "${name}"; there is: knn.`);
  if (run === undefined)
    throw new UsageError('Which run? dino eval knn <run> --train <source> --test <source>');
  const {
    train,
    test,
    k = [10, 20, 100, 200],
    temperature = 0.07,
    checkpoint = 'last',
  } = z.object(fields).partial().parse(values);
  if (train === undefined || test === undefined)
    throw new UsageError('k-NN needs --train (the bank) and --test (the queries).');

  const folder = RunFolder.open(run);
  const { config } = readRecord(folder);
  const file = checkpoint === 'best' ? 'best.safetensors' : 'checkpoint.safetensors';
  if (!folder.has(file))
    throw new Error(
      `${folder.file(file)} does not exist: let the run write one first, or choose another --checkpoint.`,
    );
  const teacher = networkWeights(folder.read(file), folder.file(file), 'teacher');
  const backboneConfig = backboneOf(config);
  const backbone = new FrozenBackbone(backboneConfig, config.globalCropsSize, ortNode, {
    threads: config.threads,
  });
  const line = progressLine(process.stderr);
  const report = await knnReport({
    train: openSource(train, { channels: config.channels }),
    test: openSource(test, { channels: config.channels }),
    backbone,
    trained: weightsUnder(teacher, 'backbone.'),
    untrained: untrainedWeights(backboneConfig, config.globalCropsSize, config.seed),
    ks: k,
    temperature,
    engine: ortNode,
    onProgress: (what, done, total) => line.show(`${what}: ${done} of ${total}`),
  });
  line.end();
  await backbone.dispose();
  const { trained, untrained, pixels, pca, bankImages, testImages } = report;
  const used = Object.keys(trained.top1).map(Number);
  const unused = k.filter((each) => !used.includes(each));
  if (unused.length > 0)
    console.error(`k = ${unused.join(', ')} left out: the bank has only ${bankImages} images.`);
  const protocol = { k: used, temperature, size: config.globalCropsSize, checkpoint, bankImages, testImages };
  folder.writeTextAtomic(
    'eval/knn.json',
    `${JSON.stringify({ trained, untrained, pixels, pca, protocol }, null, 2)}\n`,
  );
  if (switches.has('json')) {
    console.log(JSON.stringify({ trained, untrained, pixels, pca }));
    return 0;
  }
  console.log(
    `k-NN of ${testImages} images against ${bankImages}: class token or pooled feature at ${config.globalCropsSize} pixels, cosine, votes exp(s / ${temperature})`,
  );
  for (const line of accuracyTable({ trained, untrained, pixels, 'PCA of pixels': pca })) console.log(line);
  return 0;
}

function accuracyTable(rows: Readonly<Record<string, Accuracy>>): string[] {
  const [first] = Object.values(rows);
  const ks = Object.keys(first?.top1 ?? {});
  const cell = (text: string): string => text.padStart(9);
  return [
    `${'top-1 %'.padEnd(14)}${ks.map((k) => cell(`k = ${k}`)).join('')}`,
    ...Object.entries(rows).map(
      ([name, { top1 }]) => `${name.padEnd(14)}${ks.map((k) => cell((top1[k] ?? 0).toFixed(1))).join('')}`,
    ),
  ];
}

/** Makes a run's `report.html` from what its folder holds: the log, the snapshots, the checkpoint. */
import { z } from 'zod';
import type { Source } from '../data/source.ts';
import { ortNode } from '../engine/ort-node.ts';
import { describeNetwork } from '../model/backbone.ts';
import type { EvaluationSection } from '../report/blocks.ts';
import { renderReport } from '../report/html.ts';
import type { Curve, Curves, Finding, Report } from '../report/model.ts';
import { decodeSection } from '../report/stored-section.ts';
import { backboneOf } from '../train/build.ts';
import { toFlag } from '../train/config.ts';
import { standing } from '../train/diagnosis.ts';
import type { Watch } from '../train/monitor.ts';
import type { LogLine, RunFolder } from '../train/run-folder-node.ts';
import { IMAGES_KEY, overallRate, PIXELS_KEY } from '../train/run-log.ts';
import { checkSameImages, openRecorded, type RunRecord, readRecord, stepsOf } from '../train/run-record.ts';
import { evaluations, tools } from './evaluations/index.ts';
import { duration, phasesOn, progressLine } from './progress.ts';
import { pictureSections } from './report-pictures.ts';

const accuracySchema = z.object({ top1: z.record(z.string(), z.number()) });
const knnSchema = z.object({
  trained: accuracySchema,
  untrained: accuracySchema,
  pixels: accuracySchema,
  pca: accuracySchema.optional(), // earlier runs have none
  bankImages: z.number(),
  testImages: z.number(),
});
const extrasSchema = z.object({
  title: z.string().optional(),
  knn: knnSchema.optional(),
  scenesSeed: z.number().optional(),
});

/** What only some runs have. */
export interface ReportExtras {
  readonly title?: string | undefined;
  readonly source?: Source;
  /** k-NN on images that were not trained on. */
  readonly knn?: z.infer<typeof knnSchema> | undefined;
  /** Scenes with object masks: the seed that made them. */
  readonly scenesSeed?: number | undefined;
}

/** @returns what the page shows */
export async function writeRunReport(folder: RunFolder, given: ReportExtras = {}): Promise<Report> {
  const line = progressLine(process.stderr);
  const phases = phasesOn(line, 'report, ');
  try {
    const report = await makeReport(folder, given, phases.show);
    phases.finish();
    return report;
  } finally {
    line.end();
  }
}

async function makeReport(
  folder: RunFolder,
  given: ReportExtras,
  onProgress: Watch['onProgress'],
): Promise<Report> {
  const extras = keptExtras(folder, given);
  const record = readRecord(folder);
  const log = folder.readLog();
  const source = extras.source ?? recordedSource(record);
  const report: Report = {
    title: extras.title ?? `DINO on ${source?.name ?? record.source.path}`,
    finishedAt: new Date(),
    facts: facts(record, log),
    recipe: record.choices.map(({ name, value, reason }) => ({ name: `--${toFlag(name)}`, value, reason })),
    commands: [record.command, ...record.resumed],
    ...accuracy(extras.knn),
    curves: curves(log, record),
    findings: findings(log),
    ...(source === undefined || !folder.has('checkpoint.safetensors')
      ? {}
      : await pictureSections(folder, record, source, extras.scenesSeed, onProgress)),
    evaluations: storedSections(folder),
    versions: [
      { name: 'Node', value: process.version },
      { name: 'engine', value: ortNode.name },
    ],
  };
  folder.writeTextAtomic('report.html', renderReport(report));
  return report;
}

/** The images of the run; a report can do without. */
function recordedSource(record: RunRecord): Source | undefined {
  try {
    const source = openRecorded(record);
    checkSameImages(record, source); // maps were kept for images by number
    return source;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    console.error(`The report goes without attention and neighbors, which need the run's images: ${cause}`);
    return undefined;
  }
}

/** The report of weights that were trained elsewhere: what evaluations found. */
export function writeEvaluationReport(folder: RunFolder, title: string): void {
  const evaluations = storedSections(folder);
  folder.writeTextAtomic('report.html', renderReport({ title, finishedAt: new Date(), evaluations }));
}

const EXTRAS = 'report-extras.json';

/** Kept in the folder, so that a report that is written later shows them too. */
function keptExtras(folder: RunFolder, { source, ...given }: ReportExtras): ReportExtras {
  if (Object.keys(given).length > 0) folder.writeTextAtomic(EXTRAS, `${JSON.stringify(given, null, 2)}\n`);
  const kept = folder.has(EXTRAS) ? readExtras(folder) : {};
  return { ...kept, ...given, ...(source === undefined ? {} : { source }) };
}

function readExtras(folder: RunFolder): z.infer<typeof extrasSchema> {
  try {
    return extrasSchema.parse(JSON.parse(folder.readText(EXTRAS)));
  } catch (error) {
    throw new Error(
      `${folder.file(EXTRAS)} is damaged: delete it, and the report goes without what it held.`,
      {
        cause: error,
      },
    );
  }
}

/** Sections of the evaluations that were run, in the order of the commands. */
function storedSections(folder: RunFolder): EvaluationSection[] {
  return [...evaluations, ...tools].flatMap(({ name }) => {
    const file = `eval/${name}.section.json`;
    return folder.has(file) ? [decodeSection(folder.readText(file), folder.file(file))] : [];
  });
}

function accuracy(knn: ReportExtras['knn']): Pick<Report, 'accuracy'> {
  if (knn === undefined) return {};
  const [k = '20'] = Object.keys(knn.trained.top1);
  const share = (percent: number | undefined): number => (percent ?? 0) / 100;
  return {
    accuracy: {
      trained: share(knn.trained.top1[k]),
      untrained: share(knn.untrained.top1[k]),
      rawPixels: share(knn.pixels.top1[k]),
      ...(knn.pca === undefined ? {} : { pixelPca: share(knn.pca.top1[k]) }),
      neighbors: Number(k),
      bankImages: knn.bankImages,
      testImages: knn.testImages,
    },
  };
}

function facts(record: RunRecord, log: readonly LogLine[]): { name: string; value: string }[] {
  const { config, source } = record;
  const steps = stepsOf(record);
  const rate = overallRate(log, config.batchSizePerGpu);
  return [
    {
      name: 'Images',
      value: `${source.images} from ${source.path}${source.classes.length > 1 ? `, ${source.classes.length} classes` : ''}`,
    },
    { name: 'Network', value: describeNetwork(backboneOf(config)) },
    {
      name: 'Crops',
      value: `2 of ${config.globalCropsSize} px, ${config.localCropsNumber} of ${config.localCropsSize} px`,
    },
    { name: 'Steps', value: `${steps} of ${config.batchSizePerGpu} images` },
    {
      name: 'Speed',
      value: Number.isNaN(rate)
        ? 'no step was done'
        : `${rate.toFixed(0)} images a second over all steps, ${duration((steps * config.batchSizePerGpu) / rate)} of training`,
    },
  ];
}

function curve(log: readonly LogLine[], key: string, factor = 1): Curve | undefined {
  const points = log.flatMap((line) =>
    typeof line[key] === 'number' ? [[Number(line.step), Number(line[key]) * factor] as const] : [],
  );
  return points.length === 0
    ? undefined
    : { steps: points.map(([step]) => step), values: points.map(([, value]) => value) };
}

function curves(log: readonly LogLine[], { config }: RunRecord): Curves {
  const named = (
    [
      'train_lr',
      'train_wd',
      'teacher_momentum',
      'gradient_norm',
      'feature_cosine',
      'feature_rank',
      'images_per_second',
    ] as const
  ).flatMap((key) => {
    const found = curve(log, key);
    return found === undefined ? [] : [{ name: key.replaceAll('_', ' '), ...found }];
  });
  const [loss, teacherEntropy, divergence, knn, linear, cluster] = [
    curve(log, 'train_loss'),
    curve(log, 'teacher_entropy'),
    curve(log, 'kl'),
    curve(log, 'knn_top1', 0.01),
    curve(log, 'linear_top1', 0.01),
    curve(log, 'cluster_nmi'),
  ];
  const pixels = curve(log, PIXELS_KEY, 0.01);
  const lookImages = log.findLast((line) => typeof line[IMAGES_KEY] === 'number')?.[IMAGES_KEY];
  return {
    outDim: config.outDim,
    ...(loss === undefined ? {} : { loss }),
    ...(teacherEntropy === undefined ? {} : { teacherEntropy }),
    ...(divergence === undefined ? {} : { divergence }),
    ...(knn === undefined ? {} : { knn }),
    ...(pixels === undefined ? {} : { knnPixels: pixels.values[0] ?? Number.NaN }),
    ...(lookImages === undefined ? {} : { lookImages: Number(lookImages) }),
    ...(linear === undefined ? {} : { linear }),
    ...(cluster === undefined ? {} : { cluster }),
    others: named,
  };
}

function findings(log: readonly LogLine[]): Finding[] {
  const found = log.flatMap((line): (Finding & { readonly topic: string })[] => {
    const { step, severity, topic, title, detail, advice } = line;
    if (severity !== 'ok' && severity !== 'info' && severity !== 'warning' && severity !== 'error') return [];
    return [
      {
        severity,
        topic: String(topic ?? title),
        title: Number(step) > 0 ? `Step ${step}: ${title}` : String(title),
        detail: String(detail),
        ...(advice === undefined ? {} : { advice: String(advice) }),
      },
    ];
  });
  return standing(found).map(({ topic: _, ...finding }) => finding);
}

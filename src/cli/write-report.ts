/** Makes a run's `report.html` from what its folder holds: the log, the snapshots, the checkpoint. */
import { z } from 'zod';
import { type Source, scenesSource } from '../data/source.ts';
import { ortNode } from '../engine/ort-node.ts';
import { attentionMasks, bestHeadJaccard, MASK_SHARE } from '../eval/attention-masks.ts';
import { evalImages } from '../eval/eval-images.ts';
import { untrainedWeights, type Weights, weightsUnder } from '../eval/frozen-backbone.ts';
import { l2NormalizedRows, nearestNeighbours } from '../eval/knn.ts';
import { f32, parseSafetensors } from '../format/safetensors.ts';
import type { Image } from '../image/image.ts';
import { resize } from '../image/resize.ts';
import type { EvaluationSection } from '../report/blocks.ts';
import { renderReport } from '../report/html.ts';
import type {
  AttentionSection,
  Curve,
  Curves,
  Finding,
  NeighborSection,
  ObjectMasks,
  Report,
} from '../report/model.ts';
import { attentionExample, picture } from '../report/pictures.ts';
import { decodeSection } from '../report/stored-section.ts';
import { renderScene, sceneClasses } from '../scenes/scene.ts';
import { backboneOf } from '../train/build.ts';
import { networkWeights } from '../train/checkpoint.ts';
import { toFlag } from '../train/config.ts';
import { Monitor } from '../train/monitor.ts';
import type { LogLine, RunFolder } from '../train/run-folder-node.ts';
import { openRecorded, type RunRecord, readRecord } from '../train/run-record.ts';
import { evaluations, tools } from './evaluations/index.ts';
import { duration } from './progress.ts';

const accuracySchema = z.object({ top1: z.record(z.string(), z.number()) });
const knnSchema = z.object({
  trained: accuracySchema,
  untrained: accuracySchema,
  pixels: accuracySchema,
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

const THUMBNAIL = 96;
const QUERIES = 6;
const NEIGHBOURS = 6;
const MASKED_SCENES = 200;

/** @returns what the page shows */
export async function writeRunReport(folder: RunFolder, given: ReportExtras = {}): Promise<Report> {
  const extras = keptExtras(folder, given);
  const record = readRecord(folder);
  const log = folder.readLog();
  const source = extras.source ?? recordedSource(record);
  const report: Report = {
    title: extras.title ?? `DINO on ${source?.name ?? record.source.path}`,
    finishedAt: new Date(),
    facts: facts(record, log),
    recipe: record.choices.map(({ name, value, reason }) => ({ name: `--${toFlag(name)}`, value, reason })),
    command: record.command,
    ...accuracy(extras.knn),
    curves: curves(log, record),
    findings: findings(log),
    ...(source === undefined || !folder.has('checkpoint.safetensors')
      ? {}
      : await pictureSections(folder, record, source, extras.scenesSeed)),
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
    return openRecorded(record);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    console.error(`The report goes without attention and neighbours, which need the run's images: ${cause}`);
    return undefined;
  }
}

/** What is shown on images: attention, neighbours, and, where the objects are known, how well attention covers them. */
async function pictureSections(
  folder: RunFolder,
  { config }: RunRecord,
  source: Source,
  scenesSeed: number | undefined,
): Promise<Pick<Report, 'attention' | 'neighbors' | 'objectMasks'>> {
  const monitor = await Monitor.create(source, config, ortNode);
  const trained = weightsUnder(
    networkWeights(folder.read('checkpoint.safetensors'), folder.path, 'teacher'),
    'backbone.',
  );
  const untrained = untrainedWeights(backboneOf(config), config.globalCropsSize, config.seed);
  const attention = await attentionSection(folder, monitor, source);
  const neighbors = await neighbourSection(monitor, source, trained, untrained);
  const masks =
    scenesSeed === undefined ? undefined : await objectMasks(monitor, trained, untrained, scenesSeed);
  await monitor.dispose();
  return {
    neighbors,
    ...(attention === undefined ? {} : { attention }),
    ...(masks === undefined ? {} : { objectMasks: masks }),
  };
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
      neighbors: Number(k),
      bankImages: knn.bankImages,
      testImages: knn.testImages,
    },
  };
}

function facts(
  { config, source, steps }: RunRecord,
  log: readonly LogLine[],
): { name: string; value: string }[] {
  const network =
    config.arch === 'convnet'
      ? `convolutional net, stages of ${config.widths.join(', ')} channels`
      : `ViT, dim ${config.dim}, depth ${config.depth}, heads ${config.heads}, patch ${config.patchSize}`;
  const rates = log.flatMap((line) =>
    typeof line.images_per_second === 'number' ? [line.images_per_second] : [],
  );
  const rate = rates.sort((a, b) => a - b)[rates.length >> 1] ?? Number.NaN;
  return [
    {
      name: 'Images',
      value: `${source.images} from ${source.path}${source.classes.length > 1 ? `, ${source.classes.length} classes` : ''}`,
    },
    { name: 'Network', value: network },
    {
      name: 'Crops',
      value: `2 of ${config.globalCropsSize} px, ${config.localCropsNumber} of ${config.localCropsSize} px`,
    },
    { name: 'Steps', value: `${steps} of ${config.batchSizePerGpu} images` },
    {
      name: 'Speed',
      value: `${rate.toFixed(0)} images a second, ${duration((steps * config.batchSizePerGpu) / rate)} of training`,
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
  return {
    outDim: config.outDim,
    ...(loss === undefined ? {} : { loss }),
    ...(teacherEntropy === undefined ? {} : { teacherEntropy }),
    ...(divergence === undefined ? {} : { divergence }),
    ...(knn === undefined ? {} : { knn }),
    ...(linear === undefined ? {} : { linear }),
    ...(cluster === undefined ? {} : { cluster }),
    others: named,
  };
}

function findings(log: readonly LogLine[]): Finding[] {
  const found = log.flatMap((line): Finding[] => {
    const { severity, title, detail, advice } = line;
    if (severity !== 'ok' && severity !== 'info' && severity !== 'warning' && severity !== 'error') return [];
    return [
      {
        severity,
        title: `Step ${line.step}: ${title}`,
        detail: String(detail),
        ...(advice === undefined ? {} : { advice: String(advice) }),
      },
    ];
  });
  return found.slice(-6);
}

/** Attention of the watched examples at up to five of the moments that were recorded. */
async function attentionSection(
  folder: RunFolder,
  monitor: Monitor,
  source: Source,
): Promise<AttentionSection | undefined> {
  const files = spread(folder.list('snapshots'), 5);
  if (files.length === 0) return undefined;
  const side = monitor.backbone.attentionSide;
  const moments = files.flatMap((file) => {
    const { tensors, metadata } = parseSafetensors(folder.read(`snapshots/${file}`), file);
    const tensor = tensors.get('attention');
    return tensor === undefined
      ? []
      : [{ step: Number(metadata.step), heads: tensor.shape[1] ?? 0, values: f32(tensor) }];
  });
  const heads = moments[0]?.heads ?? 0;
  const size = heads * side * side;
  const { examples, exampleImages } = monitor.watched;
  const last = moments.at(-1);
  if (last === undefined) return undefined;
  return {
    maskShare: MASK_SHARE,
    examples: await Promise.all(
      exampleImages.map((image, i) => {
        const maps = (values: Float32Array): Float32Array => values.subarray(i * size, (i + 1) * size);
        const final = maps(last.values);
        // A broken network's maps are drawn as they are, without masks.
        const masks = final.every(Number.isFinite)
          ? attentionMasks(final, heads, MASK_SHARE)
          : new Uint8Array(size);
        return attentionExample({
          image: enlarged(image),
          name: source.key(examples[i] ?? 0),
          ...labelOf(source, examples[i] ?? 0),
          heads,
          rows: side,
          columns: side,
          moments: moments.map(({ step, values }) => ({ step, maps: maps(values) })),
          masks,
        });
      }),
    ),
  };
}

function labelOf(source: Source, index: number): { label?: string } {
  const name = source.classes[source.label(index) ?? -1];
  return name === undefined ? {} : { label: name };
}

/** Small images are shown larger, large ones smaller. */
function enlarged(image: Image): Image {
  return image.width === THUMBNAIL ? image : resize(image, THUMBNAIL, THUMBNAIL, 'bicubic');
}

/** First, last and evenly spread ones between. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from(
    { length: count },
    (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))],
  ).filter((x) => x !== undefined);
}

async function neighbourSection(
  monitor: Monitor,
  source: Source,
  trained: Weights,
  untrained: Weights,
): Promise<NeighborSection> {
  const { bank, queries, bankIndices, queryIndices } = monitor.watched;
  if (bank.length === 0) return { queries: [] };
  const { dim } = monitor.backbone;
  const shown = queries.slice(0, QUERIES);
  const k = Math.min(NEIGHBOURS, bank.length);
  const features = async (weights: Weights) => ({
    bank: l2NormalizedRows({ values: await monitor.features(weights, bank), dim }),
    queries: l2NormalizedRows({ values: await monitor.features(weights, shown), dim }),
  });
  const [now, then] = [await features(trained), await features(untrained)];
  // A broken network has no neighbours to show.
  if (![now.bank, now.queries].every(({ values }) => values.every(Number.isFinite))) return { queries: [] };
  const show = async (image: Image | undefined, index: number, similarity?: number) => ({
    picture: await picture(enlarged(image ?? { width: 1, height: 1, channels: 1, data: new Uint8Array(1) })),
    name: source.key(index),
    ...labelOf(source, index),
    ...(similarity === undefined ? {} : { similarity }),
  });
  const [after, before] = [
    await nearestNeighbours(ortNode, now.bank, now.queries, { k }),
    await nearestNeighbours(ortNode, then.bank, then.queries, { k }),
  ];
  const row = (found: typeof after, query: number) =>
    Promise.all(
      Array.from({ length: k }, (_, i) => {
        const at = found.rows[query * k + i] ?? 0;
        return show(bank[at], bankIndices[at] ?? 0, found.similarities[query * k + i]);
      }),
    );
  return {
    queries: await Promise.all(
      shown.map(async (image, query) => ({
        query: await show(image, queryIndices[query] ?? 0),
        trained: await row(after, query),
        untrained: await row(before, query),
      })),
    ),
  };
}

/** How well attention covers the objects of fresh scenes, by class; undefined for networks without attention. */
async function objectMasks(
  monitor: Monitor,
  trained: Weights,
  untrained: Weights,
  seed: number,
): Promise<ObjectMasks | undefined> {
  const { backbone } = monitor;
  if (backbone.config.kind !== 'vit') return undefined;
  const [side, patch] = [backbone.attentionSide, backbone.config.patchSize];
  const size = side * patch;
  const grid = { rows: side, columns: side, patch };
  const scores = sceneClasses.map((name) => ({ name, trained: 0, untrained: 0, images: 0 }));
  const source = scenesSource({ count: MASKED_SCENES, seed, size });
  const each = backbone.config.heads * side * side;
  for await (const batch of evalImages(source, { size, batch: 50 })) {
    const maps = [
      await backbone.attention(trained, batch.pixels),
      await backbone.attention(untrained, batch.pixels),
    ];
    batch.indices.forEach((index, i) => {
      const { mask, label } = renderScene(seed, index, size);
      const object = { width: size, height: size, data: mask };
      const score = scores[label];
      const [now = 0, then = 0] = maps.map((m) =>
        bestHeadJaccard(m.subarray(i * each, (i + 1) * each), grid, object, MASK_SHARE),
      );
      if (score === undefined) return;
      score.trained += now;
      score.untrained += then;
      score.images++;
    });
  }
  return {
    classes: scores.map(({ name, trained: now, untrained: then, images }) => ({
      name,
      trained: now / Math.max(1, images),
      untrained: then / Math.max(1, images),
      images,
    })),
  };
}

/** The parts of a run's report that show images: attention, neighbors, and how well attention covers known objects. */
import { scenesSource } from '../data/scenes-source.ts';
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { attentionMasks, bestHeadJaccard, MASK_SHARE } from '../eval/attention/attention-masks.ts';
import { headsByCenter } from '../eval/attention/central-heads.ts';
import { evalImages } from '../features/eval-images.ts';
import { untrainedWeights, type Weights, weightsUnder } from '../features/network-weights.ts';
import { f32, parseSafetensors } from '../format/safetensors.ts';
import type { Image } from '../image/image.ts';
import { resize } from '../image/resize.ts';
import type { AttentionSection, NeighborSection, ObjectMasks, Report } from '../report/model.ts';
import { attentionExample, picture } from '../report/pictures/pictures.ts';
import { spread } from '../report/pictures/thumbnails.ts';
import { l2NormalizedRows } from '../rows/feature-rows.ts';
import { nearestNeighbors } from '../rows/nearest-neighbors.ts';
import { renderScene, sceneClasses } from '../scenes/scene.ts';
import { backboneOf } from '../train/build.ts';
import { networkWeights } from '../train/checkpoint.ts';
import { evalSizeOf } from '../train/config.ts';
import { LAST } from './checkpoint-files.ts';
import { Monitor } from './monitor.ts';
import type { RunFolder } from './run-folder-node.ts';
import type { RunRecord } from './run-record.ts';
import type { Watch } from './watch.ts';

const THUMBNAIL = 96;
const QUERIES = 6;
const NEIGHBORS = 6;
const MASKED_SCENES = 200;
/** Heads that are shown of a network with many; the others can be unfolded. */
const HEADS = 6;

export interface PictureOptions {
  readonly engine: Engine;
  /** Scenes with object masks: the seed that made them. */
  readonly scenesSeed: number | undefined;
  readonly onProgress?: Watch['onProgress'];
}

/** What is shown on images: attention, neighbors, and, where the objects are known, how well attention covers them. */
export async function pictureSections(
  folder: RunFolder,
  { config }: RunRecord,
  source: Source,
  { engine, scenesSeed, onProgress }: PictureOptions,
): Promise<Pick<Report, 'attention' | 'neighbors' | 'objectMasks'>> {
  const monitor = await Monitor.create(source, config, engine, { onProgress });
  const trained = weightsUnder(networkWeights(folder.read(LAST), folder.path, 'teacher'), 'backbone.');
  const untrained = untrainedWeights(backboneOf(config), evalSizeOf(config), config.seed);
  const attention = await attentionSection(folder, monitor, source);
  const neighbors = await neighborSection(engine, monitor, source, trained, untrained);
  const masks =
    scenesSeed === undefined ? undefined : await objectMasks(monitor, trained, untrained, scenesSeed);
  await monitor.dispose();
  return {
    neighbors,
    ...(attention === undefined ? {} : { attention }),
    ...(masks === undefined ? {} : { objectMasks: masks }),
  };
}

/** Attention of the watched examples at up to five of the moments that were recorded. */
async function attentionSection(
  folder: RunFolder,
  monitor: Monitor,
  source: Source,
): Promise<AttentionSection | undefined> {
  const snapshots = folder.list('snapshots');
  const files = spread(snapshots.length, 5).map((i) => snapshots[i]!);
  if (files.length === 0) return undefined;
  const moments = files.flatMap((file) => {
    const { tensors, metadata } = parseSafetensors(folder.read(`snapshots/${file}`), file);
    const tensor = tensors.get('attention');
    return tensor === undefined
      ? []
      : [{ step: Number(metadata.step), shape: tensor.shape, values: f32(tensor) }];
  });
  const [, heads = 0, side = 0] = moments[0]?.shape ?? [];
  const size = heads * side * side;
  const { examples, exampleImages } = monitor.watched;
  const last = moments.at(-1);
  if (last === undefined) return undefined;
  const grid = { rows: side, columns: side };
  const finals = exampleImages.map((_, i) => last.values.subarray(i * size, (i + 1) * size));
  // A broken network's maps are drawn as they are, without masks.
  const masks = finals.map((final) =>
    final.every(Number.isFinite) ? attentionMasks(final, heads, MASK_SHARE) : new Uint8Array(size),
  );
  const ranked = heads > HEADS ? { shown: headsByCenter(finals, heads, grid).slice(0, HEADS) } : {};
  return {
    maskShare: MASK_SHARE,
    examples: await Promise.all(
      exampleImages.map((image, i) => {
        const maps = (values: Float32Array): Float32Array => values.subarray(i * size, (i + 1) * size);
        return attentionExample({
          image: enlarged(image),
          name: source.key(examples[i] ?? 0),
          ...labelOf(source, examples[i] ?? 0),
          heads,
          ...ranked,
          ...grid,
          moments: moments.map(({ step, values }) => ({ step, maps: maps(values) })),
          masks: masks[i] ?? new Uint8Array(size),
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

async function neighborSection(
  engine: Engine,
  monitor: Monitor,
  source: Source,
  trained: Weights,
  untrained: Weights,
): Promise<NeighborSection> {
  const { bank, queries, bankIndices, queryIndices } = monitor.watched;
  if (bank.length === 0) return { queries: [] };
  const { dim } = monitor.backbone;
  const shown = queries.slice(0, QUERIES);
  const k = Math.min(NEIGHBORS, bank.length);
  const features = async (weights: Weights) => ({
    bank: l2NormalizedRows({ values: await monitor.features(weights, bank), dim }),
    queries: l2NormalizedRows({ values: await monitor.features(weights, shown), dim }),
  });
  const [now, then] = [await features(trained), await features(untrained)];
  // A broken network has no neighbors to show.
  if (![now.bank, now.queries].every(({ values }) => values.every(Number.isFinite))) return { queries: [] };
  const show = async (image: Image | undefined, index: number, similarity?: number) => ({
    picture: await picture(enlarged(image ?? { width: 1, height: 1, channels: 1, data: new Uint8Array(1) })),
    name: source.key(index),
    ...labelOf(source, index),
    ...(similarity === undefined ? {} : { similarity }),
  });
  const [after, before] = [
    await nearestNeighbors(engine, now.bank, now.queries, { k }),
    await nearestNeighbors(engine, then.bank, then.queries, { k }),
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
  const { attentionSide: side, patch, heads } = backbone;
  if (heads === 0) return undefined;
  const size = side * patch;
  const grid = { rows: side, columns: side, patch };
  const scores = sceneClasses.map((name) => ({ name, trained: 0, untrained: 0, images: 0 }));
  const source = scenesSource({ count: MASKED_SCENES, seed, size });
  const each = heads * side * side;
  for await (const batch of evalImages(source, { size, batch: 50 })) {
    const scenes = { pixels: batch.pixels, height: size, width: size };
    const maps = [await backbone.attention(trained, scenes), await backbone.attention(untrained, scenes)];
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

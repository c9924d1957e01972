/**
 * Decode and augment: a JPEG to all its normalized crops, one image after the other in one thread, and by two workers. The peer is torchvision
 * in both its ways, transforms on PIL images and on tensors. Normalizing counts on both sides, though ours is part of
 * the training program where networks are trained.
 */
import { loadBatches } from '../../src/data/loader-node.ts';
import { openSource } from '../../src/data/open-source-node.ts';
import type { Source } from '../../src/data/source.ts';
import { augment, type CropRecipe, dinoAugmentation, viewSizes } from '../../src/image/augment.ts';
import { imagenetStatistics, normalizationTable, normalize } from '../../src/image/normalize.ts';
import { Random } from '../../src/random/random.ts';
import type { BenchContext } from '../context.ts';
import { interleave, timed } from '../interleave.ts';

export const name = 'loader';
export const title = 'Decode and augment, one thread and two workers (ms an image)';

/** Images in a pass, spread over the source. */
const IMAGES = 96;

const recipes = {
  '2x224+8x96': dinoAugmentation,
  '2x96+6x48': { ...dinoAugmentation, globalSize: 96, localSize: 48, localCrops: 6 },
  '2x32+4x16': { ...dinoAugmentation, globalSize: 32, localSize: 16, localCrops: 4 },
} satisfies Readonly<Record<string, CropRecipe>>;

/** One pass over the chosen images; nothing is kept from one image to the next. */
function makePass(source: Source, chosen: readonly number[], recipe: CropRecipe): () => Promise<void> {
  const reader = source.open();
  const views = viewSizes(recipe);
  const numbers = views.reduce((sum, size) => sum + size * size * recipe.channels, 0);
  const pixels = new Uint8Array(numbers);
  const crops = new Float32Array(numbers);
  const table = normalizationTable(imagenetStatistics);
  return async () => {
    for (const index of chosen) {
      augment(await reader.read(index), recipe, new Random(0, 'bench', index), pixels);
      let offset = 0;
      for (const size of views) {
        const length = size * size * recipe.channels;
        const data = pixels.subarray(offset, offset + length);
        normalize({ width: size, height: size, channels: recipe.channels, data }, table, crops, offset);
        offset += length;
      }
    }
  };
}

export async function run(context: BenchContext): Promise<void> {
  if (context.images === undefined) {
    context.note('Left out: name a folder or tar file of images with --images.');
    return;
  }
  const source = openSource(context.images, { channels: 3 });
  const count = Math.min(IMAGES, source.length);
  const chosen = Array.from({ length: count }, (_, i) => Math.floor((i * source.length) / count));
  for (const [label, recipe] of Object.entries(recipes)) {
    const config = {
      path: context.images,
      image: recipe.globalSize,
      local: recipe.localSize,
      locals: recipe.localCrops,
      limit: count,
      threads: 1,
    };
    const pil = await context.openPeer('loader', { ...config, backend: 'pil' });
    const tensor = await context.openPeer('loader', { ...config, backend: 'tensor' });
    const pass = makePass(source, chosen, recipe);
    const times = await interleave(context.rounds, {
      ours: () => timed(pass),
      pil: pil && (() => pil.run()),
      tensor: tensor && (() => tensor.run()),
    });
    const oursMs = times.ours!.median / count;
    const work = `${label}, one image`;
    if (pil === undefined || tensor === undefined) {
      context.report({ work, oursMs });
      continue;
    }
    const peers = { 'torchvision, PIL': times.pil, 'torchvision v2, tensors': times.tensor };
    for (const [peer, spread] of Object.entries(peers)) {
      context.report({ work, peer, oursMs, peerMs: spread!.median / count });
    }
    await Promise.all([pil.dispose(), tensor.dispose()]);
  }
  for (const label of ['2x224+8x96', '2x32+4x16'] as const) await withWorkers(context, source, label);
}

/** Images of a pass of several workers: enough that starting and ending it do not count. */
const MANY = 384;
/** Batches that our loader holds ready. */
const AHEAD = 4;

/** The same by two workers of each side: our threads, processes of PyTorch's DataLoader. */
async function withWorkers(
  context: BenchContext,
  source: Source,
  label: keyof typeof recipes,
): Promise<void> {
  const recipe = recipes[label] ?? dinoAugmentation;
  const count = Math.min(MANY, source.length) - (Math.min(MANY, source.length) % 16);
  const peer = await context.openPeer('loader', {
    ...{ path: context.images, image: recipe.globalSize, local: recipe.localSize, locals: recipe.localCrops },
    ...{ limit: count, threads: 1, backend: 'pil', workers: 2 },
  });
  // One endless loader, as in training; a pass is so many batches of it. Nothing is kept of an image.
  const batches = loadBatches(source, {
    ...{ recipe, batchSize: 16, seed: 0, toStep: 1e6, workers: 2, cacheBytes: 0 },
  });
  const take = async (number: number): Promise<void> => {
    for (let i = 0; i < number; i++) (await batches.next()).value?.release();
  };
  const ours = async (): Promise<number> => {
    await take(AHEAD); // prepared while the peer had its turn
    return timed(() => take(count / 16));
  };
  const times = await interleave(context.rounds, { ours, peer: peer && (() => peer.run()) });
  await batches.return();
  context.report({
    work: `${label}, two workers`,
    peer: peer && 'DataLoader, PIL',
    oursMs: times.ours!.median / count,
    peerMs: times.peer && times.peer.median / count,
  });
}

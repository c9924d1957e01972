/** What descriptors are compared with: the untrained network's, raw pixels and their principal components; whitened if asked. */
import type { Engine } from '../engine/engine.ts';
import type { FeatureRows } from '../rows/feature-rows.ts';
import { fitPca, projectPca } from '../rows/pca.ts';
import { learnWhitening, whiten } from '../rows/whitening.ts';
import type { Contender } from './baselines.ts';
import type { DescribedImages } from './describe-images.ts';

/** Principal components of the pixels. */
const COMPONENTS = 128;

export interface DescribedContendersOptions {
  /** Images from which each network's whitening is learned; pixels are left as they are. */
  readonly whitening?: DescribedImages | undefined;
  /** Whether principal components of the first set's pixels are compared too. Default true. */
  readonly pca?: boolean;
}

/**
 * Components that are kept when whitening is learned from so many images: no more than there are images, since the others
 * would be noise made as large as the rest. With more images than numbers it is all of them, as in the official code.
 */
export function whiteningDim(whitening: DescribedImages): number {
  const dim = whitening.descriptors.get('trained')?.dim ?? 0;
  return Math.min(dim, whitening.indices.length);
}

/** @param sets described under the weights `trained` and `untrained` */
export async function describedContenders(
  engine: Engine,
  sets: readonly DescribedImages[],
  { whitening, pca = true }: DescribedContendersOptions = {},
): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const name of ['trained', 'untrained'] as const) {
    const rows = sets.map(({ descriptors }) => descriptors.get(name)!);
    contenders.push({ name, sets: await whitened(engine, rows, name, whitening) });
  }
  const pixels = sets.map((set) => set.pixels);
  contenders.push({ name: 'pixels', sets: pixels });
  const [first] = pixels;
  if (pca && first !== undefined) {
    const fitted = await fitPca(engine, first, COMPONENTS);
    const projected: FeatureRows[] = [];
    for (const rows of pixels) projected.push(await projectPca(engine, fitted, rows));
    contenders.push({ name: 'pca', sets: projected });
  }
  return contenders;
}

async function whitened(
  engine: Engine,
  sets: readonly FeatureRows[],
  name: string,
  whitening: DescribedImages | undefined,
): Promise<readonly FeatureRows[]> {
  const from = whitening?.descriptors.get(name);
  if (whitening === undefined || from === undefined) return sets;
  const learned = await learnWhitening(engine, from, { dim: whiteningDim(whitening) });
  const out: FeatureRows[] = [];
  for (const rows of sets) out.push(await whiten(engine, learned, rows));
  return out;
}

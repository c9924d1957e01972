/**
 * What every evaluation of image features compares: the trained network with its baselines, which are the same network untrained,
 * raw pixels and their principal components. A score says something only beside these.
 */
import { pathIn } from '../data/skipped-images.ts';
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import type { FeatureRows } from '../rows/feature-rows.ts';
import { fitPca, type Pca, projectPca } from '../rows/pca.ts';
import { learnWhitening, whiten } from '../rows/whitening.ts';
import type { DescribedImages } from './describe-images.ts';
import type { NetworkFeature } from './descriptors.ts';
import { type Extracted, extractFeatures } from './extract.ts';
import type { FrozenBackbone } from './frozen-backbone.ts';
import type { Weights } from './network-weights.ts';
import type { OnProgress } from './on-progress.ts';
import { type ViewCount, viewsOf } from './views.ts';

/** The trained network, or one of its baselines. */
export type ComparedName = 'trained' | 'untrained' | 'pixels' | 'pca';

/** What the trained network is compared with. */
export type BaselineName = Exclude<ComparedName, 'trained'>;

export const comparedTitles: Readonly<Record<ComparedName, string>> = {
  trained: 'trained network',
  untrained: 'the same, untrained',
  pixels: 'raw pixels',
  pca: 'PCA of pixels',
};

/** In the order in which they are shown. */
export const comparedNames = Object.keys(comparedTitles) as readonly ComparedName[];

/** A value for each of the baselines. */
export function forBaselines<T>(of: (name: BaselineName) => T): Record<BaselineName, T> {
  return { untrained: of('untrained'), pixels: of('pixels'), pca: of('pca') };
}

/** Principal components of the pixels that are compared with. */
const COMPONENTS = 128;

/** Features of one kind of all sets. */
export interface Compared {
  readonly name: ComparedName;
  /** One for each set; a row for each image that could be read. */
  readonly sets: readonly FeatureRows[];
}

/** The two networks that are compared, and what they run in. */
export interface CompareOptions {
  readonly backbone: FrozenBackbone;
  readonly trained: Weights;
  readonly untrained: Weights;
  readonly engine: Engine;
  /** What is taken of the network; the class token or the pooled feature unless given. */
  readonly feature?: NetworkFeature;
  /** Views of each image whose features are averaged; one, the official protocol, unless given. */
  readonly views?: ViewCount;
  /** What is wanted of the trained network and its baselines; all unless given. */
  readonly names?: readonly ComparedName[];
  readonly onProgress?: OnProgress;
}

/** Both networks' weights, by the names that they are compared under. */
export function comparedWeights(
  networks: Pick<CompareOptions, 'trained' | 'untrained'>,
  names: readonly ComparedName[] = comparedNames,
): Map<string, Weights> {
  return new Map(comparedNetworks(names).map((name) => [name, networks[name]]));
}

const comparedNetworks = (names: readonly ComparedName[]) =>
  (['trained', 'untrained'] as const).filter((name) => names.includes(name));

/** What is compared of some sources. */
export interface Comparison {
  /** One for each source. */
  readonly sets: readonly Extracted[];
  readonly compared: readonly Compared[];
  /** The principal components of the first source's pixels, where they are wanted. */
  readonly pca: Pca | undefined;
}

/**
 * Extracts the features of all sources under both networks, and those of the baselines. Images are decoded once.
 *
 * @param sources the principal components are fitted on the first
 * @throws Error if no image of a source can be read
 */
export async function compareFeatures(
  sources: readonly Source[],
  options: CompareOptions,
): Promise<Comparison> {
  const { engine, names = comparedNames, onProgress } = options;
  const sets: Extracted[] = [];
  for (const source of sources)
    sets.push(await extractNamed(source, comparedWeights(options, names), options));
  const [first] = sets;
  if (first === undefined) throw new RangeError('No source was given to compare on: give one or more.');
  if (!names.includes('pca'))
    return { sets, compared: await compareDescribed(engine, sets, { names }), pca: undefined };
  const watch = (done: number): void => onProgress?.('principal components of the pixels', done, COMPONENTS);
  watch(0);
  const pca = await pixelComponents(engine, first);
  watch(COMPONENTS);
  return { sets, compared: await compareDescribed(engine, sets, { pca, names }), pca };
}

/** Extracts the features of a source; what could not be read is named with the source's own name. */
export async function extractNamed(
  source: Source,
  weights: ReadonlyMap<string, Weights>,
  { backbone, feature, views = 1, onProgress }: Omit<CompareOptions, 'trained' | 'untrained' | 'engine'>,
): Promise<Extracted> {
  const extracted = await extractFeatures(source, {
    backbone,
    weights,
    feature,
    view: (image) => viewsOf(image, backbone.preprocessing, views),
    onProgress: (done, total) => onProgress?.(`features of ${source.name}`, done, total),
  });
  const skipped = extracted.skipped.map(({ key, reason }) => ({ key: pathIn(source, key), reason }));
  return { ...extracted, skipped };
}

/** The principal components of the pixels of some images. */
export function pixelComponents(engine: Engine, { pixels }: DescribedImages): Promise<Pca> {
  return fitPca(engine, pixels, COMPONENTS);
}

export interface DescribedComparison {
  /** Images from which each network's whitening is learned; pixels are left as they are. */
  readonly whitening?: DescribedImages | undefined;
  /** Components that the pixels are compared by, too; those of the first set, usually. */
  readonly pca?: Pca | undefined;
  /** As in `CompareOptions`. */
  readonly names?: readonly ComparedName[];
}

/** @param sets described under weights named `trained` and `untrained` */
export async function compareDescribed(
  engine: Engine,
  sets: readonly DescribedImages[],
  { whitening, pca, names = comparedNames }: DescribedComparison = {},
): Promise<Compared[]> {
  const compared: Compared[] = [];
  for (const name of comparedNetworks(names)) {
    const rows = sets.map(({ features }) => features.get(name)!);
    compared.push({ name, sets: await whitened(engine, rows, name, whitening) });
  }
  const pixels = sets.map((set) => set.pixels);
  if (names.includes('pixels')) compared.push({ name: 'pixels', sets: pixels });
  if (pca !== undefined) {
    const projected: FeatureRows[] = [];
    for (const rows of pixels) projected.push(await projectPca(engine, pca, rows));
    compared.push({ name: 'pca', sets: projected });
  }
  return compared;
}

/**
 * Components that are kept when whitening is learned from so many images: no more than there are images, since the others
 * would be noise made as large as the rest. With more images than numbers it is all of them, as in the official code.
 */
export function whiteningDim({ features, indices }: DescribedImages): number {
  return Math.min(features.get('trained')?.dim ?? 0, indices.length);
}

async function whitened(
  engine: Engine,
  sets: readonly FeatureRows[],
  name: string,
  whitening: DescribedImages | undefined,
): Promise<readonly FeatureRows[]> {
  const from = whitening?.features.get(name);
  if (whitening === undefined || from === undefined) return sets;
  const learned = await learnWhitening(engine, from, { dim: whiteningDim(whitening) });
  const out: FeatureRows[] = [];
  for (const rows of sets) out.push(await whiten(engine, learned, rows));
  return out;
}

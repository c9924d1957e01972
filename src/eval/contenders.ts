/**
 * What every evaluation of image features compares: the trained network, the same network untrained, raw pixels and their
 * principal components. A score says something only beside these.
 */
import type { Source } from '../data/source.ts';
import { labeledPart } from '../data/subset.ts';
import type { Engine } from '../engine/engine.ts';
import { type Extracted, extractFeatures, type NetworkFeature } from './extract.ts';
import type { FrozenBackbone, Weights } from './frozen-backbone.ts';
import type { FeatureRows } from './knn.ts';
import { fitPca, type Pca, projectPca } from './pca.ts';
import { pathIn } from './skipped-images.ts';
import { type ViewCount, viewsOf } from './views.ts';

export type ContenderName = 'trained' | 'untrained' | 'pixels' | 'pca';

export const contenderTitles: Readonly<Record<ContenderName, string>> = {
  trained: 'trained network',
  untrained: 'the same, untrained',
  pixels: 'raw pixels',
  pca: 'PCA of pixels',
};

/** In the order in which they are shown. */
export const contenderNames = Object.keys(contenderTitles) as readonly ContenderName[];

/** Principal components of the pixels that are compared with. */
const COMPONENTS = 128;

/** Features of one kind of all sources. */
export interface Contender {
  readonly name: ContenderName;
  /** One for each source; a row for each image that could be read. */
  readonly sets: readonly FeatureRows[];
}

/** The images of one source. */
export interface ComparedSet {
  readonly source: Source;
  /** Class of every row, -1 where the image has none. */
  readonly labels: Int32Array;
  /** Number of every row's image in the source. */
  readonly indices: Int32Array;
  readonly skipped: Extracted['skipped'];
}

export interface Comparison {
  readonly sets: readonly ComparedSet[];
  readonly contenders: readonly Contender[];
  /** The principal components of the first source's pixels. */
  readonly pca: Pca;
}

export interface CompareOptions {
  readonly backbone: FrozenBackbone;
  readonly trained: Weights;
  readonly untrained: Weights;
  readonly engine: Engine;
  /** What is taken of the network; the class token or the pooled feature unless given. */
  readonly feature?: NetworkFeature;
  /** Views of each image whose features are averaged; one, the official protocol, unless given. */
  readonly views?: ViewCount;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/**
 * Extracts the features of all sources under all contenders. Images are decoded once.
 *
 * @param sources the principal components are fitted on the first
 * @throws Error if no image of a source can be read
 */
export async function compareFeatures(
  sources: readonly Source[],
  { backbone, trained, untrained, engine, feature, views = 1, onProgress }: CompareOptions,
): Promise<Comparison> {
  const weights = new Map([
    ['trained', trained],
    ['untrained', untrained],
  ]);
  const extracted: Extracted[] = [];
  for (const source of sources) {
    const watch = (done: number, total: number) => onProgress?.(`features of ${source.name}`, done, total);
    extracted.push(
      await extractFeatures(source, backbone, weights, watch, {
        view: (image) => viewsOf(image, backbone.preprocessing, views),
        ...(feature === undefined ? {} : { feature }),
      }),
    );
  }
  const [first] = extracted;
  if (first === undefined) throw new RangeError('No source was given to compare on: give one or more.');
  onProgress?.('principal components of the pixels', 0, COMPONENTS);
  const pca = await fitPca(engine, { values: first.pixels, dim: first.pixelDim }, COMPONENTS);
  const sets: Record<ContenderName, FeatureRows>[] = [];
  for (const one of extracted) sets.push(await featureSets(engine, one, feature?.dim ?? backbone.dim, pca));
  return {
    pca,
    sets: extracted.map(({ labels, indices, skipped }, i) => ({
      source: sources[i]!,
      labels,
      indices,
      skipped: skipped.map(({ key, reason }) => ({ key: pathIn(sources[i]!, key), reason })),
    })),
    contenders: contenderNames.map((name) => ({ name, sets: sets.map((set) => set[name]) })),
  };
}

/**
 * What was extracted with weights named `trained` and `untrained`, as the rows of each contender.
 *
 * @param dim width of the network's feature
 */
export async function featureSets(
  engine: Engine,
  { features, pixels, pixelDim }: Extracted,
  dim: number,
  pca: Pca,
): Promise<Record<ContenderName, FeatureRows>> {
  const network = (name: 'trained' | 'untrained'): FeatureRows => ({
    values: features.get(name) ?? new Float32Array(),
    dim,
  });
  const raw = { values: pixels, dim: pixelDim };
  return {
    trained: network('trained'),
    untrained: network('untrained'),
    pixels: raw,
    pca: await projectPca(engine, pca, raw),
  };
}

/**
 * The images of a source that have a class.
 *
 * @throws Error unless the source has as many classes: two to tell apart, or one to be asked about
 */
export function requireLabels(source: Source, evaluation: string, least: 1 | 2 = 2): Source {
  if (source.classes.length >= least) return labeledPart(source);
  const found = source.classes.length === 1 ? `only one class ("${source.classes[0]}")` : 'no class folders';
  throw new Error(
    `${source.name} has ${found}, and ${evaluation} needs labels: put the images of each class into a folder of their own.`,
  );
}

/**
 * The classes of a test set as numbers of the training set.
 *
 * @returns the training class of every test class
 * @throws Error if a class of the test set is unknown to the training set
 */
export function matchClasses(train: Source, test: Source): Int32Array {
  return Int32Array.from(test.classes, (name) => {
    const label = train.classes.indexOf(name);
    if (label >= 0) return label;
    throw new Error(
      `the class "${name}" of ${test.name} does not occur in ${train.name}: evaluate on the same classes.`,
    );
  });
}

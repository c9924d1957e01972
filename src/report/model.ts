/**
 * What a report shows, as plain data: the page is a pure function of it (`renderReport`). Every section is optional and is
 * left out when its data are absent; what needs labels is never made up where there are none.
 */
import type { EvaluationSection, Measured } from './blocks.ts';
import type { Finding } from './finding.ts';
import type { Picture } from './picture.ts';

export interface Report {
  readonly title: string;
  readonly finishedAt?: Date;
  /** Name and value of what a reader asks first: the images, the model, the device, the duration. */
  readonly facts?: readonly Fact[];
  readonly recipe?: readonly RecipeChoice[];
  /** The command lines that made the run: the first one, and those that gave it another length. */
  readonly commands?: readonly string[];
  /** Of a run that a budget in minutes gave its length. */
  readonly timed?: {
    /** The command that makes as many steps on any machine, where there is one. */
    readonly command?: string;
  };
  readonly accuracy?: KnnAccuracy;
  readonly curves?: Curves;
  /** Why what is drawn on images is not there, or not new: a sentence. */
  readonly withoutImages?: string;
  readonly attention?: AttentionSection;
  readonly neighbors?: NeighborSection;
  readonly objectMasks?: ObjectMasks;
  /** What evaluations found, in order. */
  readonly evaluations?: readonly EvaluationSection[];
  /** What the doctor found; an empty list says that it looked and found nothing. */
  readonly findings?: readonly ReportFinding[];
  readonly versions?: readonly Fact[];
}

/** A finding; those of several runs stand beside each other by their topics. */
export type ReportFinding = Omit<Finding, 'topic'> & Partial<Pick<Finding, 'topic'>>;

export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** A value of the recipe, and why: given, or chosen for the user. */
export interface RecipeChoice {
  readonly name: string;
  readonly value: string;
  readonly reason: string;
}

/** k-NN top-1 accuracies as shares, 0 to 1, all measured with the same bank and the same test images. */
export interface KnnAccuracy {
  readonly trained?: number;
  /** The same network before its first step. */
  readonly untrained?: number;
  readonly rawPixels?: number;
  /** Principal components of the pixels. */
  readonly pixelPca?: number;
  /** What guessing gives. */
  readonly chance?: number;
  readonly neighbors: number;
  readonly bankImages: number;
  readonly testImages: number;
}

/** One value at each of some steps; NaN where there was none, or where the run broke. */
export interface Curve {
  readonly steps: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

/** How a curve is read. */
export interface Reading {
  /** What to look for. */
  readonly caption?: string;
  /** Values that it is read by. */
  readonly references?: readonly { readonly name: string; readonly value: number }[];
}

export interface Curves {
  readonly loss?: Curve & Reading;
  /** What the method watches besides. */
  readonly measures?: readonly (Curve & Reading & { readonly name: string; readonly title: string })[];
  /** k-NN top-1 of the teacher's features during the run, as shares. */
  readonly knn?: Curve;
  /** The same of raw pixels. */
  readonly knnPixels?: number | undefined;
  /** How many images are asked at each online evaluation. */
  readonly evaluationImages?: number | undefined;
  readonly measured?: Measured;
  /** Top-1 of a linear classifier on the teacher's features, as shares. */
  readonly linear?: Curve;
  /** Normalized mutual information of classes and clusters of the teacher's features. */
  readonly cluster?: Curve;
  /** Schedules and measurements that are good to have but not read first, such as the learning rate. */
  readonly others?: readonly NamedCurve[];
}

export interface NamedCurve extends Curve {
  readonly name: string;
}

export interface AttentionSection {
  /** The share of the attention that a mask holds, 0.6 in the paper. */
  readonly maskShare: number;
  readonly examples: readonly AttentionExample[];
}

/** Where the network looks in one image, at several moments of the run. */
export interface AttentionExample {
  readonly name: string;
  readonly label?: string;
  readonly input: Picture;
  /** The moments, ascending; column order of the maps. */
  readonly steps: readonly number[];
  /** The rows to show, and those to show on request. */
  readonly heads: readonly AttentionHead[];
  readonly others: readonly AttentionHead[];
}

export interface AttentionHead {
  /** `head 3`, counted from 1. */
  readonly name: string;
  /** One tile for each moment. */
  readonly maps: readonly Picture[];
  /** The thresholded map of the last moment over the image. */
  readonly mask?: Picture;
}

export interface NeighborSection {
  readonly queries: readonly NeighborQuery[];
}

export interface NeighborQuery {
  readonly query: NeighborImage;
  /** Nearest first. */
  readonly trained: readonly NeighborImage[];
  readonly untrained?: readonly NeighborImage[];
}

export interface NeighborImage {
  readonly picture: Picture;
  readonly name: string;
  readonly label?: string;
  /** Cosine similarity to the query. */
  readonly similarity?: number;
}

/** Mean Jaccard index (0 to 1) between the best head's mask and the object's true mask. */
export interface ObjectMasks {
  readonly classes: readonly ObjectMaskScore[];
}

export interface ObjectMaskScore {
  readonly name: string;
  readonly trained: number;
  readonly untrained?: number;
  readonly images?: number;
}

/**
 * What a self-supervised method is, to the rest of the library: the views it wants of an image, the networks it trains,
 * and an objective written in symbolic tensors. `train/` compiles it into programs, feeds and updates it.
 */
import type { Values } from '../engine/values.ts';
import type { DType, Scope, Shape, Tensor } from '../graph/index.ts';
import type { Random } from '../random/random.ts';
import type { Across } from './across.ts';
import type { SingleImage } from './batch-size.ts';

/** Views of one size that follow each other and so share one forward pass. */
export interface ViewGroup {
  /** Side in pixels. */
  readonly size: number;
  /** How many views of each image. */
  readonly count: number;
}

/**
 * Values that enter a program with each image besides its pixels: random numbers, which are drawn outside so that graphs are
 * deterministic, a mask, a class.
 */
export interface SampleInput {
  /** Of the values; f32 unless given. */
  readonly dtype?: DType;
  /** Shape for so many images. */
  shape(images: number): Shape;
  /** Values for some images of the step, in that shape. */
  values(samples: Samples): Values;
}

/** Images `start` to `start + images - 1` of a step, counted over all processes. */
export interface Samples {
  readonly start: number;
  readonly images: number;
  /** Draws for one image, by its number in the step: the same however the step is parted. */
  random(image: number): Random;
}

export interface ObjectiveInputs {
  readonly student: Scope;
  readonly teacher: Scope;
  /** A network that stays as it is; its weights are given to the trainer. */
  readonly frozen: Scope;
  /** Images in this program (a micro-batch). */
  readonly images: number;
  /** Images in the whole step, of all processes; losses are means over these. */
  readonly batch: number;
  /** Where images of a batch meet that several processes share; one has them all unless given. */
  readonly across?: Across;
  /** Pixels of view group g: [count * images, C, size, size], view after view. */
  crops(group: number): Tensor;
  /** A scheduled number, such as the teacher's temperature. Shape []. */
  scalar(name: string): Tensor;
  /** The method's own state as the step found it. */
  state(name: string): Tensor;
  /** A declared sample input. */
  sample(name: string): Tensor;
}

export interface Objective {
  /** This program's part of the loss: a sum over its images divided by `batch`. */
  readonly loss: Tensor;
  /** Sums over images that the method needs of the whole step; they are added up over micro-batches and processes. */
  readonly sums: Readonly<Record<string, Tensor>>;
  /** The method's state after the step, from the sums over the whole step. */
  nextState(total: (sum: string) => Tensor): Readonly<Record<string, Tensor>>;
  /** Numbers to watch by the keys of the method's measures, parts like `loss`. */
  readonly measures: Readonly<Record<string, Tensor>>;
}

/** A number that a method watches in every step, and how it is shown. */
export interface Measure {
  /** In the objective, `log.txt` and TensorBoard: `teacher_entropy`. */
  readonly key: string;
  /** On the progress line: "teacher entropy". */
  readonly name: string;
  /** Above its chart. */
  readonly title: string;
  /** What to look for in its curve. */
  readonly caption: string;
  /** Values that it is read by. */
  readonly references?: readonly Reference[];
}

export interface Reference {
  readonly name: string;
  readonly value: number;
}

/** What the doctor is told of a step. */
export interface Vitals {
  readonly step: number;
  readonly loss: number;
  /** By key. */
  readonly measures: Readonly<Record<string, number>>;
  readonly lr: number;
  /** Largest L2 norm of a parameter's gradient. */
  readonly gradientNorm: number;
}

/** What a method says of its latest steps. */
export interface Verdict {
  readonly severity: 'ok' | 'warning';
  readonly title: string;
  readonly detail: string;
  readonly advice?: string;
}

/** Why images of a batch depend on each other. */
export interface Coupling {
  /** "batch norm in the head" */
  readonly cause: string;
  /** Flags without which they do not. */
  readonly wayOut?: string;
  /** Said of a step of one image, where that is none. */
  readonly single?: SingleImage;
  /** Whether the objective looks at the images of all ranks (`inputs.across`); otherwise it is trained on one. */
  readonly acrossRanks?: boolean;
}

export interface Method {
  readonly name: string;
  readonly views: readonly ViewGroup[];
  /** Why a step cannot be split into micro-batches, where the loss of one image depends on others. */
  readonly coupling?: Coupling | undefined;
  /** State besides parameters, all zeros at the start. */
  readonly stateShapes: Readonly<Record<string, Shape>>;
  readonly sampleInputs: Readonly<Record<string, SampleInput>>;
  /** Names of the scheduled numbers the objective asks for. */
  readonly scalars: readonly string[];
  /** How the curve of the loss is read. */
  readonly loss: Pick<Measure, 'caption' | 'references'>;
  /** What it watches besides, in the order of a report; the first stands on the progress line. */
  readonly measures: readonly Measure[];
  /** What may be changed where features of different images are all alike, or a number is not finite any more. */
  readonly hints: { readonly alike: string; readonly notFinite?: string };
  /** Judges the mean of the latest steps: the one thing to say of them. */
  examine(mean: Pick<Vitals, 'loss' | 'measures'>): Verdict;
  /** Parameters that a run may hold still at its start (`--freeze_last_layer`). */
  isLastLayer(parameter: string): boolean;
  /**
   * How they are held still: their gradient is dropped, as if they were not trained yet (DINO, the default), or their rate is 0, so
   * that the optimizer's moments gather (DINOv2).
   */
  readonly heldBy?: 'gradient' | 'rate';
  /** What a parameter's learning rate is multiplied by (layer-wise decay); 1 unless given. */
  lrFactor?(parameter: string): number;
  /** Parameters of one name here have one gradient norm, which is clipped; each has its own unless given. */
  clipGroup?(parameter: string): string;
  objective(inputs: ObjectiveInputs): Objective;
}

/** Groups consecutive views of equal size, as the official MultiCropWrapper does. */
export function groupViews(sizes: readonly number[]): ViewGroup[] {
  const groups: ViewGroup[] = [];
  for (const size of sizes) {
    const last = groups.at(-1);
    if (last?.size === size) groups[groups.length - 1] = { size, count: last.count + 1 };
    else groups.push({ size, count: 1 });
  }
  return groups;
}

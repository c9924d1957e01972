/** What an evaluation is of: a trained network, and the same network before its first step beside it. */
import type { LabelChoice, SourceOptions } from '../data/source.ts';
import type { Weights } from '../features/network-weights.ts';
import type { Levels } from '../image/levels.ts';
import type { Preprocessing } from '../image/preprocessing.ts';
import type { BackboneConfig } from '../model/backbone.ts';
import type { AskedPreprocessing } from '../weights/stated-preprocessing.ts';
import type { RunFolder } from './run-folder-node.ts';
import type { RunRecord } from './run-record.ts';

export interface Subject {
  /** The path as it was given. */
  readonly name: string;
  /** Where results are kept: the run folder, or `<name>-<hash>-eval` for weights of other origin. */
  readonly folder: RunFolder;
  /** How it was trained here; undefined for weights of other origin. */
  readonly record: RunRecord | undefined;
  readonly backbone: BackboneConfig;
  /** Side of the input, pixels. */
  readonly size: number;
  /** How images become the input. */
  readonly preprocessing: Preprocessing;
  /** Where that stands: the file that says it, or "the run"; undefined where nothing says it. */
  readonly preprocessingOrigin: string | undefined;
  /** Where several configs beside weights say what network it is: which of them is taken, and why. */
  readonly choice?: string;
  readonly channels: 1 | 3;
  /** How images are decoded for it. */
  readonly imageOptions: SourceOptions;
  /** The teacher's backbone. */
  readonly trained: Weights;
  /** Tensors that the file lacks and that were allowed to be missing: they keep the values of a fresh network. */
  readonly allowed: readonly string[];
  /** Of the run, where the weights tell it; else 0. */
  readonly seed: number;
  /** What that seed started from: for weights of other origin another network of the same shape. */
  readonly untrained: Weights;
}

export interface SubjectOptions {
  /** The latest checkpoint of a run, or the one with the best score. Default `last`. */
  readonly checkpoint?: 'last' | 'best';
  /** Which network of an official full checkpoint. Default `teacher`. */
  readonly checkpointKey?: string;
  /** Attention heads, where weights do not tell. */
  readonly heads?: number;
  /** Tensors that may be missing; they keep their initial values. */
  readonly allowMissing?: readonly string[];
  /** What takes the place of the preprocessing that belongs to the weights. */
  readonly preprocessing?: AskedPreprocessing;
  /** Black and white of samples that are not bytes; those of the run unless given. */
  readonly levels?: Levels | undefined;
  /** Whether images have classes. Default `auto`. */
  readonly labels?: LabelChoice | undefined;
  /** Where weights that are in no run folder get a folder for their results; the working directory unless given. */
  readonly results?: string;
}

/** A subject whose folder and untrained network are made when they are first asked for: training needs neither. */
export function lazySubject(
  known: Omit<Subject, 'folder' | 'untrained'>,
  make: { readonly folder: () => RunFolder; readonly untrained: () => Weights },
): Subject {
  let folder: RunFolder | undefined;
  let untrained: Weights | undefined;
  return {
    ...known,
    get folder() {
      folder ??= make.folder();
      return folder;
    },
    get untrained() {
      untrained ??= make.untrained();
      return untrained;
    },
  };
}

/** What a WGSL program is: kernels with their text, the places they read and write, and what is copied before and after them. */
import type { Border } from '../target.ts';

/**
 * Where values lie. `memory` is what results of kernels share, each while it is needed; an input that a result of the same name and
 * type replaces has only a place as an output: it is updated in place.
 */
export type Place =
  | { readonly kind: 'memory'; readonly words: number }
  | { readonly kind: 'constants'; readonly words: Uint32Array<ArrayBuffer> }
  | { readonly kind: 'input' | 'output'; readonly name: string };

export interface Binding {
  /** Number of the place in the program's list. */
  readonly place: number;
  readonly writes: boolean;
}

/**
 * One dispatch. Binding 0 is the uniform with `words`, where in its places the values begin; then follow `bindings`. Kernels of one
 * text are one pipeline.
 */
export interface WgslKernel {
  /** What it computes, for people. */
  readonly title: string;
  readonly code: string;
  readonly bindings: readonly Binding[];
  readonly words: Uint32Array<ArrayBuffer>;
  /** How many workgroups, spread over x and y by `gridOf`. */
  readonly workgroups: number;
}

/** Words (of four bytes) that are copied from place to place. */
export interface Copy {
  readonly from: number;
  readonly fromWord: number;
  readonly to: number;
  readonly toWord: number;
  readonly words: number;
}

export interface WgslProgram extends Border {
  readonly places: readonly Place[];
  /** Inputs that are copied before anything is written. */
  readonly before: readonly Copy[];
  readonly kernels: readonly WgslKernel[];
  readonly after: readonly Copy[];
  /** Inputs that a result of the same name takes the place of. */
  readonly inPlace: ReadonlySet<string>;
  /** Primitives that were compiled. */
  readonly primitives: number;
}

/** What of a device the compiler has to know. */
export interface WgslLimits {
  /** Bytes of the largest part of a buffer that a kernel can read or write. */
  readonly bindingBytes: number;
  /** Storage buffers of a kernel. */
  readonly storageBuffers: number;
}

/** What every WebGPU device has. */
export const leastLimits: WgslLimits = { bindingBytes: 2 ** 27, storageBuffers: 8 };

/** Workgroups along an axis that every WebGPU device has. */
const WIDEST = 65_535;

/** Workgroups along x and y. */
export function gridOf(workgroups: number): readonly [number, number] {
  return workgroups <= WIDEST ? [workgroups, 1] : [WIDEST, Math.ceil(workgroups / WIDEST)];
}

/** The number of a workgroup, in WGSL. */
export const WORKGROUP = `group.x + group.y * ${WIDEST}u`;

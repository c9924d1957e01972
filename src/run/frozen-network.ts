import type { OwnOptions } from '../method/definition.ts';

/** A trained network that a method learns from and that stays as it is. */
export interface FrozenNetwork {
  /** As it was given. */
  readonly name: string;
  /** By their names in it: `backbone.norm.weight`. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** What the config of a run holds of it. */
  readonly options: OwnOptions;
  /** Which of several configs beside it is taken, and why. */
  readonly choice?: string;
}

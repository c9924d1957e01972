/** An official linear classifier (`eval_linear.py`): `linear.weight` and `linear.bias`, alone or in a training checkpoint. */
import { f32 } from '../format/safetensors.ts';
import type { LazyTensor, StateDict } from './state-dict.ts';

export interface LinearHead {
  readonly classes: number;
  /** Width of the feature it reads. */
  readonly width: number;
  /** [classes, width] */
  weight(): Float32Array;
  /** [classes] */
  bias(): Float32Array;
}

/** @returns undefined if the file holds none */
export function findLinearHead({ tensors }: StateDict): LinearHead | undefined {
  const find = (name: string): LazyTensor | undefined =>
    [...tensors].find(([path]) => new RegExp(`(^|[./])(linear|head|fc)\\.${name}$`).test(path))?.[1];
  const [weight, bias] = [find('weight'), find('bias')];
  const [classes, width] = weight?.shape ?? [];
  if (weight?.shape.length !== 2 || classes === undefined || width === undefined) return undefined;
  if (bias?.shape.length !== 1 || bias.shape[0] !== classes) return undefined;
  return { classes, width, weight: () => f32(weight.read()), bias: () => f32(bias.read()) };
}

/**
 * The update of all parameters in symbolic tensors, from the rules of `rules.ts`. Reads `student/<name>`, `gradient/<name>`, the
 * optimizer's `<slot>/<name>` and the moving average, and gives their next values under the same names.
 */
import { input, type ParameterInfo, type Tensor, where } from '../graph/index.ts';
import { clipByNorm, follow, type StepNumbers, type UpdateRule } from './rules.ts';

export interface UpdateGraphOptions {
  readonly parameters: readonly ParameterInfo[];
  readonly rule: UpdateRule;
  /** What the moving average is called among the values: `average/<name>`. */
  readonly average: string;
  /** Names of the parameters that it follows. */
  readonly averaged: ReadonlySet<string>;
  readonly momentum: Tensor;
  /** Largest norm of a gradient, of shape []; 0 or undefined for none. */
  readonly clip: Tensor | undefined;
  /** Parameters of one group are clipped by the norm of all their gradients; each is a group of its own unless given. */
  clipGroup?(name: string): string;
  numbers(parameter: ParameterInfo): StepNumbers;
  /** Where this is true the parameter and its moments stay; undefined where they never do. */
  stays(parameter: ParameterInfo): Tensor | undefined;
  /** Where this is true the moving averages stay, too. */
  readonly averagesStay?: Tensor;
}

/** The next values by their names. */
export function updateGraph(options: UpdateGraphOptions): Record<string, Tensor> {
  const { parameters, rule, average, averaged, momentum, clip, averagesStay } = options;
  const results: Record<string, Tensor> = {};
  const groupOf = (name: string): string => options.clipGroup?.(name) ?? name;
  const groups = new Map<string, Tensor[]>();
  for (const { name, shape, trainable } of parameters)
    if (trainable)
      groups.set(groupOf(name), [...(groups.get(groupOf(name)) ?? []), input(`gradient/${name}`, shape)]);
  for (const parameter of parameters) {
    const { name, shape, trainable } = parameter;
    const student = input(`student/${name}`, shape);
    let next = student;
    if (trainable) {
      const stays = options.stays(parameter);
      const unlessStaying = (value: Tensor, now: Tensor): Tensor =>
        stays === undefined ? value : where(stays, now, value);
      const gradient = input(`gradient/${name}`, shape);
      const slots = rule.slots.map((slot) => input(`${slot}/${name}`, shape));
      const clipped = clip === undefined ? gradient : clipByNorm(gradient, clip, groups.get(groupOf(name)));
      const updated = rule.update(student, clipped, slots, options.numbers(parameter));
      next = unlessStaying(updated.parameter, student);
      results[`student/${name}`] = next;
      for (const [i, slot] of rule.slots.entries()) {
        const [value, now] = [updated.slots[i], slots[i]];
        if (value !== undefined && now !== undefined) results[`${slot}/${name}`] = unlessStaying(value, now);
      }
    }
    if (!averaged.has(name)) continue;
    const now = input(`${average}/${name}`, shape);
    const followed = follow(now, next, momentum);
    results[`${average}/${name}`] =
      averagesStay === undefined ? followed : where(averagesStay, now, followed);
  }
  return results;
}

/**
 * The second half of a training step as a program: clipping, optimizer and teacher of every parameter. Training here does it
 * with a kernel (`optim/wasm-updater.ts`); this is the same rules for whoever has only ONNX Runtime.
 */
import {
  greater,
  input,
  type OnnxProgram,
  onnxCpu,
  type ParameterInfo,
  scalar,
  type Tensor,
  where,
} from '../graph/index.ts';
import { clipByNorm, follow, isDecayed, type UpdateRule } from '../optim/rules.ts';
import { recordOf } from '../rows/record-of.ts';

/** Scalars of the program, in the order of its documentation. */
export const UPDATE_SCALARS = [
  'lr',
  'weightDecay',
  'teacherMomentum',
  'correction1',
  'correction2',
  'lastLayerCorrection1',
  'lastLayerCorrection2',
  'freezeLastLayer',
] as const;

export interface UpdateProgramOptions {
  readonly parameters: readonly ParameterInfo[];
  readonly rule: UpdateRule;
  /** Largest norm of a parameter's gradient; 0 for none. */
  readonly clip: number;
  /** Which parameters stay while `freezeLastLayer` is 1. */
  isLast(parameter: string): boolean;
}

/**
 * Reads `student/<name>`, `teacher/<name>`, `gradient/<name>`, the optimizer's `<slot>/<name>` and the scalars; gives the new
 * `student/<name>`, `teacher/<name>` and `<slot>/<name>`. While `freezeLastLayer` is 1 the last layer of the head stays.
 */
export function updateProgram({ parameters, rule, clip, isLast }: UpdateProgramOptions): OnnxProgram {
  const numbers = recordOf(UPDATE_SCALARS.map((name) => [name, input(`scalar/${name}`, [])]));
  const frozen = greater(numbers.freezeLastLayer, scalar(0));
  const results: Record<string, Tensor> = {};
  for (const { name, shape, trainable } of parameters) {
    const [student, teacher] = [input(`student/${name}`, shape), input(`teacher/${name}`, shape)];
    if (!trainable) {
      results[`teacher/${name}`] = follow(teacher, student, numbers.teacherMomentum);
      continue;
    }
    const last = isLast(name);
    const gradient = input(`gradient/${name}`, shape);
    const slots = rule.slots.map((slot) => input(`${slot}/${name}`, shape));
    const updated = rule.update(student, clip > 0 ? clipByNorm(gradient, scalar(clip)) : gradient, slots, {
      lr: numbers.lr,
      weightDecay: isDecayed(name, shape) ? numbers.weightDecay : scalar(0),
      correction1: last ? numbers.lastLayerCorrection1 : numbers.correction1,
      correction2: last ? numbers.lastLayerCorrection2 : numbers.correction2,
    });
    const unlessFrozen = (next: Tensor, now: Tensor): Tensor => (last ? where(frozen, now, next) : next);
    const parameter = unlessFrozen(updated.parameter, student);
    results[`student/${name}`] = parameter;
    rule.slots.forEach((slot, i) => {
      const [next, now] = [updated.slots[i], slots[i]];
      if (next !== undefined && now !== undefined) results[`${slot}/${name}`] = unlessFrozen(next, now);
    });
    results[`teacher/${name}`] = follow(teacher, parameter, numbers.teacherMomentum);
  }
  return onnxCpu.compile(results);
}

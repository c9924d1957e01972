/**
 * The second half of a training step as a program: clipping, optimizer and teacher of every parameter. Training on a CPU does
 * it with a kernel (`optim/wasm-updater.ts`); this is the same for whoever has only ONNX Runtime.
 */
import {
  greater,
  input,
  mul,
  type OnnxProgram,
  onnxCpu,
  type ParameterInfo,
  scalar,
  scale,
  sub,
} from '../graph/index.ts';
import type { Method } from '../method/method.ts';
import { isDecayed, type UpdateRule } from '../optim/rules.ts';
import { updateGraph } from '../optim/update-graph.ts';
import { recordOf } from '../rows/record-of.ts';

/** Scalars of the program, in the order of its documentation. */
const UPDATE_SCALARS = [
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
  /** Names of the parameters that the teacher has. */
  readonly averaged: ReadonlySet<string>;
  readonly rule: UpdateRule;
  /** Largest norm of a parameter's gradient; 0 for none. */
  readonly clip: number;
  /** What of the method tells how parameters are updated. */
  readonly method: Pick<Method, 'isLastLayer' | 'heldBy' | 'lrFactor' | 'clipGroup'>;
}

/**
 * Reads `student/<name>`, `teacher/<name>`, `gradient/<name>`, the optimizer's `<slot>/<name>` and the scalars; gives the new
 * `student/<name>`, `teacher/<name>` and `<slot>/<name>`. While `freezeLastLayer` is 1 the last layer stays, as the method
 * holds it still.
 */
export function updateProgram({
  parameters,
  averaged,
  rule,
  clip,
  method,
}: UpdateProgramOptions): OnnxProgram {
  const numbers = recordOf(UPDATE_SCALARS.map((name) => [name, input(`scalar/${name}`, [])]));
  const byRate = method.heldBy === 'rate';
  const isFrozen = (name: string): boolean => !byRate && method.isLastLayer(name);
  const heldLr = mul(numbers.lr, sub(scalar(1), numbers.freezeLastLayer));
  const frozen = greater(numbers.freezeLastLayer, scalar(0));
  const next = updateGraph({
    ...{ parameters, rule, average: 'teacher', averaged },
    momentum: numbers.teacherMomentum,
    clip: clip > 0 ? scalar(clip) : undefined,
    clipGroup: (name) => method.clipGroup?.(name) ?? name,
    numbers: ({ name, shape }) => ({
      lr: scale(byRate && method.isLastLayer(name) ? heldLr : numbers.lr, method.lrFactor?.(name) ?? 1),
      weightDecay: isDecayed(name, shape) ? numbers.weightDecay : scalar(0),
      correction1: isFrozen(name) ? numbers.lastLayerCorrection1 : numbers.correction1,
      correction2: isFrozen(name) ? numbers.lastLayerCorrection2 : numbers.correction2,
    }),
    stays: ({ name }) => (isFrozen(name) ? frozen : undefined),
  });
  return onnxCpu.compile(next);
}

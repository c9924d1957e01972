/** What a step is told, and what it tells. */
import type { MethodNumbers } from '../method/definition.ts';
import type { Method } from '../method/method.ts';
import type { UpdateNumbers } from '../optim/updater.ts';

/** The scheduled numbers of one step. */
export interface StepSettings extends MethodNumbers {
  /** Counts from 0; names the random numbers of the step. */
  readonly step: number;
  readonly lr: number;
  /** What a parameter's learning rate is multiplied by, besides the method's own factor; 1 unless given. */
  readonly lrFactor?: (name: string) => number;
  readonly weightDecay: number;
  readonly clip: number;
  /** Whether the backbone stays as it is, so that fresh heads are learned first. */
  readonly freezeBackbone?: boolean;
}

export interface StepResult {
  readonly loss: number;
  readonly measures: Readonly<Record<string, number>>;
  /** L2 norm of each parameter's gradient before clipping; empty where the loss is not finite. */
  readonly gradientNorms: ReadonlyMap<string, number>;
  /** False where the loss or a gradient is not finite: then nothing was applied, and the state is that after the step before. */
  readonly isApplied: boolean;
}

/** What the update of a step is told. */
export function updateNumbers(
  method: Method,
  { lr, lrFactor, weightDecay, clip, teacherMomentum, freezeLastLayer, freezeBackbone = false }: StepSettings,
): UpdateNumbers {
  const isHeld = (name: string): boolean => freezeLastLayer && method.isLastLayer(name);
  const byRate = method.heldBy === 'rate';
  return {
    lr,
    lrFactor: (name) =>
      byRate && isHeld(name) ? 0 : (lrFactor?.(name) ?? 1) * (method.lrFactor?.(name) ?? 1),
    weightDecay,
    clip,
    momentum: teacherMomentum,
    isFrozen: (name) => (freezeBackbone && name.startsWith('backbone.')) || (!byRate && isHeld(name)),
  };
}

export const allFinite = (norms: ReadonlyMap<string, number>): boolean =>
  [...norms.values()].every(Number.isFinite);

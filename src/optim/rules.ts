/**
 * Update rules of the optimizers, as symbolic tensors. This is their definition: GPUs run it as a graph, and the fused
 * kernel for CPUs (`wasm-updater.ts`) is tested against it.
 */
import {
  add,
  div,
  greater,
  mul,
  scalar,
  scale,
  shift,
  sqrt,
  square,
  sub,
  sumOfSquares,
  type Tensor,
  where,
} from '../graph/index.ts';

export type OptimizerName = 'adamw' | 'sgd' | 'lars';

/** Numbers of one step, all scalars of shape []. */
export interface StepNumbers {
  readonly lr: Tensor;
  readonly weightDecay: Tensor;
  /** 1 - beta1^t and 1 - beta2^t, for the t-th step of this parameter. */
  readonly correction1: Tensor;
  readonly correction2: Tensor;
}

export interface Updated {
  readonly parameter: Tensor;
  readonly slots: readonly Tensor[];
}

interface Rule {
  /** State kept for each parameter, by PyTorch's names; zeros at the start. */
  readonly slots: readonly string[];
  update(parameter: Tensor, gradient: Tensor, slots: readonly Tensor[], numbers: StepNumbers): Updated;
}

/** How slowly AdamW's moments forget. */
export interface Betas {
  readonly beta1: number;
  readonly beta2: number;
}

/**
 * What LARS holds against the length of a parameter: that of the gradient with decay (the official code of DINO and of BYOL), or the
 * lengths of both added up (the paper's formula, which lightly computes).
 */
export type LarsNorm = 'together' | 'apart';

export type UpdateRule = Rule &
  (
    | ({ readonly name: 'adamw' } & Betas)
    | { readonly name: 'sgd' }
    | { readonly name: 'lars'; readonly norm: LarsNorm }
  );

export const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8 } as const;
export const MOMENTUM = 0.9;
export const LARS_ETA = 0.001;
/** Added to the lengths where they are apart. */
export const LARS_EPS = 1e-8;

function slot(slots: readonly Tensor[], i: number): Tensor {
  const tensor = slots[i];
  if (tensor === undefined) throw new Error(`The optimizer's state ${i} is missing.`);
  return tensor;
}

/** AdamW (Loshchilov and Hutter 2019), as torch.optim.AdamW computes it, with its betas unless others are given (MAE: 0.9 and 0.95). */
export function adamw({ beta1, beta2 }: Betas = ADAM): UpdateRule {
  return {
    name: 'adamw',
    ...{ beta1, beta2 },
    slots: ['exp_avg', 'exp_avg_sq'],
    update(p, g, slots, { lr, weightDecay, correction1, correction2 }) {
      const m = add(scale(slot(slots, 0), beta1), scale(g, 1 - beta1));
      const v = add(scale(slot(slots, 1), beta2), scale(square(g), 1 - beta2));
      const decayed = sub(p, mul(p, mul(lr, weightDecay)));
      const denominator = shift(div(sqrt(v), sqrt(correction2)), ADAM.eps);
      return { parameter: sub(decayed, mul(div(m, denominator), div(lr, correction1))), slots: [m, v] };
    },
  };
}

/** SGD with momentum 0.9; the weight decay is part of the gradient. The buffer starts at zero, so its first value is g. */
export const sgd: UpdateRule = {
  name: 'sgd',
  slots: ['momentum_buffer'],
  update(p, g, slots, { lr, weightDecay }) {
    const buffer = add(scale(slot(slots, 0), MOMENTUM), add(g, mul(p, weightDecay)));
    return { parameter: sub(p, mul(buffer, lr)), slots: [buffer] };
  },
};

/** LARS (You et al. 2017), as the official `utils.LARS` unless the norms are taken apart: parameters of one axis get plain momentum. */
export function lars(norm: LarsNorm = 'together'): UpdateRule {
  return {
    name: 'lars',
    norm,
    slots: ['mu'],
    update(p, g, slots, { lr, weightDecay }) {
      let step = g;
      if (p.rank !== 1) {
        const length = (x: Tensor): Tensor => sqrt(sumOfSquares(x));
        const decayed = add(g, mul(p, weightDecay));
        const [pNorm, gNorm] = [length(p), length(norm === 'apart' ? g : decayed)];
        const against = norm === 'apart' ? shift(add(gNorm, mul(pNorm, weightDecay)), LARS_EPS) : gNorm;
        const ratio = scale(div(pNorm, against), LARS_ETA);
        const trust = where(greater(mul(pNorm, gNorm), scalar(0)), ratio, scalar(1));
        step = mul(decayed, trust);
      }
      const mu = add(scale(slot(slots, 0), MOMENTUM), step);
      return { parameter: sub(p, mul(mu, lr)), slots: [mu] };
    },
  };
}

/** The rules by name, as DINO uses them. */
export const rules: Readonly<Record<OptimizerName, UpdateRule>> = { adamw: adamw(), sgd, lars: lars() };

/**
 * Clipping of a gradient (official `clip_gradients`): scaled to the limit where the L2 norm exceeds it. A limit of 0 is none.
 *
 * @param limit shape []
 * @param group gradients whose norm it is, this one among them
 */
export function clipByNorm(gradient: Tensor, limit: Tensor, group: readonly Tensor[] = [gradient]): Tensor {
  const norm = sqrt(group.map((each) => sumOfSquares(each)).reduce(add));
  const coefficient = div(limit, shift(norm, 1e-6));
  const isUnder = greater(scalar(1), coefficient);
  const factor = where(isUnder, coefficient, scalar(1));
  return mul(gradient, where(greater(limit, scalar(0)), factor, scalar(1)));
}

/** Moving average: the teacher follows the student. */
export function follow(teacher: Tensor, student: Tensor, momentum: Tensor): Tensor {
  return add(mul(teacher, momentum), mul(student, sub(scalar(1), momentum)));
}

/** True for parameters with weight decay: official `get_params_groups` spares biases and everything of one axis. */
export function isDecayed(name: string, shape: readonly number[]): boolean {
  return !name.endsWith('.bias') && shape.length !== 1;
}

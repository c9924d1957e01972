/**
 * The doctor during a run and at its end: reads the numbers and says what is wrong. The two collapses of section 5.3 of the
 * paper (without centering the teacher's entropy goes to 0, without sharpening to ln K; the divergence goes to 0 in both),
 * features that are all alike. What it says of scores is in `examine-scores.ts`.
 */
import type { Finding } from '../report/finding.ts';
import { l2NormalizedRows } from '../rows/feature-rows.ts';

export interface Vitals {
  readonly step: number;
  readonly loss: number;
  /** Mean entropy of the teacher's distributions, nats. */
  readonly teacherEntropy: number;
  readonly lr: number;
  /** Largest L2 norm of a parameter's gradient. */
  readonly gradientNorm: number;
}

/** The topic of verdicts on the steps. */
export const COLLAPSE = 'collapse';

/** Judges the latest steps of a run, oldest first. */
export function examine(vitals: readonly Vitals[], { outDim }: { readonly outDim: number }): Finding[] {
  const recent = vitals.slice(-50);
  if (recent.length < 10) return [];
  const uniform = Math.log(outDim);
  const mean = (pick: (v: Vitals) => number): number =>
    recent.reduce((sum, v) => sum + pick(v), 0) / recent.length;
  const entropy = mean((v) => v.teacherEntropy);
  const divergence = mean((v) => v.loss - v.teacherEntropy);
  const findings: Finding[] = [];
  const still = divergence < 0.02 * uniform;
  if (entropy > 0.99 * uniform && still) {
    findings.push({
      severity: 'warning',
      topic: COLLAPSE,
      title: 'Uniform collapse',
      detail: `The teacher's entropy is ${entropy.toFixed(3)}, that of a uniform output is ln ${outDim} = ${uniform.toFixed(3)}, and the student agrees with it: nothing is being learned.`,
      advice:
        'Lower --teacher_temp (0.02 to 0.04), leave the warm-up (more steps, shorter warm-up), or use a smaller --out_dim.',
    });
  } else if (entropy < 0.01 * uniform && still) {
    findings.push({
      severity: 'warning',
      topic: COLLAPSE,
      title: 'Collapse onto one prototype',
      detail: `The teacher's entropy is ${entropy.toFixed(3)} of at most ${uniform.toFixed(3)}: every image gets the same prototype.`,
      advice:
        'Raise --teacher_temp (warm it up from 0.04), check that --center_momentum is below 1, lower --lr.',
    });
  }
  if (recent.every((v) => v.lr === 0)) {
    findings.push({
      severity: 'warning',
      topic: COLLAPSE,
      title: 'The learning rate is 0',
      detail: 'No weight moves.',
      advice: 'Check --lr, --min_lr and the warm-up.',
    });
  }
  if (recent.every((v) => v.gradientNorm < 1e-7)) {
    findings.push({
      severity: 'warning',
      topic: COLLAPSE,
      title: 'Gradients have vanished',
      detail: 'No parameter has a gradient above 1e-7.',
    });
  }
  return findings.length > 0
    ? findings
    : [
        {
          severity: 'ok',
          topic: COLLAPSE,
          title: 'No collapse',
          detail: `The teacher's entropy is ${entropy.toFixed(2)} (0 and ${uniform.toFixed(2)} are the collapses), KL(teacher || student) ${divergence.toFixed(2)}.`,
        },
      ];
}

/**
 * What to say when a number is not finite any more.
 *
 * @param step the step in which it happened, counted from 1
 * @param what the number: "The loss", "A gradient"
 * @param broken an array of the training state that is not finite either: then no state is worth keeping
 */
export function explainNotFinite(step: number, what: string, broken?: string): Finding {
  return {
    severity: 'error',
    topic: 'failure',
    title: `${what} became NaN at step ${step}`,
    detail:
      broken === undefined
        ? `Nothing of step ${step} was applied; the state after step ${step - 1} is finite.`
        : `"${broken}" had become NaN or infinite before, so this state is not saved; an earlier checkpoint is left as it is.`,
    advice: `Start a new run with a lower --lr, with --clip_grad 1 (3 is the default) or a longer warm-up (resuming this one leads to step ${step} again); a teacher temperature above 0.07 is unstable.`,
  };
}

/** How features of different images are spread. */
export interface FeatureSpread {
  /** Mean cosine similarity of different images' features: 1 means that they are all alike. */
  readonly meanCosine: number;
  /** In how many directions they differ: (sum of variances)^2 / sum of squared variances over the principal axes. */
  readonly rank: number;
}

/** @param features [images, dim] */
export function featureSpread(features: Float32Array, dim: number): FeatureSpread {
  const count = features.length / dim;
  const rows = l2NormalizedRows({ values: features, dim }).values;
  const sum = new Float64Array(dim);
  for (let i = 0; i < rows.length; i++) sum[i % dim]! += rows[i]!;
  // |sum|^2 = n + sum over pairs of their cosine
  const total = sum.reduce((acc, x) => acc + x * x, 0);
  const meanCosine = count > 1 ? (total - count) / (count * (count - 1)) : 1;
  return { meanCosine, rank: participation(rows, sum, dim) };
}

/** trace(C)^2 / |C|^2 of the covariance C: neither needs its eigenvalues. */
function participation(rows: Float32Array, sum: Float64Array, dim: number): number {
  const count = rows.length / dim;
  const centered = Float64Array.from(rows, (x, i) => x - sum[i % dim]! / count);
  let trace = 0;
  let square = 0;
  for (let a = 0; a < dim; a++) {
    for (let b = a; b < dim; b++) {
      let entry = 0;
      for (let i = 0; i < centered.length; i += dim) entry += centered[i + a]! * centered[i + b]!;
      if (a === b) trace += entry;
      square += (a === b ? 1 : 2) * entry * entry;
    }
  }
  return square > 0 ? trace ** 2 / square : 0;
}

/** The topic of verdicts on the spread of features. */
export const FEATURES = 'features';

/**
 * What the spread of features says.
 *
 * @param progress the share of the run that is done: early on features that are alike are no more than a note
 */
export function examineFeatures(
  { meanCosine, rank }: FeatureSpread,
  images: number,
  progress = 1,
): Finding | undefined {
  if (images < FEW_IMAGES) return undefined;
  const numbers = `The features of ${images} different images have a mean cosine of ${meanCosine.toFixed(4)} and differ in ${rank.toFixed(1)} directions`;
  if (meanCosine < ALIKE && rank > FEW_DIRECTIONS)
    return { severity: 'ok', topic: FEATURES, title: 'Features differ', detail: `${numbers}.` };
  return {
    severity: progress < EARLY ? 'info' : 'warning',
    topic: FEATURES,
    title: 'Features are nearly all alike',
    detail: `${numbers}: whatever is made of them (neighbors, groups, maps) rests on small differences.`,
    advice:
      progress < EARLY
        ? 'Early in a run this passes.'
        : 'Train longer; if it stays, lower --lr or --teacher_temp, or set --center_momentum 0.9.',
  };
}

/** Fewer images say nothing about a spread. */
const FEW_IMAGES = 30;
const ALIKE = 0.99;
const FEW_DIRECTIONS = 1.05;
const EARLY = 0.5;

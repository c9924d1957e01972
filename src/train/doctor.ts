/**
 * The doctor during a run and at its end: reads the numbers and says what is wrong. A method knows its own collapses
 * (`method/dino-health.ts`); rates, gradients and features that are all alike are the same for all. What it says of scores is in
 * `examine-scores.ts`.
 */

import type { Method, Vitals } from '../method/method.ts';
import { fixed } from '../numbers/counted.ts';
import type { Finding } from '../report/finding.ts';
import type { FeatureSpread } from '../rows/feature-spread.ts';

/** The topic of verdicts on the steps. */
export const COLLAPSE = 'collapse';

/** Fewer steps say nothing; more than the latest are not asked. */
const [FEWEST, LATEST] = [10, 50];

/** Judges the latest steps of a run, oldest first: what is wrong with any training, or what the method says of its own. */
export function examine(vitals: readonly Vitals[], method: Pick<Method, 'measures' | 'examine'>): Finding[] {
  const recent = vitals.slice(-LATEST);
  if (recent.length < FEWEST) return [];
  const mean = (pick: (each: Vitals) => number): number =>
    recent.reduce((sum, each) => sum + pick(each), 0) / recent.length;
  const measures = Object.fromEntries(
    method.measures.map(({ key }) => [key, mean((each) => each.measures[key] ?? Number.NaN)]),
  );
  const verdict = method.examine({ loss: mean(({ loss }) => loss), measures });
  const general: Finding[] = [];
  if (recent.every(({ lr }) => lr === 0)) {
    general.push({
      severity: 'warning',
      topic: COLLAPSE,
      title: 'The learning rate is 0',
      detail: 'No weight moves.',
      advice: 'Check --lr, --min_lr and the warm-up.',
    });
  }
  if (recent.every(({ gradientNorm }) => gradientNorm < 1e-7)) {
    general.push({
      severity: 'warning',
      topic: COLLAPSE,
      title: 'Gradients have vanished',
      detail: 'No parameter has a gradient above 1e-7.',
    });
  }
  const own = {
    ...verdict,
    detail: `${verdict.detail} (Means of the latest ${recent.length} steps.)`,
    topic: COLLAPSE,
  };
  if (verdict.severity !== 'ok') return [own, ...general];
  return general.length > 0 ? general : [own];
}

/**
 * What to say when a number is not finite any more.
 *
 * @param step the step in which it happened, counted from 1
 * @param what the number: "The loss", "A gradient"
 * @param broken an array of the training state that is not finite either: then no state is worth keeping
 */
export function explainNotFinite(
  step: number,
  what: string,
  { hints }: Pick<Method, 'hints'>,
  broken?: string,
): Finding {
  return {
    severity: 'error',
    topic: 'failure',
    title: `${what} became NaN at step ${step}`,
    detail:
      broken === undefined
        ? `Nothing of step ${step} was applied; the state after step ${step - 1} is finite.`
        : `"${broken}" had become NaN or infinite before, so this state is not saved; an earlier checkpoint is left as it is.`,
    advice: `Start a new run with a lower --lr, with --clip_grad 1 (3 is the default) or a longer warm-up (resuming this one leads to step ${step} again)${hints.notFinite === undefined ? '' : `; ${hints.notFinite}`}.`,
  };
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
  { hints }: Pick<Method, 'hints'>,
  progress = 1,
): Finding | undefined {
  if (images < FEW_IMAGES) return undefined;
  const numbers = `The features of ${images} different images have a mean cosine of ${fixed(meanCosine, 4)} and differ in ${fixed(rank, 1)} directions`;
  if (meanCosine < ALIKE && rank > FEW_DIRECTIONS)
    return { severity: 'ok', topic: FEATURES, title: 'Features differ', detail: `${numbers}.` };
  return {
    severity: progress < EARLY ? 'info' : 'warning',
    topic: FEATURES,
    title: 'Features are nearly all alike',
    detail: `${numbers}: whatever is made of them (neighbors, groups, maps) rests on small differences.`,
    advice: progress < EARLY ? 'Early in a run this passes.' : `Train longer; if it stays, ${hints.alike}.`,
  };
}

/** Fewer images say nothing about a spread. */
const FEW_IMAGES = 30;
const ALIKE = 0.99;
const FEW_DIRECTIONS = 1.05;
const EARLY = 0.5;

/** What the doctor says when a run has come to its end. */
import type { Finding } from '../report/finding.ts';
import type { TrainConfig } from '../train/config.ts';
import { enoughSteps, examinePlan, LENGTH } from '../train/examine-plan.ts';
import { examineScores } from '../train/examine-scores.ts';
import type { RunLog } from './run-log.ts';

export interface EndOfRun {
  readonly config: TrainConfig;
  readonly log: RunLog;
  readonly step: number;
  readonly stepsPerEpoch: number;
  /** The step before the first one of this run, and what was evaluated then: "the untrained network". */
  readonly firstStep: number;
  readonly start: string;
  /** How many images were asked at each online evaluation. */
  readonly images: number;
  /** What always answering the largest class of these would score in percent, where classes are very unequal. */
  readonly largest: number | undefined;
}

export function finalFindings(end: EndOfRun): Finding[] {
  return [lengthInTheEnd(end), worth(end)].filter((finding) => finding !== undefined);
}

/** A budget in minutes may have held another number of steps than was said of its plan. */
function lengthInTheEnd({ config, log, step, stepsPerEpoch }: EndOfRun): Finding | undefined {
  if (config.minutes === undefined || log.lastOn(LENGTH) === undefined) return undefined;
  const [finding] = examinePlan({ config, steps: step, stepsPerEpoch }).filter(
    ({ topic }) => topic === LENGTH,
  );
  return finding ?? enoughSteps(step);
}

/** Was training worth something? Asked where there are labels. */
function worth({ log, step, firstStep, start, images, largest }: EndOfRun): Finding | undefined {
  const trained = log.score('knn', step);
  if (trained === undefined || step === firstStep) return undefined;
  const others = {
    [start]: log.score('knn', firstStep),
    'raw pixels': log.knnOfPixels(),
    'the largest class': largest,
  };
  return examineScores({ what: '20-NN among training images', images, trained, others });
}

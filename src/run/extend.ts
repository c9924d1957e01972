/**
 * Going on with a run under another budget. The run goes on as if it had been planned with it from its start: the learning
 * rate, the weight decay and the teacher's momentum of the next step are those of the longer (or shorter) schedule at that
 * step, as with facebookresearch/dino when it is resumed with other `--epochs`. A finished run thus leaves the end of its
 * schedule. Nothing else changes: images and their order, crops, network, moments, and warm-ups in steps.
 */

import { OptionError } from '../method/option-error.ts';
import { counted } from '../numbers/counted.ts';
import { lengths } from '../train/option-spans.ts';
import { type RunRecord, stepsOf } from './run-record.ts';

/** How long a run is to be in all; one of them. */
export type RunLength = Partial<Record<'minutes' | 'steps' | 'epochs', number>>;

/** What a run has done so far. */
export interface Done {
  readonly step: number;
  /** Milliseconds that it took. */
  readonly elapsed: number;
}

/**
 * The record of a run under another budget.
 *
 * @throws OptionError if the budget is used up already
 */
export function extendRecord(record: RunRecord, budget: RunLength, done: Done): RunRecord {
  const { minutes: _, steps: __, epochs: ___, ...config } = record.config;
  const steps = totalSteps(record, budget, done);
  const evalEvery = Math.round((config.evalEvery * stepsOf(record)) / record.steps);
  return {
    ...record,
    config: {
      ...config,
      ...budget,
      // Looks were spread over a schedule that may have been gone through at another pace.
      evalEvery: config.evalEvery === 0 ? 0 : Math.max(1, evalEvery),
    },
    choices: record.choices.filter(({ name }) => !lengths.some((each) => each === name)),
    steps,
    paces: [],
  };
}

function totalSteps(
  record: RunRecord,
  { minutes, steps, epochs = 0 }: RunLength,
  { step, elapsed }: Done,
): number {
  if (minutes === undefined) {
    const total = steps ?? Math.round(epochs * record.stepsPerEpoch);
    if (total > step) return total;
    const given = steps === undefined ? `--epochs ${epochs} (${counted(total, 'step')})` : `--steps ${steps}`;
    throw new OptionError(
      `${given} is not more than the ${counted(step, 'step')} that the run has done: give more, as they count from its start.`,
    );
  }
  const own = step - (record.init?.fromStep ?? 0);
  if (own <= 0 || elapsed <= 0)
    throw new OptionError(
      `How long a step takes is not known yet, so --minutes ${minutes} cannot be turned into steps: give --steps or --epochs, or resume without.`,
    );
  const left = minutes * 60_000 - elapsed;
  if (left <= 0)
    throw new OptionError(
      `The run has taken ${Number((elapsed / 60_000).toPrecision(2))} minutes and --minutes is ${minutes}: give more, as they count from its start.`,
    );
  return step + Math.max(1, Math.round((left * own) / elapsed));
}

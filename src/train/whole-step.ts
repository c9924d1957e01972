/**
 * A whole step as one program, for engines that keep values in a memory of their own: gradients, clipping, optimizer, teacher and
 * the method's next state, each value updated in place. The host gives crops and the numbers of the step and reads one vector.
 * It does what `Trainer` does with two programs.
 *
 *     in   student/<parameter>, teacher/<parameter>, <slot>/<parameter>, state/<name>, student/<statistic>, ...
 *          crops/<view group>, scalar/<name>, sample/<name>, frozen/<parameter>
 *          number/<name>: what the update is told, number/lags and number/commit
 *     out  the same state, and `report`: the loss, the measures, the norms of the gradients
 */
import {
  concat,
  greater,
  input,
  mul,
  type Results,
  replaceInputs,
  reshape,
  scalar,
  sumAcross,
  type Tensor,
  where,
} from '../graph/index.ts';
import { normalizedPixels, type PixelStatistics } from '../model/byte-pixels.ts';
import { describeUpdate, UPDATE_NUMBERS } from '../optim/graph-updater.ts';
import type { UpdaterOptions } from '../optim/updater.ts';
import type { StepGraph } from './step-graph.ts';

export interface WholeStepOptions {
  readonly update: UpdaterOptions;
  /** Names of the method's measures, in the order in which they are reported. */
  readonly measures: readonly string[];
  /** Where crops come as bytes, [views * images, S, S, C], what normalizes them; unless given they are normalized pixels. */
  readonly byteCrops?: PixelStatistics | undefined;
}

export function wholeStep(graph: StepGraph, { update, measures, byteCrops }: WholeStepOptions): Results {
  const results = overAllRanks(graph);
  const reported = ['loss', ...measures.map((name) => `measure/${name}`)].map((name) => {
    const value = results[name];
    if (value === undefined) throw new RangeError(`The step has no result "${name}".`);
    return reshape(value, [1]);
  });
  const [lags, commit] = [input('number/lags', []), input('number/commit', [])];
  const loss = reshape(reported[0] ?? scalar(0), []);
  const { norms, applies, next } = describeUpdate(update, { loss, commit });
  const isApplied = greater(applies, scalar(0));
  const whole: Record<string, Tensor> = { ...next, report: concat([...reported, norms], 0) };
  for (const [name, value] of Object.entries(next)) {
    if (!name.startsWith('average/')) continue;
    // A teacher that lags becomes what the student was before this step.
    const before = input(name.replace('average/', 'student/'), value.shape);
    whole[name.replace('average/', 'teacher/')] = where(
      greater(mul(applies, lags), scalar(0)),
      before,
      value,
    );
    delete whole[name];
  }
  for (const [name, value] of Object.entries(results)) {
    if (!name.startsWith('next/')) continue;
    const key = name.slice('next/'.length);
    const place = /^(student|teacher)\//.test(key) ? key : `state/${key}`;
    whole[place] = where(isApplied, value, input(place, value.shape));
  }
  const joined = replaceInputs(whole, (name, { shape }) => {
    if (name.startsWith('gradient/')) return results[name];
    if (name.startsWith('average/')) return input(name.replace('average/', 'teacher/'), shape);
    return UPDATE_NUMBERS.includes(name) ? input(`number/${name}`, shape) : undefined;
  });
  if (byteCrops === undefined) return joined;
  return replaceInputs(joined, (name, { shape: [count = 0, channels = 0, height = 0, width = 0] }) =>
    name.startsWith('crops/')
      ? normalizedPixels(input(name, [count, height, width, channels], 'u8'), byteCrops)
      : undefined,
  );
}

/** The step's results with what is a sum over images added up over the ranks, and the next state that follows from the sums. */
function overAllRanks({ results, closing, ranks }: StepGraph): Results {
  const summed = Object.fromEntries(
    Object.entries(results).map(([name, value]) =>
      /^(loss|measure|gradient|sum)\b/.test(name)
        ? ([name, sumAcross(value, ranks)] as const)
        : ([name, value] as const),
    ),
  );
  return { ...summed, ...replaceInputs(closing, (name) => summed[name]) };
}

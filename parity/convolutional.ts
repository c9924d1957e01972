/** What networks with batch norm have in common: a training step's gradients and running statistics, then the eval mode. */
import type { Values } from '../src/engine/values.ts';
import { input, mul, ParameterSet, type Scope, sum, type Tensor } from '../src/graph/index.ts';
import type { Mode } from '../src/model/batch-norm.ts';
import { type Results, run, withGradients } from './network.ts';

export interface Step {
  readonly set: ParameterSet;
  /** `out`, `loss`, `input` (its gradient), `grad/...`, `after/...` (buffers), and what else was asked for. */
  readonly results: Results;
}

type Trace = (scope: Scope, images: Tensor, mode: Mode) => Readonly<Record<'out', Tensor>>;

/** `loss = sum(out R)` in train mode. */
export async function trainingStep(
  trace: Trace,
  shape: readonly number[],
  values: ReadonlyMap<string, Values>,
): Promise<Step> {
  const set = new ParameterSet();
  const images = input('images', shape);
  const traced = trace(set.scope, images, 'train');
  const loss = sum(mul(traced.out, input('R', traced.out.shape)));
  const after = Object.fromEntries([...set.updates].map(([name, value]) => [`after/${name}`, value]));
  const all = withGradients(loss, set, { input: images }, { ...traced, loss, ...after });
  return { set, results: await run(all, values) };
}

/** The output in eval mode. */
export async function evalOutput(
  trace: Trace,
  shape: readonly number[],
  values: ReadonlyMap<string, Values>,
): Promise<ArrayLike<number>> {
  const { out } = trace(new ParameterSet().scope, input('images', shape), 'eval');
  return (await run({ out }, values)).out ?? [];
}

/** Runs symbolic results of one network whose weights come from a fixture. */
import { evaluate } from '../src/engine/arrays.ts';
import { ortNode } from '../src/engine/ort-node.ts';
import type { Values } from '../src/engine/values.ts';
import { gradients, hoistSlices, type ParameterSet, type Tensor } from '../src/graph/index.ts';
import type { Comparison } from './comparison.ts';
import { type Fixture, FixtureError } from './fixture.ts';

export interface Results {
  readonly [name: string]: Float32Array;
}

/** Compiles and runs once; slices are hoisted first, as in training. */
export async function run(
  results: Readonly<Record<string, Tensor>>,
  values: ReadonlyMap<string, Values>,
): Promise<Results> {
  const names = Object.keys(results);
  const hoisted = hoistSlices(Object.values(results));
  const graph = Object.fromEntries(hoisted.map((tensor, i) => [names[i] ?? '', tensor]));
  const program = await ortNode.load(graph);
  try {
    const inputs = Object.fromEntries(
      [...program.inputs.keys()].map((name) => {
        const value = values.get(name);
        if (value === undefined) throw new FixtureError(`the fixture has no value for "${name}".`);
        return [name, value];
      }),
    );
    return await evaluate(program, inputs);
  } finally {
    await program.dispose();
  }
}

/** Adds `grad/...` for every trained parameter, and for other tensors by name. */
export function withGradients(
  loss: Tensor,
  set: ParameterSet,
  others: Readonly<Record<string, Tensor>>,
  results: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  // The forward graph is hoisted before it is differentiated, as the trainer does.
  const names = Object.keys(results);
  const [hoistedLoss = loss, ...hoisted] = hoistSlices([loss, ...Object.values(results)]);
  const all: Record<string, Tensor> = {};
  hoisted.forEach((tensor, i) => {
    all[names[i] ?? ''] = tensor;
  });
  const trained = [...set.parameters.values()].filter((info) => info.trainable).map((info) => info.name);
  const wrt = [...trained.map((name) => set.tensor(name)), ...Object.values(others)];
  const labels = [...trained.map((name) => `grad/${name}`), ...Object.keys(others)];
  gradients(hoistedLoss, wrt).forEach((gradient, i) => {
    all[labels[i] ?? ''] = gradient;
  });
  return all;
}

/** The library's network must have exactly the parameters and buffers of the stored state, of the same shapes. */
export function compareState(
  comparison: Comparison,
  set: ParameterSet,
  fixture: Fixture,
  prefix: string,
): void {
  const ours = [...set.parameters.values(), ...set.buffers.values()].map(
    (info) => `${info.name} [${info.shape.join(', ')}]`,
  );
  const stored = fixture.keys(prefix).map((key) => `${key} [${fixture.shape(prefix + key).join(', ')}]`);
  comparison.sameSet('parameter names and shapes', prefix, ours, stored);
}

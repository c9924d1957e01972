/** Programs of an engine beside those of ONNX Runtime: values of ops, whole steps of the methods. */
import { expect, onTestFinished } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import * as g from '../../src/graph/index.ts';
import { trainerOptionsOf } from '../../src/train/build.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { valuesFor } from '../graph/op-examples.ts';
import { tinyMethod } from '../method/tiny-methods.ts';

/** The methods whose whole steps are compared. */
export const methodNames = ['dino', 'byol', 'simclr', 'mae', 'dinov2', 'distill'] as const;

export const tinyFacts = {
  images: 12,
  imageSide: 16,
  channels: 3,
  cores: 2,
  readMilliseconds: 1,
  steps: 6,
} as const;

export async function run(engine: Engine, results: g.Results): Promise<Record<string, Float32Array>> {
  const program = await engine.load(results, { threads: 1 });
  try {
    return await evaluate(program, valuesFor(program.inputs));
  } finally {
    await program.dispose();
  }
}

export function expectClose(
  got: Readonly<Record<string, Float32Array>>,
  wanted: Readonly<Record<string, Float32Array>>,
  tolerance: number,
): void {
  const largestOf = (values: Float32Array): number =>
    values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  const overall = Math.max(...Object.values(wanted).map(largestOf));
  for (const [name, values] of Object.entries(wanted)) {
    // Some gradients are zero but for rounding: of a bias before batch norm, say.
    const largest = Math.max(largestOf(values), 1e-3 * overall);
    const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - got[name]![i]!)), 0);
    expect(worst / largest, name).toBeLessThan(tolerance);
  }
}

/** The program of a method's gradients and next state, on a small network. */
export async function tinyStep(name: string): Promise<g.Results> {
  const { options, frozen } = await tinyMethod(name);
  const { config } = chooseRecipe({ ...options, ...frozen?.options }, tinyFacts);
  return traceStep(trainerOptionsOf(config)).results;
}

export async function expectSameStep(engine: Engine, results: g.Results, tolerance: number): Promise<void> {
  const program = await ortNode.load(results, { threads: 1 });
  onTestFinished(() => program.dispose());
  const device = await engine.load(results);
  onTestFinished(() => device.dispose());
  const inputs = Object.fromEntries(
    [...program.inputs].map(([input, type]) => {
      const floats = valuesFor(new Map([[input, type]]))[input]!;
      if (input.startsWith('scalar/')) return [input, new Float32Array(1).fill(0.5)];
      if (type.dtype === 'i64')
        return [input, BigInt64Array.from({ length: g.sizeOf(type.shape) }, (_, i) => BigInt(i % 4))];
      return [input, floats];
    }),
  );
  const [wanted, got] = [await evaluate(program, inputs), await evaluate(device, inputs)];
  expectClose(got, wanted, tolerance);
}

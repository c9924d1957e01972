/** Programs on arrays of the host: for values that are read once, and for engines that share the host's memory. */
import type { TensorType } from '../graph/index.ts';
import { type DeviceBuffer, EngineError, type Program } from './engine.ts';
import { arrayText, copyValues, fits, typeText, type Values } from './values.ts';

/**
 * Runs a program once on arrays: every input is read from `inputs`, every output ends up in the array given in `outputs`; one
 * array in both is updated in place. Where memory is shared nothing is copied.
 *
 * @throws EngineError on a missing or unknown name, or an array of another type or length
 */
export async function runOnArrays(
  program: Program,
  inputs: Readonly<Record<string, Values>>,
  outputs: Readonly<Record<string, Values>>,
): Promise<void> {
  checkArrays('input', program.inputs, inputs);
  checkArrays('output', program.outputs, outputs);
  const buffers = new Map<Values, DeviceBuffer[]>();
  const bind = (
    border: ReadonlyMap<string, TensorType>,
    arrays: Readonly<Record<string, Values>>,
  ): Record<string, DeviceBuffer> =>
    Object.fromEntries(
      Object.entries(arrays).flatMap(([name, values]) => {
        const type = border.get(name);
        if (type === undefined) return [];
        const known = buffers.get(values) ?? [];
        const same = known.find((buffer) => typeText(buffer) === typeText(type));
        const buffer = same ?? program.engine.upload(values, type);
        if (same === undefined) buffers.set(values, [...known, buffer]);
        return [[name, buffer] as const];
      }),
    );
  try {
    const results = bind(program.outputs, outputs);
    await program.run(bind(program.inputs, inputs), results);
    for (const [name, buffer] of Object.entries(results)) {
      const [got, wanted] = [await buffer.read(), outputs[name]];
      if (got !== wanted && wanted !== undefined) copyValues(got, wanted);
    }
  } finally {
    for (const buffer of [...buffers.values()].flat()) buffer.dispose();
  }
}

/**
 * Runs a program whose results are float32, and returns fresh arrays: for results that are small or wanted once.
 *
 * @throws EngineError as `runOnArrays`, and for a result of another type
 */
export async function evaluate<Name extends string = string>(
  program: Program,
  inputs: Readonly<Record<string, Values>>,
): Promise<Record<Name, Float32Array>> {
  const outputs: Record<string, Float32Array> = {};
  for (const [name, type] of program.outputs) {
    if (type.dtype !== 'f32')
      throw new EngineError(
        `The program's output "${name}" is ${typeText(type)}: run it on arrays of its types.`,
      );
    outputs[name] = new Float32Array(type.shape.reduce((a, b) => a * b, 1));
  }
  await runOnArrays(program, inputs, outputs);
  return outputs;
}

function checkArrays(
  kind: 'input' | 'output',
  wanted: ReadonlyMap<string, TensorType>,
  given: Readonly<Record<string, Values>>,
): void {
  checkNames(kind, wanted, given);
  for (const [name, type] of wanted) {
    const values = given[name];
    if (values !== undefined && !fits(values, type))
      throw new EngineError(
        `The program's ${kind} "${name}" is ${typeText(type)}, ${type.shape.reduce((a, b) => a * b, 1)} elements; ${arrayText(values)} was given.`,
      );
  }
}

/** @throws EngineError unless the names are those of a program's border */
export function checkNames(
  kind: 'input' | 'output',
  wanted: ReadonlyMap<string, TensorType>,
  given: Readonly<Record<string, unknown>>,
): void {
  for (const name of wanted.keys())
    if (given[name] === undefined) throw new EngineError(`The program's ${kind} "${name}" was not given.`);
  const unknown = Object.keys(given).find((name) => !wanted.has(name));
  if (unknown !== undefined)
    throw new EngineError(
      `The program has no ${kind} "${unknown}"; its ${kind}s are ${[...wanted.keys()].join(', ')}.`,
    );
}

/**
 * What XLA makes of the text of StableHLO programs, by jaxlib: every operation with its gradients, and a whole step. Needs a
 * Python with jax, which `DINO_JAX_PYTHON` names; without one the test says so.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { parseNpy, serializeNpy } from '../../src/format/npy.ts';
import * as g from '../../src/graph/index.ts';
import { dino } from '../../src/method/dino.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { gridVit, tinyHead } from '../model/tiny-networks.ts';
import { smooth, valuesFor, withGradients } from './op-examples.ts';

const python = process.env.DINO_JAX_PYTHON;
const folder = mkdtempSync(join(tmpdir(), 'dino-oracle-'));
afterAll(() => rmSync(folder, { recursive: true }));

if (python === undefined)
  it.skip('The text is not shown to jax: DINO_JAX_PYTHON names no Python that has it (pip install jax jaxlib)', () => {});

interface Case {
  readonly program: g.StableHloProgram;
  readonly inputs: Readonly<Record<string, Float32Array>>;
}

function write(name: string, { program, inputs }: Case): void {
  writeFileSync(join(folder, `${name}.mlir`), program.text);
  for (const [i, [input, { shape }]] of [...program.inputs].entries()) {
    const values = inputs[input];
    if (values === undefined) throw new Error(`Nothing was given for "${input}".`);
    writeFileSync(
      join(folder, `${name}.in${i}.npy`),
      Buffer.concat(serializeNpy({ dtype: 'float32', shape, data: values })),
    );
  }
}

function read(name: string, { program }: Case): Record<string, Float32Array> {
  return Object.fromEntries(
    [...program.outputs.keys()].map((output, i) => {
      const { data } = parseNpy(readFileSync(join(folder, `${name}.out${i}.npy`)), output);
      return [output, Float32Array.from(data, Number)] as const;
    }),
  );
}

const method = dino({
  ...{ backbone: gridVit, head: { ...tinyHead, useBn: true }, viewSizes: [16, 16, 8, 8] },
  ...{ studentTemp: 0.1, centerMomentum: 0.9, dropPathRate: 0.2 },
});

const step = traceStep({ method, channels: 3, batchSize: 4 }).results;

describe.skipIf(python === undefined)('XLA by jaxlib', () => {
  it('computes what ONNX Runtime computes', { timeout: 600_000 }, async () => {
    const cases = new Map<string, Case>();
    for (const [i, result] of Object.values(smooth).entries()) {
      const program = g.stableHlo().compile(withGradients(result));
      cases.set(`op${i}`, { program, inputs: valuesFor(program.inputs) });
    }
    const whole = g.stableHlo().compile(step);
    cases.set('step', { program: whole, inputs: valuesFor(whole.inputs) });
    for (const [name, each] of cases) write(name, each);
    const run = spawnSync(
      python ?? '',
      [fileURLToPath(new URL('run_stablehlo.py', import.meta.url)), folder],
      { encoding: 'utf8' },
    );
    expect(run.stderr.slice(-2000)).not.toContain('Error');
    expect(run.status).toBe(0);
    const wanted = new Map<string, g.Results>([
      ...Object.values(smooth).map((result, i) => [`op${i}`, withGradients(result)] as const),
      ['step', step],
    ]);
    for (const [name, each] of cases) {
      const program = await ortNode.load(wanted.get(name) ?? {}, { threads: 1 });
      const own = await evaluate(program, valuesFor(program.inputs));
      const got = read(name, each);
      for (const [output, values] of Object.entries(own)) {
        const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
        const worst = values.reduce(
          (most, value, i) => Math.max(most, Math.abs(value - got[output]![i]!)),
          0,
        );
        expect(worst / largest, `${name} ${output}`).toBeLessThan(name === 'step' ? 1e-3 : 2e-5);
      }
      await program.dispose();
    }
  });
});

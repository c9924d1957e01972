/**
 * Another vendor's compiler takes the programs: libtpu compiles them for a TPU that is not here. `DINO_LIBTPU` names libtpu.so
 * (`dino devices --install tpu`); without it the test says so. Nothing runs.
 */
import { describe, expect, it, test } from 'vitest';
import { compileOptions } from '../../src/engine/xla/pjrt-client-node.ts';
import { PjrtLibrary, struct, type Word } from '../../src/engine/xla/pjrt-library-node.ts';
import * as g from '../../src/graph/index.ts';
import { statisticsFor } from '../../src/image/normalize.ts';
import { dino } from '../../src/method/dino.ts';
import { rules } from '../../src/optim/rules.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { wholeStep } from '../../src/train/whole-step.ts';
import { gridVit, tinyHead } from '../model/tiny-networks.ts';

const file = process.env.DINO_LIBTPU;
if (file === undefined)
  test.skip('No program is compiled for a TPU: DINO_LIBTPU names no libtpu.so (dino devices --install tpu)', () => {});

const method = dino({
  ...{ backbone: gridVit, head: { ...tinyHead, useBn: true }, viewSizes: [16, 16, 8, 8] },
  ...{ studentTemp: 0.1, centerMomentum: 0.9, dropPathRate: 0.2 },
});

/** A whole step, shared out to devices. */
function stepFor(ranks: number): g.Results {
  const graph = traceStep({ method, channels: 3, batchSize: 8 / ranks, ranks });
  const { parameters, averaged } = graph;
  return wholeStep(graph, {
    update: { parameters, rule: rules.adamw, averaged },
    measures: method.measures.map(({ key }) => key),
    byteCrops: statisticsFor(3),
  });
}

describe.skipIf(file === undefined)('libtpu, for a v5e of four chips', () => {
  it.each([
    [1, 'f32'],
    [1, 'bf16'],
    [4, 'f32'],
  ] as const)('compiles a whole step on %i of them in %s', { timeout: 900_000 }, (replicas, precision) => {
    process.env.TPU_SKIP_MDS_QUERY = '1';
    const library = new PjrtLibrary(file ?? '');
    library.call('Plugin_Initialize', {});
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const [name, format] = [bytes('v5e:2x2'), bytes('mlir')];
    const topology: Word = library
      .call('TopologyDescription_Create', { topology_name: name, topology_name_size: name.length })
      .word('topology');
    const compiled = g.stableHlo({ precision, replicas }).compile(stepFor(replicas));
    const code = bytes(compiled.text);
    const program = struct('Program', { code, code_size: code.length, format, format_size: format.length });
    const options = compileOptions({ replicas });
    const executable = library
      .call('Compile', { topology, program, compile_options: options, compile_options_size: options.length })
      .word('executable');
    const outputs = library.call('Executable_NumOutputs', { executable }).number('num_outputs');
    expect(outputs).toBe(compiled.outputs.size);
    library.call('Executable_Destroy', { executable });
  });
});

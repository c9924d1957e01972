/**
 * What a step is for a WebGPU device: kernels and the memory of what lies between them, beside the nodes of the same step in ONNX; and,
 * where a device can be opened, how long it takes to record and submit it (not how long it runs).
 */
import type { DeviceBuffer, Engine, Program } from '../../src/engine/engine.ts';
import { zeroValues } from '../../src/engine/values.ts';
/// <reference types="@webgpu/types" />
import { openWebGpu, webGpuFacts } from '../../src/engine/webgpu/dawn-node.ts';
import { WebGpuEngine } from '../../src/engine/webgpu/webgpu-engine.ts';
import {
  onnxCpu,
  type Results,
  type TensorType,
  type WgslLimits,
  type WgslProgram,
  wgsl,
} from '../../src/graph/index.ts';
import type { BenchContext } from '../context.ts';
import { makeTrainer } from '../own/network.ts';
import { type SizeName, sizes, sizeTitles } from '../sizes.ts';

export const name = 'webgpu';
export const title = 'A training step as WebGPU kernels: how many, and recording them';

const models: readonly SizeName[] = ['s', 'ti', 'micro', 'hybrid', 'hybrid48'];

/** What desktop GPUs bind at least. */
const LIMITS: WgslLimits = { bindingBytes: 2 ** 31 - 4, storageBuffers: 8 };

export async function run(context: BenchContext): Promise<void> {
  const hasDevice = await webGpuFacts().then(
    () => true,
    (error: Error) => context.note(error.message),
  );
  for (const model of models.filter((name) => context.works?.includes(name) ?? true)) {
    const results = await stepOf(model);
    const start = performance.now();
    const compiled = wgsl(LIMITS).compile(results);
    const milliseconds = performance.now() - start;
    const texts = new Set(compiled.kernels.map(({ code }) => code)).size;
    context.note(
      `${sizeTitles[model]}: ${compiled.kernels.length} kernels of ${texts} texts and ${compiled.before.length + compiled.after.length} copies for ${compiled.primitives} primitives; ${onnxCpu.compile(results).nodes} nodes in ONNX; ${(memoryBytes(compiled) / 1e6).toFixed(0)} MB between kernels; compiled in ${milliseconds.toFixed(0)} ms`,
    );
    if (hasDevice)
      context.report({
        work: sizeTitles[model],
        peer: 'recorded and submitted',
        oursMs: await recording(results),
      });
  }
}

/** The program of a whole step. */
async function stepOf(model: SizeName): Promise<Results> {
  let step: Results = {};
  const nowhere: Engine = {
    name: 'nowhere',
    sharesMemory: false,
    allocate: emptyBuffer,
    upload: (_, type) => emptyBuffer(type),
    load: async (results): Promise<Program> => {
      step = results;
      const { inputs, outputs } = wgsl(LIMITS).compile(results);
      return { engine: nowhere, inputs, outputs, run: async () => {}, dispose: async () => {} };
    },
  };
  const size = sizes[model];
  await (await makeTrainer(size, 1, size.batch, undefined, undefined, nowhere)).dispose();
  return step;
}

function emptyBuffer({ dtype, shape }: TensorType): DeviceBuffer {
  return { dtype, shape, write: () => {}, read: async () => zeroValues({ dtype, shape }), dispose: () => {} };
}

function memoryBytes({ places }: WgslProgram): number {
  return places.reduce((sum, place) => sum + (place.kind === 'memory' ? 4 * place.words : 0), 0);
}

/** Compiles nothing of what it is given: for what the host does, that makes no difference. */
class EmptyKernels extends WebGpuEngine {
  override pipeline(_code: string, writes: readonly boolean[]): Promise<GPUComputePipeline> {
    return super.pipeline(`@compute @workgroup_size(1) fn main() {} // ${writes.join()}`, writes);
  }
}

/** Milliseconds to record and submit a run: the shortest of a few, each alone on the device. */
async function recording(results: Results): Promise<number> {
  const { device } = await openWebGpu();
  const engine = new EmptyKernels(device, 'kernels that do nothing');
  const program = await engine.load(results);
  const named = (types: ReadonlyMap<string, TensorType>, known: Record<string, DeviceBuffer>) =>
    Object.fromEntries(
      [...types].map(([name, type]) => [name, known[name] ?? engine.allocate(type)] as const),
    );
  const inputs = named(program.inputs, {});
  const outputs = named(program.outputs, inputs);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10; i++) {
    const start = performance.now();
    const run = program.run(inputs, outputs);
    best = Math.min(best, performance.now() - start);
    await run;
    await engine.device.queue.onSubmittedWorkDone();
  }
  await program.dispose();
  device.destroy();
  return best;
}

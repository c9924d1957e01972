/** The process that `probe.ts` starts: opens one plugin, or WebGPU, and measures its first device. */
import { openSource } from '../../data/open-source-node.ts';
import { openWebGpu, webGpuFacts } from '../../engine/webgpu/dawn-node.ts';
import { openPlugin } from '../../engine/xla/prepare-plugin-node.ts';
import { XlaEngine } from '../../engine/xla/xla-engine-node.ts';
import { productRate, stepMilliseconds } from './measure-device.ts';
import { type ProbeMessage, taskSchema, WEBGPU } from './probe.ts';

/** Sides of the matrices: large enough for an accelerator, small enough for a processor, and for one that plays a GPU. */
const [LARGE, SMALL, TINY] = [4096, 1024, 128];

/** Sent when this is done, as the process may end right afterwards. */
function say(message: ProbeMessage): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

async function probe(): Promise<void> {
  const { source, ...plugin } = taskSchema.parse(JSON.parse(process.argv[2] ?? ''));
  if (plugin.name === WEBGPU.name) return probeWebGpu(source);
  const client = openPlugin({ ...plugin, vendor: plugin.vendor, packages: plugin.packages });
  const devices = client.devices.map((device) => {
    const memory = client.memory(device)?.bytesLimit;
    return { id: device.id, kind: device.kind, ...(memory === undefined ? {} : { memory }) };
  });
  await say({ type: 'opened', platform: client.platform, version: client.platformVersion, devices });
  const isCpu = client.platform === 'cpu';
  for (const precision of ['f32', 'tf32', 'bf16'] as const) {
    if (isCpu && precision === 'tf32') continue; // a unit of GPUs
    const gflops = await productRate(new XlaEngine(client, { precision }), isCpu ? SMALL : LARGE);
    await say({ type: 'rate', precision, gflops });
  }
  if (source === undefined) return;
  const milliseconds = await stepMilliseconds(new XlaEngine(client), openSource(source));
  if (milliseconds !== undefined) await say({ type: 'step', milliseconds });
}

async function probeWebGpu(source: string | undefined): Promise<void> {
  const { title, isSoftware } = await webGpuFacts();
  const engine = await openWebGpu();
  const { bindingBytes, storageBuffers } = engine.limits;
  const kind = `${title} (${(bindingBytes / 2 ** 30).toFixed(1)} GiB a buffer, ${storageBuffers} buffers a kernel)`;
  await say({ type: 'opened', platform: 'webgpu', version: '', devices: [{ id: 0, kind }] });
  const gflops = await productRate(engine, isSoftware ? TINY : LARGE);
  await say({ type: 'rate', precision: 'f32', gflops });
  // What computes on the processor takes minutes to compile a step.
  if (source === undefined || isSoftware) return;
  const milliseconds = await stepMilliseconds(engine, openSource(source));
  if (milliseconds !== undefined) await say({ type: 'step', milliseconds });
}

await probe().catch((error: unknown) =>
  say({ type: 'failed', reason: error instanceof Error ? error.message : String(error) }),
);
// Threads of a plugin may go on for ever.
process.exit(0);

/**
 * The WebGPU device that tests run on: SwiftShader, which computes on the processor, where Debian's packages `chromium` and `libvulkan1` are
 * installed or VK_ICD_FILENAMES names a driver.
 */
import { existsSync } from 'node:fs';
import { openWebGpu } from '../../src/engine/webgpu/dawn-node.ts';
import type { WebGpuEngine } from '../../src/engine/webgpu/webgpu-engine.ts';

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

if (process.env.VK_ICD_FILENAMES === undefined && existsSync(SWIFTSHADER))
  process.env.VK_ICD_FILENAMES = SWIFTSHADER;

/** One engine a process, or none and why. */
export const webGpu: { readonly engines: readonly WebGpuEngine[]; readonly missing?: string } =
  await openWebGpu().then(
    (engine) => ({ engines: [engine] }),
    (error: Error) => ({
      engines: [],
      missing: `WebGPU is not tried (Debian's chromium and libvulkan1 bring SwiftShader): ${error.message}`,
    }),
  );

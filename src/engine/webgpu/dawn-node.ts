/** Opens a GPU in Node by Dawn, Chromium's WebGPU, which the package `webgpu` brings. */
/// <reference types="@webgpu/types" />
import { EngineError } from '../engine.ts';
import { WebGpuEngine } from './webgpu-engine.ts';

export interface AdapterFacts {
  readonly title: string;
  /** Whether it computes on the processor: for tests, never for speed. */
  readonly isSoftware: boolean;
  readonly limits: GPUSupportedLimits;
  readonly features: readonly string[];
}

/** Held as long as the process lives: a GPU that is collected takes its devices with it. */
let opened: Promise<GPU> | undefined;

async function dawn(): Promise<GPU> {
  try {
    const { create } = await import('webgpu');
    return create([]);
  } catch (error) {
    throw new EngineError(
      `WebGPU in Node needs the package webgpu, which does not load here: npm install webgpu brings it. ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function adapterOf(): Promise<GPUAdapter> {
  opened ??= dawn();
  const adapter = await (await opened).requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new EngineError(noAdapter());
  return adapter;
}

function noAdapter(): string {
  return process.platform === 'linux'
    ? "WebGPU finds no GPU here: on Linux it needs the Vulkan loader (libvulkan1) and the Vulkan driver of the GPU (mesa-vulkan-drivers, or NVIDIA's own)."
    : 'WebGPU finds no GPU here: its driver has to be installed and up to date.';
}

/** @throws EngineError where the package is missing, or there is no GPU */
export async function webGpuFacts(): Promise<AdapterFacts> {
  return factsOf(await adapterOf());
}

function factsOf({ info, limits, features }: GPUAdapter): AdapterFacts {
  const { vendor, architecture, device, description } = info;
  const text = `${vendor} ${architecture} ${device} ${description}`;
  return {
    title: description || device || [vendor, architecture].filter((part) => part !== '').join(' ') || 'a GPU',
    isSoftware: /swiftshader|llvmpipe|lavapipe|basic render/i.test(text),
    ...{ limits, features: [...features].sort() },
  };
}

/**
 * @returns an engine on the GPU that the system prefers, with the largest buffers it has
 * @throws EngineError where the package is missing, or there is no GPU
 */
export async function openWebGpu(): Promise<WebGpuEngine> {
  const adapter = await adapterOf();
  const { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredLimits: { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage },
  });
  return new WebGpuEngine(device, factsOf(adapter).title);
}

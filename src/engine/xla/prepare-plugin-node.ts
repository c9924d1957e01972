/**
 * What a plugin needs before it is opened: libraries of its vendor that lie in Python packages beside it, and variables of the
 * environment. What the user has set stays as it is.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import koffi, { type LibraryHandle } from 'koffi';
import { prepareNativeCalls } from '../native-stack-node.ts';
import { type FoundPlugin, hasDevice, packageFolders } from './find-plugin-node.ts';
import { type Named, PjrtClient } from './pjrt-client-node.ts';

/** A memory that grows up to this share leaves something for the screen. */
const MEMORY_FRACTION = 0.9;

/**
 * NVIDIA's libraries below a folder of packages, in an order in which each finds those that it needs, and the folder with
 * `bin/ptxas` and `nvvm/libdevice`. The plugin and cuDNN ask for libraries by name later, and get what is loaded. The packages of
 * CUDA 13 share a folder, those of CUDA 12 have one each.
 */
const cuda: Readonly<Record<string, { readonly libraries: readonly string[]; readonly tools: string }>> = {
  cuda13: {
    libraries: [
      ...['cu13/lib/libcudart.so.13', 'cu13/lib/libnvrtc.so.13'],
      ...['cu13/lib/libcublasLt.so.13', 'cu13/lib/libcublas.so.13'],
      ...['nccl/lib/libnccl.so.2', 'cu13/lib/libcupti.so.13', 'cu13/lib/libnvJitLink.so.13'],
      ...['cu13/lib/libcusparse.so.12', 'cu13/lib/libcusolver.so.12', 'cu13/lib/libcufft.so.12'],
      ...['nvshmem/lib/libnvshmem_host.so.3', 'cudnn/lib/libcudnn.so.9'],
    ],
    tools: 'cu13',
  },
  cuda12: {
    libraries: [
      ...['cuda_runtime/lib/libcudart.so.12', 'cuda_nvrtc/lib/libnvrtc.so.12'],
      ...['cublas/lib/libcublasLt.so.12', 'cublas/lib/libcublas.so.12'],
      ...['nccl/lib/libnccl.so.2', 'cuda_cupti/lib/libcupti.so.12', 'nvjitlink/lib/libnvJitLink.so.12'],
      ...['cusparse/lib/libcusparse.so.12', 'cusolver/lib/libcusolver.so.11', 'cufft/lib/libcufft.so.11'],
      ...['nvshmem/lib/libnvshmem_host.so.3', 'cudnn/lib/libcudnn.so.9'],
    ],
    tools: 'cuda_nvcc',
  },
};

/** Held, because koffi unloads a library when nothing refers to it any more. */
const loaded = new Map<string, LibraryHandle>();

/**
 * Opens a plugin that was found.
 *
 * @throws EngineError as `PjrtClient` does
 */
export function openPlugin(found: FoundPlugin): PjrtClient {
  return new PjrtClient(found.file, preparePlugin(found));
}

/**
 * To be called before the plugin is opened, on the main thread (threads have an environment of their own). Libraries that are
 * missing are no error: the plugin may find them elsewhere, and says so if it does not.
 *
 * @returns options for `PjrtClient`
 */
export function preparePlugin(found: FoundPlugin): Readonly<Record<string, Named>> {
  if (found.vendor === 'cuda') prepareCuda(found);
  // Without a TPU libtpu would ask a server that only Google's machines have, for minutes.
  if (found.vendor === 'tpu' && !hasDevice('tpu')) process.env.TPU_SKIP_MDS_QUERY ??= '1';
  return clientOptions(found, process.env);
}

function prepareCuda({ name, packages }: FoundPlugin): void {
  const known = cuda[name];
  if (known === undefined) return; // a file of its own: whoever gave it has set what it needs
  const folders = [...(packages === undefined ? [] : [packages]), ...packageFolders()].map((folder) =>
    join(folder, 'nvidia'),
  );
  prepareNativeCalls();
  for (const path of known.libraries) {
    const file = folders.map((folder) => join(folder, path)).find((each) => existsSync(each));
    if (file !== undefined && !loaded.has(file)) tryToLoad(file);
  }
  const { XLA_FLAGS = '' } = process.env;
  if (XLA_FLAGS.includes('--xla_gpu_cuda_data_dir')) return;
  const tools = folders
    .map((folder) => join(folder, known.tools))
    .find((folder) => ['bin/ptxas', 'nvvm/libdevice'].some((part) => existsSync(join(folder, part))));
  // XLA parts flags at spaces and knows no quotes.
  if (tools !== undefined && !/\s/.test(tools))
    process.env.XLA_FLAGS = `${XLA_FLAGS} --xla_gpu_cuda_data_dir=${tools}`.trimStart();
}

function tryToLoad(file: string): void {
  try {
    loaded.set(file, koffi.load(file));
  } catch {
    // For another machine, or something that it needs is missing: the plugin says what it misses.
  }
}

/**
 * Memory of a GPU grows with what is needed, so that a card which also drives a screen, or is shared, is not taken whole: blocks are
 * kept once they were taken, and after the first steps nothing is asked of the driver any more. JAX's variables say otherwise:
 * XLA_PYTHON_CLIENT_PREALLOCATE, XLA_CLIENT_MEM_FRACTION, XLA_PYTHON_CLIENT_ALLOCATOR.
 */
export function clientOptions(
  { vendor }: Pick<FoundPlugin, 'vendor'>,
  env: NodeJS.ProcessEnv,
): Readonly<Record<string, Named>> {
  if (vendor !== 'cuda' && vendor !== 'rocm' && vendor !== 'oneapi') return {};
  const { XLA_PYTHON_CLIENT_PREALLOCATE: preallocate = '', XLA_PYTHON_CLIENT_ALLOCATOR: allocator = '' } =
    env;
  const fraction = Number(
    env.XLA_CLIENT_MEM_FRACTION ?? env.XLA_PYTHON_CLIENT_MEM_FRACTION ?? MEMORY_FRACTION,
  );
  const platform = { cuda: {}, rocm: { platform_name: 'ROCM' }, oneapi: { platform_name: 'SYCL' } };
  return {
    ...platform[vendor],
    preallocate: preallocate !== '' && !/^(false|0)$/i.test(preallocate),
    memory_fraction: fraction > 0 ? fraction : MEMORY_FRACTION,
    ...(allocator === '' ? {} : { allocator: allocator.toLowerCase() }),
  };
}

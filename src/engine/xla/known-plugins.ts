/** XLA plugins that are known by name: for which devices, where they lie in a folder of Python packages, how to get them. */

export type Vendor = 'cpu' | 'cuda' | 'rocm' | 'tpu' | 'oneapi' | 'metal';

export interface KnownPlugin {
  readonly name: string;
  readonly vendor: Vendor;
  /** "NVIDIA GPUs" */
  readonly devices: string;
  /** Where its file is below a folder of packages; a star stands for anything within one name. */
  readonly files: readonly string[];
  /** Files of the system of which one is there where such a device is. */
  readonly signs: readonly string[];
  /** How to get it. */
  readonly get: string;
}

const nvidia: Pick<KnownPlugin, 'vendor' | 'signs'> = {
  vendor: 'cuda',
  // The last one is the way to the GPU under WSL.
  signs: ['/dev/nvidia[0-9]*', '/proc/driver/nvidia', '/dev/dxg'],
};
const amd: Pick<KnownPlugin, 'vendor' | 'devices' | 'signs'> = {
  vendor: 'rocm',
  devices: 'AMD GPUs',
  signs: ['/dev/kfd'],
};

/** In the order in which a device is chosen. */
export const knownPlugins: readonly KnownPlugin[] = [
  {
    name: 'cuda13',
    devices: 'NVIDIA GPUs, CUDA 13',
    ...nvidia,
    files: ['jax_plugins/xla_cuda13/xla_cuda_plugin.so'],
    get: 'dino devices --install cuda13, or pip install "jax[cuda13]"',
  },
  {
    name: 'cuda12',
    devices: 'NVIDIA GPUs, CUDA 12',
    ...nvidia,
    files: ['jax_plugins/xla_cuda12/xla_cuda_plugin.so'],
    get: 'pip install "jax[cuda12]"',
  },
  {
    name: 'tpu',
    vendor: 'tpu',
    devices: "Google's TPUs",
    signs: ['/dev/accel[0-9]*', '/dev/vfio/[0-9]*'],
    files: ['libtpu/libtpu.so'],
    get: 'dino devices --install tpu, or pip install libtpu',
  },
  {
    name: 'rocm10',
    ...amd,
    files: ['jax_plugins/xla_rocm10/xla_rocm_plugin.so'],
    get: 'pip install jax-rocm10-pjrt',
  },
  {
    name: 'rocm7',
    ...amd,
    files: ['jax_plugins/xla_rocm7/xla_rocm_plugin.so'],
    get: 'pip install jax-rocm7-pjrt',
  },
  {
    name: 'oneapi',
    vendor: 'oneapi',
    devices: 'Intel GPUs',
    signs: ['/dev/dri/renderD*'],
    files: [
      'jax_plugins/xla_oneapi*/xla_oneapi_plugin.so',
      'jax_plugins/intel_extension_for_openxla/pjrt_plugin_xpu.so',
    ],
    get: 'pip install jax-oneapi-pjrt',
  },
  {
    name: 'metal',
    vendor: 'metal',
    devices: 'GPUs of Apple computers',
    signs: ['/System/Library/Frameworks/Metal.framework'],
    files: [
      'jax_plugins/mps/lib/libpjrt_plugin_mps.dylib',
      'jax_plugins/metal_plugin/pjrt_plugin_metal_14.dylib',
    ],
    get: 'pip install jax-mps',
  },
  {
    name: 'cpu',
    vendor: 'cpu',
    devices: 'the processor, for tests',
    signs: [],
    files: ['libpjrt_cpu.so'],
    get: 'dino devices --install cpu',
  },
];

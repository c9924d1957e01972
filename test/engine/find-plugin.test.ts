/** Where XLA plugins are found, in folders that are made up. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished, test, vi } from 'vitest';
import { findPlugin, hasDevice, listPlugins, type Places } from '../../src/engine/xla/find-plugin-node.ts';
import { clientOptions, openPlugin, preparePlugin } from '../../src/engine/xla/prepare-plugin-node.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { pluginFile } from './xla-plugin.ts';

/** A machine with these files below its root, and these variables ("~" stands for the root). */
function machine(
  files: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Places & { readonly at: (path: string) => string } {
  const root = temporaryFolder();
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  const variables = Object.entries(env).map(([name, value]) => [name, value.replaceAll('~', root)]);
  return {
    root,
    home: join(root, 'home/me'),
    env: { DINO_CACHE: join(root, 'cache'), ...Object.fromEntries(variables) },
    at: (path) => join(root, path),
  };
}

const cuda13 = 'jax_plugins/xla_cuda13/xla_cuda_plugin.so';
const cuda12 = 'jax_plugins/xla_cuda12/xla_cuda_plugin.so';

describe('a plugin that is asked for by name', () => {
  it.each([
    ['the folder of dino devices --install', `cache/plugins/cuda13/${cuda13}`, {}],
    [
      'PJRT_NAMES_AND_LIBRARY_PATHS',
      'x/own.so',
      { PJRT_NAMES_AND_LIBRARY_PATHS: 'cpu:/none,cuda:~/x/own.so' },
    ],
    ['an active environment', `venv/lib/python3.12/site-packages/${cuda13}`, { VIRTUAL_ENV: '~/venv' }],
    ['conda', `conda/lib/python3.9/site-packages/${cuda13}`, { CONDA_PREFIX: '~/conda' }],
    ['the packages of the user', `home/me/.local/lib/python3.11/site-packages/${cuda13}`, {}],
    ['the packages of the system', `usr/lib/python3/dist-packages/${cuda13}`, {}],
    ['those that pip adds to it', `usr/local/lib/python3.13/dist-packages/${cuda13}`, {}],
  ])('is found in %s', (_, file, env) => {
    const places = machine([file], env);
    const packages = file.endsWith(cuda13) ? places.at(file.slice(0, -cuda13.length - 1)) : undefined;
    expect(findPlugin('cuda13', places)).toEqual({
      name: 'cuda13',
      vendor: 'cuda',
      file: places.at(file),
      packages,
    });
  });

  it('is that of the newest Python, and what was installed goes first', () => {
    const site = (version: string): string => `usr/local/lib/python${version}/site-packages/${cuda13}`;
    const python = machine([site('3.9'), site('3.12')]);
    expect(findPlugin('cuda13', python)?.file).toBe(python.at(site('3.12')));
    const installed = machine([site('3.9'), `cache/plugins/cuda13/${cuda13}`]);
    expect(findPlugin('cuda13', installed)?.file).toBe(installed.at(`cache/plugins/cuda13/${cuda13}`));
  });

  it('is not one of another version of CUDA', () => {
    const places = machine([`v/${cuda12}`], { PJRT_NAMES_AND_LIBRARY_PATHS: `cuda:~/v/${cuda12}` });
    expect(findPlugin('cuda12', places)?.file).toBe(places.at(`v/${cuda12}`));
    expect(() => findPlugin('cuda13', places)).toThrow(
      'The plugin cuda13 (NVIDIA GPUs, CUDA 13) is not on this machine: get it by dino devices --install cuda13, or pip install "jax[cuda13]", or give the path of its file.',
    );
  });

  it('may have a name of PJRT_NAMES_AND_LIBRARY_PATHS alone', () => {
    const places = machine(['npu.so'], { PJRT_NAMES_AND_LIBRARY_PATHS: 'npu:~/npu.so' });
    expect(findPlugin('npu', places)).toMatchObject({
      name: 'npu',
      vendor: undefined,
      file: places.at('npu.so'),
    });
  });

  it("is libtpu where JAX's own variable says", () => {
    const places = machine(['lib/tpu.so'], { TPU_LIBRARY_PATH: '~/lib/tpu.so' });
    expect(findPlugin('tpu', places)).toMatchObject({ vendor: 'tpu', file: places.at('lib/tpu.so') });
  });

  it.each([
    ['cuda', 'cuda13 or cuda12'],
    ['cuda11', 'cuda13 or cuda12'],
    ['TPU', 'tpu'],
    ['gpu', 'cuda13, cuda12, tpu, rocm10, rocm7, oneapi, metal, cpu'],
  ])('%s is refused, with the names that are near', (name, near) => {
    expect(() => findPlugin(name, machine([]))).toThrow(
      `No plugin is known by the name ${name}: give ${near}, or the path of a plugin's file.`,
    );
  });
});

describe('a file that is given as a plugin', () => {
  it.each([
    ['/site/jax_plugins/xla_cuda13/xla_cuda_plugin.so', 'cuda13', 'cuda', '/site'],
    [cuda12, 'cuda12', 'cuda', '.'],
    ['/made/up/xla_cuda_plugin.so', 'xla_cuda_plugin.so', 'cuda', undefined],
    ['/p/jax_plugins/xla_oneapi2026/xla_oneapi_plugin.so', 'oneapi', 'oneapi', '/p'],
    ['venv/libtpu/libtpu.so', 'tpu', 'tpu', 'venv'],
    ['./mine.so', 'mine.so', undefined, undefined],
    ['libpjrt_cpu.so', 'cpu', 'cpu', '.'],
    ['plugin.so.2', 'plugin.so.2', undefined, undefined],
  ])('%s', (file, name, vendor, packages) => {
    expect(findPlugin(file, machine([]))).toEqual({ name, vendor, file, packages });
  });
});

describe('where nothing is asked for', () => {
  const site = (file: string): string => `usr/local/lib/python3.12/site-packages/${file}`;

  it('the first plugin counts whose device is there', () => {
    const both = [site(cuda12), site('libtpu/libtpu.so')];
    expect(findPlugin(undefined, machine([...both, 'dev/nvidia1']))?.name).toBe('cuda12');
    expect(findPlugin(undefined, machine([...both, 'dev/dxg']))?.name).toBe('cuda12');
    expect(findPlugin(undefined, machine([...both, 'dev/vfio/0']))?.name).toBe('tpu');
    const rocm = site('jax_plugins/xla_rocm7/xla_rocm_plugin.so');
    expect(findPlugin(undefined, machine([...both, rocm, 'dev/kfd']))?.name).toBe('rocm7');
  });

  it('a plugin without its device does not, nor a device without its plugin, nor the CPU', () => {
    const files = [site(cuda13), site('libtpu/libtpu.so'), 'dev/vfio/vfio', 'dev/nvidiactl', 'dev/kfd'];
    expect(findPlugin(undefined, machine([...files, 'cache/plugins/cpu/libpjrt_cpu.so']))).toBeUndefined();
  });

  it('all are listed, those that are missing with the way to get them', () => {
    const places = machine([site(cuda12), 'dev/nvidia0']);
    const listed = listPlugins(places);
    expect(listed.map(({ name, found, hasDevice }) => [name, found !== undefined, hasDevice])).toEqual([
      ['cuda13', false, true],
      ['cuda12', true, true],
      ['tpu', false, false],
      ['rocm10', false, false],
      ['rocm7', false, false],
      ['oneapi', false, false],
      ['metal', false, false],
      ['cpu', false, true],
    ]);
    expect(listed[0]?.get).toBe('dino devices --install cuda13, or pip install "jax[cuda13]"');
  });
});

describe('before a plugin of CUDA is opened', () => {
  const found = (packages: string) => ({
    name: 'cuda13',
    vendor: 'cuda' as const,
    file: join(packages, cuda13),
    packages,
  });
  const withTools = (): string => {
    const packages = temporaryFolder();
    mkdirSync(join(packages, 'nvidia/cu13/bin'), { recursive: true });
    writeFileSync(join(packages, 'nvidia/cu13/bin/ptxas'), '');
    onTestFinished(() => void vi.unstubAllEnvs());
    return packages;
  };

  it('XLA is told where its tools lie, beside what the user wants of it', () => {
    const packages = withTools();
    vi.stubEnv('XLA_FLAGS', '--xla_dump_to=x');
    preparePlugin(found(packages));
    expect(process.env.XLA_FLAGS).toBe(
      `--xla_dump_to=x --xla_gpu_cuda_data_dir=${join(packages, 'nvidia/cu13')}`,
    );
    preparePlugin(found(packages));
    expect(process.env.XLA_FLAGS?.match(/cuda_data_dir/g)).toHaveLength(1);
  });

  it('what the user says of the tools stays', () => {
    vi.stubEnv('XLA_FLAGS', '--xla_gpu_cuda_data_dir=/mine');
    preparePlugin(found(withTools()));
    expect(process.env.XLA_FLAGS).toBe('--xla_gpu_cuda_data_dir=/mine');
  });

  const hasCompiler = process.platform === 'linux' && spawnSync('gcc', ['--version']).status === 0;
  it.skipIf(!hasCompiler)('its libraries are loaded, so that they are found by name (needs gcc)', () => {
    const packages = withTools();
    vi.stubEnv('XLA_FLAGS', '');
    const code = (name: string, text: string, libraries: readonly string[] = []): string => {
      const file = join(packages, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(`${file}.c`, text);
      const soname = `-Wl,-soname,${name.split('/').at(-1)}`;
      execFileSync('gcc', ['-shared', '-fPIC', soname, '-o', file, `${file}.c`, ...libraries]);
      return file;
    };
    const runtime = code('nvidia/cu13/lib/libcudart.so.13', 'int made_up_cuda(void) { return 13; }\n');
    // Broken ones are none of our business.
    writeFileSync(join(packages, 'nvidia/cu13/lib/libnvrtc.so.13'), 'no library');
    const file = code(cuda13, 'int made_up_cuda(void);\nint f(void) { return made_up_cuda(); }\n', [runtime]);
    expect(file).toBe(found(packages).file);
    // Without the runtime, which lies where no linker looks, it could not be loaded at all.
    expect(() => openPlugin(found(packages))).toThrow('is a shared library, but no PJRT plugin');
  });

  it('its memory grows with what is needed, unless the user says otherwise', () => {
    const cuda = { vendor: 'cuda' } as const;
    expect(clientOptions(cuda, {})).toEqual({ preallocate: false, memory_fraction: 0.9 });
    expect(
      clientOptions(cuda, {
        XLA_PYTHON_CLIENT_PREALLOCATE: 'true',
        XLA_PYTHON_CLIENT_ALLOCATOR: 'CUDA_ASYNC',
        XLA_CLIENT_MEM_FRACTION: '.5',
      }),
    ).toEqual({ preallocate: true, memory_fraction: 0.5, allocator: 'cuda_async' });
    expect(clientOptions(cuda, { XLA_PYTHON_CLIENT_PREALLOCATE: 'false' })).toMatchObject({
      preallocate: false,
    });
    expect(clientOptions({ vendor: 'rocm' }, {})).toMatchObject({ platform_name: 'ROCM' });
    expect(clientOptions({ vendor: 'tpu' }, {})).toEqual({});
    expect(clientOptions({ vendor: undefined }, {})).toEqual({});
  });
});

it('libtpu asks no server for a TPU where none is seen', () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv('TPU_SKIP_MDS_QUERY', undefined);
  const options = preparePlugin({ name: 'tpu', vendor: 'tpu', file: 'libtpu.so', packages: undefined });
  expect(options).toEqual({});
  expect(process.env.TPU_SKIP_MDS_QUERY).toBe(hasDevice('tpu') ? undefined : '1');
});

if (pluginFile === undefined)
  test.skip('no plugin is opened: DINO_PJRT_PLUGIN names none (docs/devices.md builds one for the CPU)', () => {});
else
  it('a plugin that is found is opened', () => {
    const found = findPlugin(pluginFile);
    expect(found === undefined ? [] : openPlugin(found).devices).not.toHaveLength(0);
  });

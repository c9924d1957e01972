/** `dino devices`: what is listed, and plugins from a package index of our own. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, test, vi } from 'vitest';
import { installPlugin } from '../../src/cli/devices/install-plugin.ts';
import { type Installable, installables } from '../../src/cli/devices/plugin-packages.ts';
import { probePlugin } from '../../src/cli/devices/probe.ts';
import { findPlugin } from '../../src/engine/xla/find-plugin-node.ts';
import { png, temporaryFolder, writeFiles, zipArchive } from '../data/fixtures.ts';
import { webGpu } from '../engine/webgpu-device.ts';
import { pluginFile } from '../engine/xla-plugin.ts';
import { dino } from './command.ts';

const isLinux = process.platform === 'linux' && process.arch === 'x64';

beforeEach(() => {
  vi.stubEnv('DINO_CACHE', temporaryFolder());
  for (const name of ['VIRTUAL_ENV', 'CONDA_PREFIX', 'PJRT_NAMES_AND_LIBRARY_PATHS', 'TPU_LIBRARY_PATH'])
    vi.stubEnv(name, '');
});
afterEach(() => void vi.unstubAllEnvs());

describe('the list', () => {
  it('has the CPU with its memory and rate, and says how to get what is missing', async () => {
    const { code, out } = await dino('devices');
    expect(code).toBe(0);
    const [head = '', cpu = '', ...rest] = out.split('\n');
    expect(head).toMatch(/^engine +device +memory GiB +f32 GFLOP\/s +tf32 GFLOP\/s +bf16 GFLOP\/s$/);
    expect(cpu).toMatch(/^ONNX Runtime, CPU {2}.*, \d+ cores? +\d+\.\d +[\d.]+ +- +-$/);
    expect(rest.join('\n')).toContain('No plugin. To get it: dino devices --install cpu.');
  });

  it('is one object with --json', async () => {
    const { out } = await dino('devices', '--json');
    const { devices, unused } = JSON.parse(out);
    expect(devices[0]).toMatchObject({ engine: 'ONNX Runtime, CPU', name: expect.any(String) });
    expect(devices[0].gflops.f32).toBeGreaterThan(0.1);
    expect(devices[0].memory).toBeGreaterThan(2 ** 28);
    expect(unused.map(({ plugin }: { plugin: string }) => plugin)).toEqual(
      expect.arrayContaining(['cuda12', 'tpu', 'rocm7', 'oneapi', 'cpu']),
    );
  });

  it('has the GPU that WebGPU finds, with what it can bind, or says what is missing', async () => {
    const { out } = await dino('devices', '--json');
    const { devices, unused } = JSON.parse(out);
    if (webGpu.missing !== undefined)
      return expect(unused).toContainEqual(
        expect.objectContaining({ plugin: 'webgpu', reason: expect.stringMatching(/WebGPU .*\.$/) }),
      );
    expect(devices).toContainEqual(
      expect.objectContaining({
        engine: 'WebGPU',
        name: expect.stringMatching(/ \([\d.]+ GiB a buffer, \d+ buffers a kernel\)$/),
      }),
    );
  });

  it('says how long a step takes on images', async () => {
    const folder = join(temporaryFolder(), 'photos');
    const photos = await Promise.all(Array.from({ length: 8 }, (_, i) => png(i, 40, 32)));
    writeFiles(folder, Object.fromEntries(photos.map((photo, i) => [`${i}.png`, photo])));
    const [head = '', cpu = ''] = (await dino('devices', folder)).out.split('\n');
    expect(head).toMatch(/ {2}a step$/);
    expect(cpu).toMatch(/ [\d.]+ m?s$/);
    const { code, err } = await dino('devices', join(folder, 'nowhere'));
    expect(code).toBe(1);
    expect(err).toContain('nowhere');
  });

  it.skipIf(!isLinux)('goes on where a plugin is no plugin or is not there', async () => {
    const file = join(temporaryFolder(), 'broken.so');
    const missing = await dino('devices', '--pjrt_plugin', file);
    expect(missing).toMatchObject({ code: 0 });
    expect(missing.out).toContain('ONNX Runtime, CPU');
    expect(missing.out.replaceAll(/\s+/g, ' ')).toContain(`There is no PJRT plugin at ${file}`);
    writeFileSync(file, 'text');
    const { out } = await dino('devices', '--pjrt_plugin', file, '--json');
    expect(JSON.parse(out).unused.at(-1)).toEqual({
      plugin: 'broken.so',
      devices: file,
      reason: `${file} is no shared library: give a PJRT plugin, such as libtpu.so.`,
    });
  });

  it('refuses a name that no plugin has', async () => {
    const { code, err } = await dino('devices', '--pjrt_plugin', 'cuda');
    expect(code).toBe(1);
    expect(err).toContain('No plugin is known by the name cuda: give cuda13 or cuda12');
  });

  it.skipIf(pluginFile === undefined)('measures a plugin that DINO_PJRT_PLUGIN names', async () => {
    const { out } = await dino('devices', '--pjrt_plugin', pluginFile ?? '', '--json');
    const device = JSON.parse(out).devices[1];
    expect(device).toMatchObject({ engine: 'XLA, cpu', name: 'cpu' });
    for (const precision of ['f32', 'bf16']) expect(device.gflops[precision]).toBeGreaterThan(0.1);
  });
});

const hasCompiler = isLinux && spawnSync('gcc', ['--version']).status === 0;
describe.skipIf(!hasCompiler)('a plugin that ends its process or hangs (needs gcc)', () => {
  const pluginOf = (body: string) => {
    const [source, file] = ['plugin.c', 'plugin.so'].map((name) => join(temporaryFolder(), name)) as [
      string,
      string,
    ];
    writeFileSync(source, `#include <stdlib.h>\n#include <unistd.h>\nvoid *GetPjrtApi(void) { ${body} }\n`);
    expect(spawnSync('gcc', ['-shared', '-fPIC', '-o', file, source]).status).toBe(0);
    return { name: 'plugin.so', vendor: undefined, file, packages: undefined };
  };

  it('is told apart from the rest, with its last words', async () => {
    const plugin = pluginOf('write(2, "no driver\\n", 10); abort(); return 0;');
    expect((await probePlugin(plugin)).problem).toBe(
      'It ended its process (SIGABRT); its last words: no driver.',
    );
    const { code, out } = await dino('devices', '--pjrt_plugin', plugin.file, '--json');
    expect(code).toBe(0);
    const { devices } = JSON.parse(out);
    expect(devices.filter(({ engine }: { engine: string }) => engine !== 'WebGPU')).toHaveLength(1);
  });

  it('is given up', async () => {
    const { problem, devices } = await probePlugin(pluginOf('pause(); return 0;'), { patience: 3000 });
    expect(problem).toBe('It did not answer within 3 s.');
    expect(devices).toEqual([]);
  });
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A package index on loopback with these files by package. */
async function serve(files: Readonly<Record<string, Buffer>>, form: 'json' | 'html' = 'json') {
  const state: { asked: string[]; answer: Answer | undefined } = { asked: [], answer: undefined };
  const server = createServer((request, response) => {
    const { url = '' } = request;
    state.asked.push(`${url}${request.headers.range === undefined ? '' : ` ${request.headers.range}`}`);
    const [, kind, name = ''] = url.split('/');
    const file = files[name.replace('.whl', '')];
    if (file === undefined) return response.writeHead(404).end();
    if (kind === 'files' && state.answer !== undefined) return state.answer(request, response);
    if (kind === 'files') return sendWhole(file, request, response);
    const sha256 = createHash('sha256').update(file).digest('hex');
    const other = { url: '../../files/older.whl', hashes: { sha256: '0'.repeat(64) } };
    if (form === 'json')
      return response
        .setHeader('content-type', 'application/vnd.pypi.simple.v1+json')
        .end(JSON.stringify({ files: [other, { url: `../../files/${name}.whl`, hashes: { sha256 } }] }));
    return response
      .setHeader('content-type', 'text/html; charset=utf-8')
      .end(
        `<a href="../../files/older.whl">older</a>\n<a href="../../files/${name}.whl#sha256=${sha256}">this</a>`,
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise((resolve) => server.close(resolve));
  onTestFinished(() => void close());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return Object.assign(state, { close, index: `http://127.0.0.1:${port}/simple` });
}

const TAG = '"one"';

function sendWhole(file: Buffer, request: IncomingMessage, response: ServerResponse): void {
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  const start = from !== undefined && request.headers['if-range'] === TAG ? Number(from) : 0;
  const part = file.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': part.length, etag: TAG });
  response.end(part);
}

const plugin = Buffer.from('a plugin '.repeat(500));
const [first, second] = [
  zipArchive([
    { name: 'jax_plugins/xla_cuda13/xla_cuda_plugin.so', data: plugin },
    { name: 'jax_plugins/xla_cuda13/__init__.py', data: 'never run' },
    { name: 'first-1.dist-info/licenses/LICENSE.txt', data: 'terms' },
  ]),
  zipArchive([
    { name: 'nvidia/cu13/bin/ptxas', data: 'tool', mode: 0o100755 },
    { name: 'nvidia/cu13/bin/nvcc', data: 'not wanted' },
    { name: 'nvidia/cu13/lib/libempty.so.13', data: '', method: 0 },
  ]),
];
const sha256Of = (file: Buffer): string => createHash('sha256').update(file).digest('hex');
const cuda13 = installables.find(({ name }) => name === 'cuda13')!;
const tiny: Installable = {
  ...cuda13,
  wheels: [
    { name: 'first', version: '1', sha256: sha256Of(first) },
    { name: 'second', version: '2', sha256: sha256Of(second) },
  ],
};
const plugins = (): string => join(process.env.DINO_CACHE ?? '', 'plugins');

describe.skipIf(!isLinux)('--install', () => {
  beforeEach(() => {
    const spies = [vi.spyOn(console, 'error'), vi.spyOn(process.stderr, 'write')].map((spy) =>
      spy.mockReturnValue(undefined as never),
    );
    onTestFinished(() => {
      for (const spy of spies) spy.mockRestore();
    });
  });

  it.each(['json', 'html'] as const)('unpacks what is wanted, from an index in %s', async (form) => {
    const server = await serve({ first, second }, form);
    const file = await installPlugin(tiny, server.index);
    expect(readFileSync(file)).toEqual(plugin);
    const folder = join(plugins(), 'cuda13');
    expect(findPlugin('cuda13')).toEqual({ name: 'cuda13', vendor: 'cuda', file, packages: folder });
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => statSync(join(folder, name)).isFile()).sort()).toEqual([
      'first-1.dist-info/licenses/LICENSE.txt',
      'installed.txt',
      'jax_plugins/xla_cuda13/xla_cuda_plugin.so',
      'nvidia/cu13/bin/ptxas',
      'nvidia/cu13/lib/libempty.so.13',
    ]);
    expect(statSync(join(folder, 'nvidia/cu13/bin/ptxas')).mode & 0o111).toBe(0o111);
    // Nothing is left beside it, and a second time nothing is asked for.
    expect(readdirSync(plugins())).toEqual(['cuda13']);
    const { length } = server.asked;
    expect(await installPlugin(tiny, server.index)).toBe(file);
    expect(server.asked).toHaveLength(length);
  });

  it('goes on where it was cut off', async () => {
    const server = await serve({ first, second });
    server.answer = (request, response) => {
      if (request.url?.includes('first')) return sendWhole(first, request, response);
      response.writeHead(200, { 'content-length': second.length, etag: TAG });
      response.write(second.subarray(0, 100), () => response.destroy());
    };
    await expect(installPlugin(tiny, server.index)).rejects.toThrow(
      /second\.whl was cut off after 100 .*: run the same command again to go on\. By hand: pip install "jax\[cuda13\]"/,
    );
    expect(() => findPlugin('cuda13')).toThrow('is not on this machine');
    server.answer = undefined;
    server.asked.length = 0;
    await installPlugin(tiny, server.index);
    expect(server.asked).toEqual(['/simple/second/', '/files/second.whl bytes=100-']);
    expect(findPlugin('cuda13')?.name).toBe('cuda13');
  });

  it('does not unpack a file with another checksum', async () => {
    const server = await serve({ first, second });
    server.answer = (_, response) => void response.end(Buffer.concat([first, Buffer.from('x')]));
    await expect(installPlugin(tiny, server.index)).rejects.toThrow(
      /first\.whl arrived with another checksum than its own \([0-9a-f]{12}… instead of [0-9a-f]{12}…\): try again/,
    );
    expect(existsSync(join(plugins(), 'cuda13'))).toBe(false);
  });

  it('replaces what was made of other versions', async () => {
    const server = await serve({ first, second });
    await installPlugin({ ...tiny, wheels: tiny.wheels.slice(0, 1) }, server.index);
    expect(existsSync(join(plugins(), 'cuda13/nvidia'))).toBe(false);
    await installPlugin(tiny, server.index);
    expect(existsSync(join(plugins(), 'cuda13/nvidia/cu13/bin/ptxas'))).toBe(true);
  });

  it('refuses archives that reach out of their folder', async () => {
    const bad = zipArchive([{ name: 'jax_plugins/../../../out.so', data: 'x' }]);
    const server = await serve({ bad });
    const wheels = [{ name: 'bad', version: '1', sha256: sha256Of(bad) }];
    await expect(installPlugin({ ...tiny, wheels }, server.index)).rejects.toThrow(
      'the entry jax_plugins/../../../out.so is of no kind that wheels have',
    );
  });

  it('compiles the plugin of the CPU against what it unpacked', async () => {
    const tensorflow = zipArchive([
      { name: 'tensorflow/libtensorflow_cc.so.2', data: 'library' },
      { name: 'tensorflow/include/external/some/a.h', data: 'header' },
    ]);
    const wheels = [{ name: 'tensorflow', version: '1', sha256: sha256Of(tensorflow) }];
    const cpu = { ...installables.find(({ name }) => name === 'cpu')!, wheels };
    const server = await serve({ tensorflow });
    const compiler = join(temporaryFolder(), 'compiler');
    const write = (text: string): void => {
      writeFileSync(compiler, `#!/bin/sh\n${text}\n`);
      chmodSync(compiler, 0o755);
    };
    vi.stubEnv('CXX', compiler);
    await expect(installPlugin(cpu, server.index)).rejects.toThrow(
      `${compiler} cannot be started: install g++ (apt install g++, dnf install gcc-c++)`,
    );
    expect(server.asked).toEqual([]);
    write('[ "$1" = --version ] || { echo bad code >&2; exit 4; }');
    await expect(installPlugin(cpu, server.index)).rejects.toThrow(
      /ended with 4: .*compiler\.txt has what it says/,
    );
    expect(readFileSync(join(plugins(), 'cpu.unfinished/compiler.txt'), 'utf8')).toBe('bad code\n');
    // The compiler's words end up in the file that it is to write.
    write(
      'while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; line="$line $1"; shift; done; [ -z "$out" ] || echo "$line" > "$out"',
    );
    const file = await installPlugin(cpu, server.index);
    expect(file).toBe(join(plugins(), 'cpu/libpjrt_cpu.so'));
    expect(readFileSync(file, 'utf8')).toMatch(/-DNDEBUG .*external\/some .*pjrt-cpu\/plugin\.cc/);
    expect(readdirSync(join(plugins(), 'cpu/tensorflow'))).toEqual(['libtensorflow_cc.so.2']);
  });

  it.each([
    ['is not at the index', '404', /libtpu\/ does not exist \(HTTP 404\): give the --index of a mirror/],
    [
      'is there in other versions only',
      'other',
      /has no file of libtpu 0\.0\.42\.1 with the checksum 4d9975c446f5…/,
    ],
    [
      'cannot be asked for',
      'closed',
      /libtpu\/ cannot be reached \(.*ECONNREFUSED.*\): go online, or give another --index/,
    ],
  ])('says so where a package %s', async (_, what, message) => {
    const server = await serve(what === '404' ? {} : { libtpu: first });
    if (what === 'closed') await server.close();
    const { index } = server;
    const tpu = installables.find(({ name }) => name === 'tpu')!;
    await expect(installPlugin(tpu, index)).rejects.toThrow(message);
    await expect(installPlugin(tpu, index)).rejects.toThrow(
      /By hand: pip install libtpu puts it where dino finds it/,
    );
  });
});

it('--install of an unknown plugin is refused with those that there are', async () => {
  const { code, err } = await dino('devices', '--install', 'cuda11');
  expect(code).toBe(2);
  expect(err).toContain('cuda13');
  expect(err).toContain('--install');
});

if (pluginFile === undefined)
  test.skip('no plugin is measured: DINO_PJRT_PLUGIN names none (docs/devices.md builds one for the CPU)', () => {});

describe('the packages that are fetched', () => {
  it('are each known by a checksum', () => {
    const wheels = installables.flatMap((each) => each.wheels);
    for (const { sha256 } of wheels) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(wheels.map(({ sha256 }) => sha256)).size).toBe(wheels.length);
  });

  it.each([
    ['jax_plugins/xla_cuda13/xla_cuda_plugin.so', true],
    ['nvidia/cu13/lib/libcublasLt.so.13', true],
    ['nvidia/cu13/lib/libnvrtc-builtins.so.13.0', true],
    ['nvidia/cudnn/lib/libcudnn_ops.so.9', true],
    ['nvidia/cu13/bin/ptxas', true],
    ['nvidia/cu13/nvvm/libdevice/libdevice.10.bc', true],
    ['nvidia/cu13/lib/libnvrtc.alt.so.13', false],
    ['nvidia/cu13/lib/libcusolverMg.so.12', false],
    ['nvidia/cu13/bin/nvcc', false],
    ['nvidia/cu13/include/cuda.h', false],
    ['jax_plugins/xla_cuda13/__init__.py', false],
  ])('%s of CUDA: %s', (path, isWanted) => {
    expect(cuda13.wanted.test(path)).toBe(isWanted);
  });
});

/**
 * Installs an XLA plugin into the cache: its wheels are fetched, checked and unpacked one by one, so that what was done stays done
 * when it is cut off. The folder gets its name when it is whole.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installFolder } from '../../engine/xla/find-plugin-node.ts';
import { makeFolder } from '../../files/make-folder-node.ts';
import { downloadShown } from '../terminal/download-shown.ts';
import { type ProgressLine, progressLine } from '../terminal/progress.ts';
import { wheelAddress } from './package-index.ts';
import type { Installable } from './plugin-packages.ts';
import { unpackWheel } from './unpack-wheel.ts';

const LICENSES = /^[^/]+\.dist-info\/(licen[cs]es?\/.*|[^/]*licen[cs]e[^/]*|notice[^/]*|METADATA)$/i;
/** Of a folder that is whole: which wheels it was made of. */
const RECEIPT = 'installed.txt';
/** While it is not: wheels that are being fetched, and a mark for each that is unpacked. */
const WORK = '.wheels';
const SOURCES = fileURLToPath(new URL('../../../native/pjrt-cpu/', import.meta.url));

/**
 * @param index a package index, as pip is given one
 * @returns the plugin's file
 * @throws Error in one sentence, with the way to get the plugin by hand
 */
export async function installPlugin(wanted: Installable, index: string): Promise<string> {
  const { name, file, wheels, manual } = wanted;
  const folder = installFolder(name);
  const receipt = wheels.map((wheel) => `${wheel.name} ${wheel.version} ${wheel.sha256}\n`).join('');
  if (isInstalled(folder, receipt, file)) {
    console.error(`${name} is installed already, in ${folder}.`);
    return join(folder, file);
  }
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      `Plugins are fetched for Linux on x64, and this is ${process.platform} on ${process.arch}: ${manual}.`,
    );
  if (name === 'cpu') checkCompiler();
  console.error(`${name}: ${wanted.size}, in ${folder}. ${wanted.terms}.`);
  const unfinished = `${folder}.unfinished`;
  const line = progressLine(process.stderr);
  try {
    makeFolder(join(unfinished, WORK));
    await fetchWheels(wanted, index, unfinished, line);
    if (name === 'cpu') await build(unfinished, line);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason} By hand: ${manual}.`, { cause: error });
  } finally {
    line.end();
  }
  if (!existsSync(join(unfinished, file)))
    throw new Error(`${wheels[0]?.name} ${wheels[0]?.version} holds no ${file}. By hand: ${manual}.`);
  rmSync(join(unfinished, WORK), { recursive: true });
  writeFileSync(join(unfinished, RECEIPT), receipt);
  rmSync(folder, { recursive: true, force: true });
  renameSync(unfinished, folder);
  return join(folder, file);
}

function isInstalled(folder: string, receipt: string, file: string): boolean {
  const path = join(folder, RECEIPT);
  return existsSync(path) && readFileSync(path, 'utf8') === receipt && existsSync(join(folder, file));
}

async function fetchWheels(
  { wheels, wanted }: Installable,
  index: string,
  folder: string,
  line: ProgressLine,
): Promise<void> {
  for (const [i, wheel] of wheels.entries()) {
    const mark = join(folder, WORK, wheel.sha256);
    if (existsSync(mark)) continue;
    const before = wheels.length === 1 ? '' : `${i + 1} of ${wheels.length}, `;
    const archive = join(folder, WORK, `${wheel.name}-${wheel.version}.whl`);
    const url = await wheelAddress(index, wheel);
    await downloadShown(url, archive, line, { before, sha256: wheel.sha256 });
    line.show(`${before}unpacking ${wheel.name}`);
    await unpackWheel(archive, folder, (path) => wanted.test(path) || LICENSES.test(path));
    writeFileSync(mark, '');
    for (const file of [archive, `${archive}.json`]) rmSync(file, { force: true });
  }
}

const compiler = (): string => process.env.CXX || 'g++';

function checkCompiler(): void {
  if (spawnSync(compiler(), ['--version']).status === 0) return;
  throw new Error(
    `The plugin for the CPU is compiled on this machine, and ${compiler()} cannot be started: install g++ (apt install g++, dnf install gcc-c++), or set CXX to another compiler.`,
  );
}

/** Compiles the C interface against the headers of TensorFlow's wheel, which go afterwards. */
async function build(folder: string, line: ProgressLine): Promise<void> {
  const include = join(folder, 'tensorflow/include');
  const external = join(include, 'external');
  const folders = [
    join(SOURCES, 'stub'),
    include,
    join(include, 'include'),
    ...readdirSync(external).map((name) => join(external, name)),
    join(external, 'farmhash_archive/src'),
  ];
  line.show('compiling the plugin, about two minutes');
  const log = join(folder, 'compiler.txt');
  const code = await runCompiler(log, [
    // Without NDEBUG, as in the wheel, the type checks of XLA's values differ and the process ends.
    ...['-std=c++17', '-O2', '-DNDEBUG', '-w', '-shared', '-fPIC'],
    ...folders.flatMap((each) => ['-I', each]),
    join(SOURCES, 'plugin.cc'),
    ...['-o', join(folder, 'libpjrt_cpu.so'), '-L', join(folder, 'tensorflow')],
    ...['-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2', '-Wl,-rpath,$ORIGIN/tensorflow'],
  ]);
  if (code !== 0) throw new Error(`${compiler()} ended with ${code}: ${log} has what it says.`);
  for (const done of [log, include]) rmSync(done, { recursive: true });
}

async function runCompiler(log: string, args: readonly string[]): Promise<number | string> {
  const said: Buffer[] = [];
  const child = spawn(compiler(), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => said.push(bytes));
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (ended, signal) => resolve(ended ?? signal ?? 'no code'));
  });
  writeFileSync(log, Buffer.concat(said));
  return code;
}

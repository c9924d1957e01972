/**
 * The benchmarks: our side and PyTorch's take turns at the same work.
 *
 *     npm run bench                                       every table, our side only
 *     npm run bench -- --python ~/venv/bin/python         beside PyTorch
 *     npm run bench -- loader --images photos/ --python ~/venv/bin/python --rounds 7 --json
 *
 * A table is a module under bench/tables (see context.ts). `--json` prints one object for each row and nothing else on
 * standard output; notes go to standard error then.
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { BenchContext, BenchTable } from './context.ts';
import { Peer, type PeerScript } from './peer.ts';
import { formatTable, jsonLine, type Row } from './table.ts';

interface Options {
  readonly rounds: number;
  readonly threads: number;
  readonly python: string | undefined;
  readonly images: string | undefined;
  readonly peers: readonly string[] | undefined;
  readonly works: readonly string[] | undefined;
  readonly json: boolean;
  readonly names: readonly string[];
}

/** Load average from which on measurements are doubtful. */
const BUSY_LOAD = 0.7;

const HELP = `npm run bench -- [table ...] [--python PATH] [--images PATH] [--rounds N] [--peer NAME] [--work NAME] [--threads N] [--json]

  --python   interpreter that has torch (and torchvision for "loader"); without it only our side is measured
  --images   folder or tar file of images for the tables that read some
  --rounds   interleaved rounds that count (5)
  --peer     only this kind of peer, where a table has several (eager, fused, bf16, compile); may be repeated
  --work     only this work, where a table has several (s, ti, micro; byol, mae-s); may be repeated
  --threads  threads of each side (2)
  --json     one JSON object a row`;

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`--${name} is ${text}: give a whole number, 1 or more.`);
  }
  return value;
}

function readOptions(available: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      python: { type: 'string' },
      images: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      threads: { type: 'string', default: '2' },
      peer: { type: 'string', multiple: true },
      work: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  for (const name of positionals) {
    if (!available.includes(name)) {
      throw new Error(`There is no table ${name}: name some of ${available.join(', ')}, or none for all.`);
    }
  }
  return {
    rounds: wholeNumber('rounds', values.rounds),
    threads: wholeNumber('threads', values.threads),
    python: values.python,
    images: values.images,
    peers: values.peer,
    works: values.work,
    json: values.json,
    names: positionals.length > 0 ? positionals : available,
  };
}

function tableNames(): string[] {
  return readdirSync(new URL('tables/', import.meta.url))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

function isTable(module: unknown): module is BenchTable {
  return (
    typeof module === 'object' &&
    module !== null &&
    'name' in module &&
    typeof module.name === 'string' &&
    'title' in module &&
    typeof module.title === 'string' &&
    'run' in module &&
    typeof module.run === 'function'
  );
}

async function loadTable(name: string): Promise<BenchTable> {
  const module: unknown = await import(new URL(`tables/${name}.ts`, import.meta.url).href);
  if (!isTable(module)) throw new Error(`bench/tables/${name}.ts has to export name, title and run.`);
  return module;
}

/** The installed version of a package. Its package.json may not be exported, so it is looked for on the search path. */
function packageVersion(name: string): string {
  const require = createRequire(import.meta.url);
  const manifest = z.object({ version: z.string() });
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return manifest.parse(require(`${folder}/${name}/package.json`)).version;
    } catch {
      // Not in this folder.
    }
  }
  return 'not installed';
}

function describeMachine(options: Options): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  const memory = (totalmem() / 1e9).toFixed(0);
  return [
    `${model}, ${processors.length} cores, ${memory} GB; ${process.platform} ${process.arch}`,
    `node ${process.versions.node}, onnxruntime-node ${packageVersion('onnxruntime-node')}, sharp ${packageVersion('sharp')}`,
    `${options.threads} threads a side, medians of ${options.rounds} interleaved rounds`,
  ].join('\n');
}

/** A warning where other processes use the cores; PyTorch, whose threads wait for each other by spinning, suffers most. */
function warnOfLoad(say: (text: string) => void): void {
  const load = loadavg()[0] ?? 0;
  if (load < BUSY_LOAD) return;
  say(`The load of this machine is ${load.toFixed(1)}: wait until it is idle, these ratios mean nothing.`);
}

/** Runs one table and prints it; the peers it opened are ended whatever happens. */
async function runTable(
  table: BenchTable,
  options: Options,
  say: (text: string) => void,
  seenVersions: Set<string>,
): Promise<void> {
  const rows: Row[] = [];
  const opened: Peer[] = [];
  const context: BenchContext = {
    rounds: options.rounds,
    python: options.python,
    threads: options.threads,
    images: options.images,
    peers: options.peers,
    works: options.works,
    async openPeer(script: PeerScript, config) {
      if (options.python === undefined) return undefined;
      const peer = await Peer.open(options.python, script, { threads: options.threads, ...config });
      opened.push(peer);
      const versions = Object.entries(peer.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ');
      if (!seenVersions.has(versions)) say(`Peer: ${versions}`);
      seenVersions.add(versions);
      return peer;
    },
    async openOwn(script: PeerScript, config) {
      const own = await Peer.open(undefined, script, { threads: options.threads, ...config });
      opened.push(own);
      return own;
    },
    report(row) {
      const whole = { table: table.name, ...row };
      rows.push(whole);
      if (options.json) console.log(jsonLine(whole));
    },
    note: say,
  };
  say(`\n${table.title}`);
  try {
    await table.run(context);
  } finally {
    await Promise.all(opened.map((peer) => peer.dispose()));
  }
  if (!options.json && rows.length > 0) console.log(formatTable(rows));
}

async function main(): Promise<void> {
  const available = tableNames();
  const options = readOptions(available);
  if (options === undefined) {
    console.log(`${HELP}\n\nTables: ${available.join(', ')}`);
    return;
  }
  const say = options.json ? console.error : console.log;
  say(describeMachine(options));
  warnOfLoad(say);
  if (options.python === undefined) {
    say('Without --python the columns of the peer stay empty, and so does the speedup.');
  }
  const seenVersions = new Set<string>();
  for (const name of options.names) await runTable(await loadTable(name), options, say, seenVersions);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

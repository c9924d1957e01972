/**
 * `npm run parity -- [folder]`: compares the library with every fixture (*.safetensors) of a folder of official numbers.
 * Without a folder, the fixtures inside this repository. Exit code 1 when anything is beyond its tolerance or unreadable,
 * 2 when there is nothing to compare.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkFile, type FileReport, passes } from './checks.ts';
import { checkKeyMap, KEY_MAP } from './key-map.ts';
import { heading, lines, summary } from './table.ts';
import { checkTorchFiles, hasTorchFiles } from './torch-files.ts';

const own = fileURLToPath(new URL('../test/golden', import.meta.url));
const ENDING = '.safetensors';

async function main(args: readonly string[]): Promise<number> {
  const [folder = own, ...more] = args;
  if (more.length > 0 || folder.startsWith('-')) {
    console.error('usage: npm run parity -- [folder of fixtures]');
    return 2;
  }
  if (args.length === 0)
    console.log('No folder given: comparing with the fixtures inside this repository, test/golden.');
  let entries: { name: string; isDirectory(): boolean }[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    console.error(
      `${folder} cannot be read (${error instanceof Error ? error.message : error}): give a folder of fixtures.`,
    );
    return 2;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries
    .filter((entry) => entry.name.endsWith(ENDING))
    .map((entry) => entry.name.slice(0, -ENDING.length));
  const folders = entries.filter((entry) => entry.isDirectory());
  const torch = folders.filter(({ name }) => hasTorchFiles(join(folder, name)));
  const others = entries.filter(
    (entry) =>
      (entry.name.endsWith('.json') && entry.name !== KEY_MAP) ||
      (entry.isDirectory() && !torch.includes(entry)),
  );
  if (files.length === 0 && torch.length === 0) {
    console.error(`${folder} has no ${ENDING} files: give a folder of fixtures.`);
    return 2;
  }
  const width = Math.max('fixture'.length, ...files.map((file) => file.length));
  console.log(heading(width));
  const reports: FileReport[] = [];
  for (const file of files) {
    const report = await readAndCheck(join(folder, file + ENDING), file);
    reports.push(report);
    for (const line of lines(report, width)) console.log(line);
  }
  for (const { name } of torch) {
    const report = checkTorchFiles(join(folder, name));
    reports.push(report);
    for (const line of lines(report, width)) console.log(line);
  }
  if (entries.some(({ name }) => name === KEY_MAP)) {
    const report = checkKeyMap(join(folder, KEY_MAP));
    reports.push(report);
    for (const line of lines(report, width)) console.log(line);
  }
  const later = [
    ...reports.flatMap((report) => (report.kind === 'not covered' ? [report.fixture] : [])),
    ...others.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)),
  ];
  if (later.length > 0) console.log(`not covered yet: ${later.join(', ')}`);
  console.log(summary(reports));
  return reports.every(passes) ? 0 : 1;
}

async function readAndCheck(path: string, file: string): Promise<FileReport> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const message = `${file}: cannot be read (${error instanceof Error ? error.message : error}).`;
    return { kind: 'error', fixture: file, message };
  }
  return checkFile(bytes, file);
}

process.exitCode = await main(process.argv.slice(2));

/**
 * `npm run fuzz`: damaged files for every reader, 20,000 in all unless told otherwise.
 *
 *     npm run fuzz -- --count 5000 --seed 7 --reader tar
 *
 * Exits with 1 on any fault; the file is then kept in fuzz/found, and its seed and number name it for good.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readers } from './readers.ts';
import { runOne } from './run.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '0' },
    reader: { type: 'string' },
  },
});
/** Longest a file may take, milliseconds. */
const LIMIT = 1000;
const chosen = readers.filter(({ name }) => values.reader === undefined || name.includes(values.reader));
const each = Math.ceil(Number(values.count) / Math.max(1, chosen.length));
const folder = mkdtempSync(join(tmpdir(), 'dino-fuzz-'));
let faults = 0;
for (const reader of chosen) {
  let [loaded, slowest, largest] = [0, 0, 0];
  for (let number = 0; number < each; number++) {
    const verdict = await runOne(reader, Number(values.seed), number, folder);
    if (verdict.loaded) loaded++;
    slowest = Math.max(slowest, verdict.milliseconds);
    largest = Math.max(largest, verdict.bytes);
    const fault =
      verdict.fault ??
      (verdict.milliseconds > LIMIT ? `took ${verdict.milliseconds.toFixed(0)} ms` : undefined);
    if (fault === undefined) continue;
    faults++;
    mkdirSync('fuzz/found', { recursive: true });
    writeFileSync(`fuzz/found/${reader.name.replaceAll(/\W+/g, '-')}-${values.seed}-${number}`, verdict.file);
    console.log(`${reader.name}, seed ${values.seed}, number ${number}: ${fault}`);
  }
  console.log(
    `${reader.name}: ${each} files, ${loaded} loaded, ${each - loaded} refused; slowest ${slowest.toFixed(0)} ms, most memory ${(largest / 2 ** 20).toFixed(1)} MiB`,
  );
}
rmSync(folder, { recursive: true, force: true });
console.log(faults === 0 ? 'No fault.' : `${faults} faults.`);
process.exitCode = faults === 0 ? 0 : 1;

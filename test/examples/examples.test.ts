/** The examples run as a reader would run them, and their numbers are what they claim. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { dino } from '../cli/command.ts';
import { temporaryFolder } from '../data/fixtures.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

async function outputOf(example: string, ...words: readonly string[]): Promise<string[]> {
  const args = ['--import', 'tsx', `examples/${example}.ts`, ...words];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return stdout.trimEnd().split('\n');
}

/** The numbers that follow a word, one for each line that has it. */
function numbersAfter(lines: readonly string[], word: string): number[] {
  return lines.flatMap((line) => {
    const match = new RegExp(`${word} (-?[\\d.]+)`).exec(line);
    return match === null ? [] : [Number(match[1])];
  });
}

describe('examples/graph-only.ts', () => {
  it('starts near guessing, falls at every report and ends with nearly every point told', async () => {
    const lines = await outputOf('graph-only');
    const loss = numbersAfter(lines, 'loss');
    expect(numbersAfter(lines, 'step')).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
    expect(Math.abs(loss[0]! - Math.log(3))).toBeLessThan(0.1); // ln 3 is the loss of guessing among three arms
    for (let i = 1; i < loss.length; i++) expect(loss[i]).toBeLessThan(loss[i - 1]!);
    expect(loss.at(-1)).toBeLessThan(0.06);
    expect(numbersAfter(lines, 'accuracy').at(-1)).toBeGreaterThan(99);
  });
});

describe('examples/train-step-by-step.ts', () => {
  it('brings the student near its teacher, prints sums that add up, and gives the same numbers twice', async () => {
    const lines = await outputOf('train-step-by-step');
    const [loss, entropy, divergence] = ['loss', 'entropy', 'KL'].map((word) => numbersAfter(lines, word));
    expect(numbersAfter(lines, 'step')).toEqual([0, 10, 20, 30, 40, 50, 59]);
    loss!.forEach((value, i) => {
      expect(value).toBeCloseTo(entropy![i]! + divergence![i]!, 3);
      expect(entropy![i]).toBeLessThan(Math.log(64)); // of 64 prototypes
      expect(divergence![i]).toBeGreaterThan(0);
    });
    expect(divergence!.at(-1)).toBeLessThan(divergence![0]! / 2);
    expect(lines).toContain('500 features of 48 numbers; nearest to scene-0:');
    const cosines = numbersAfter(lines, 'cosine');
    expect(cosines).toHaveLength(3);
    expect(cosines).toEqual([...cosines].sort((a, b) => b - a));
    expect(cosines[0]).toBeLessThanOrEqual(1);
    expect(await outputOf('train-step-by-step')).toEqual(lines);
  });
});

describe('examples/own-method.ts', () => {
  it('trains a method that the library does not have, with its measures in the log and on the page', async () => {
    const run = join(temporaryFolder(), 'vicreg');
    const lines = await outputOf('own-method', run);
    const [loss, variance, knn] = ['loss', 'variance', '20-NN'].map((word) => numbersAfter(lines, word));
    expect(numbersAfter(lines, 'step').slice(0, -1)).toEqual([0, 20, 40, 50, 60, 80, 100]);
    expect(loss).toHaveLength(5);
    expect(loss!.at(-1)).toBeLessThan(loss![0]!);
    expect(variance!.at(-1)).toBeLessThan(variance![0]!);
    expect(knn).toHaveLength(3);
    expect(lines.at(-1)).toBe(`Its curves: ${join(run, 'report.html')}`);
    const page = readFileSync(join(run, 'report.html'), 'utf8');
    for (const title of ['Invariance', 'Variance', 'Covariance', 'No collapse'])
      expect(page).toContain(title);
    expect(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')).config).toMatchObject({
      ...{ method: 'vicreg', expanderDim: 256, covarianceWeight: 1 },
    });
    // Where the method is not known its folder says so.
    expect(await dino('report', run)).toMatchObject({
      code: 1,
      err: expect.stringContaining('is of a run of --method vicreg, which this version does not know'),
    });
  });
});

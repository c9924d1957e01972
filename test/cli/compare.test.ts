import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { comparisonFile } from '../../src/cli/report.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { elementNames } from '../report/page/html-checker.ts';
import { dino } from './command.ts';
import { photos, trainedOn } from './tiny-network.ts';

describe('dino report of several runs', () => {
  it('writes each report and one page with the scores and curves of all', async () => {
    const images = await photos(['a', 'b'], 8);
    const [first, second] = [await trainedOn(images), await trainedOn(images, 'vit')];
    expect((await dino('eval', 'knn', first, '--train', images, '--no-report')).code).toBe(0);
    const page = join(temporaryFolder(), 'new', 'both.html');
    const said = await dino('report', first, second, '--output', page);
    expect(said).toMatchObject({ code: 0 });
    expect(said.out).toContain(`Wrote ${page}: 2 runs beside each other.`);
    for (const run of [first, second]) expect(existsSync(join(run, 'report.html'))).toBe(true);
    const text = readFileSync(page, 'utf8');
    expect(elementNames(text)).toContain('svg');
    // Both folders are called "run": they are told apart by their paths.
    expect(basename(first)).toBe(basename(second));
    expect(text).toContain(`<th scope="col">${first}</th><th scope="col">${second}</th>`);
    // Both were given their batch, which is no difference; the number of patches means nothing for one of them.
    expect(text).not.toContain('<th scope="row">--batch_size_per_gpu</th>');
    expect(text).toMatch(/<th scope="row">--arch<\/th><td>(convnet|hybrid)<\/td><td>vit<\/td>/);
    expect(text.replaceAll('<wbr>', '')).toContain(
      `<span class="count">train ${realpathSync(images)}</span>`,
    );
    const again = await dino('report', first, second, '--output', page);
    expect(again.out).toContain('2 runs beside each other, in place of what the file held before.');
    expect(text).toContain('<td>not measured</td>');
    expect(text).toContain('<th scope="row">--drop_path_rate</th><td>not set</td><td>0</td>');
    expect(text.match(/class="line s1/g)?.length).toBeGreaterThan(3);
  });

  it('goes into a file that tells the runs', () => {
    expect(comparisonFile(['runs/first run', './runs/b_2/'])).toBe('comparison-first-run-b-2.html');
    expect(comparisonFile(['x/run', 'y/run'])).toBe('comparison-x-run-y-run.html');
    const many = Array.from({ length: 30 }, (_, i) => `runs/2026-11-27T20-00-${10 + i}`);
    expect(comparisonFile(many)).toBe('comparison-2026-11-27T20-00-10-and-29-more.html');
  });

  it('says what it does not understand', async () => {
    const run = await trainedOn(await photos(['a', 'b'], 8));
    const ask = async (...args: string[]): Promise<string> => {
      const said = await dino('report', ...args);
      return `${said.code} ${said.err.trim().split('\n').at(-1)}`;
    };
    expect(await ask()).toMatch(/^2 .*Which run/);
    expect(await ask(run, run)).toMatch(/^2 .*is given twice/);
    expect(await ask(run, '--output', 'x.html')).toMatch(/^2 .*--output is the file of a comparison/);
    const folder = join(temporaryFolder(), 'folder');
    mkdirSync(folder);
    expect(await ask(run, `${run}/none`, '--output', folder)).toMatch(/^2 .*is a folder: give the file/);
    expect(await ask(run, `${run}/none`)).toMatch(/^1 /);
  });
});

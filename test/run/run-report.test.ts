import { describe, expect, it } from 'vitest';
import { renderReport } from '../../src/report/page/html.ts';
import { makeRecord, type RunRecord } from '../../src/run/run-record.ts';
import { runReport } from '../../src/run/run-report.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';
import { tinyScenes } from './tiny-run.ts';

function recordOf(command: string, options: Parameters<typeof chooseRecipe>[0] = {}): RunRecord {
  const facts = { images: 22, imageSide: 20, channels: 3, cores: 1, readMilliseconds: 1, steps: 12 } as const;
  const { config, choices } = chooseRecipe({ steps: 12, outDim: 64, arch: 'hybrid', ...options }, facts);
  const source = tinyScenes();
  const record = makeRecord({
    source,
    config: { ...config, microBatch: 8 },
    choices,
    steps: 12,
    stepsPerEpoch: 5,
    command,
  });
  const { scenes: _, ...images } = record.source;
  return { ...record, source: images };
}

describe('the recipe of a report', () => {
  const record = recordOf('npx dino train photos --steps 12');
  const recipe = runReport(record, []).recipe ?? [];

  it('lists what was given beside what was chosen, and says which is which', () => {
    const reasonOf = (flag: string) => recipe.find(({ name }) => name === flag);
    expect(reasonOf('--out_dim')).toEqual({ name: '--out_dim', value: '64', reason: 'given' });
    expect(reasonOf('--steps')).toEqual({ name: '--steps', value: '12', reason: 'given' });
    expect(reasonOf('--micro_batch')).toEqual({
      name: '--micro_batch',
      value: '8',
      reason: 'measured, unless given',
    });
    expect(reasonOf('--recipe')?.value).toBe('auto');
    for (const { name, value, reason } of record.choices)
      expect(
        recipe.filter((each) => each.value === value && each.reason === reason).length,
        name,
      ).toBeGreaterThan(0);
    expect(new Set(recipe.map(({ name }) => name)).size).toBe(recipe.length);
  });

  it('leaves out what says nothing of the network', () => {
    expect(record.config.dropPathRate).toBe(0);
    expect(recipe.some(({ name }) => name === '--drop_path_rate')).toBe(false);
    const scenes = { count: 22, seed: 4, size: 20 };
    const quick = runReport({ ...record, source: { ...record.source, scenes } }, []).recipe;
    expect(quick?.find(({ name }) => name === '--out_dim')?.reason).toBe('fits the generated scenes');
  });
});

describe('how a run is made again', () => {
  const told = (command: string, options: Parameters<typeof chooseRecipe>[0] = {}, resumed: string[] = []) =>
    runReport({ ...recordOf(command, options), resumed }, []);

  it('is its command, which needs no other where the number of steps was given', () => {
    const { commands, timed } = told('npx dino train photos --steps 12 --output runs/a');
    expect(commands).toEqual(['npx dino train photos --steps 12 --output runs/a']);
    expect(timed).toBeUndefined();
    const page = renderReport({ title: 'a', commands: commands ?? [] });
    expect(page).toContain('gives the same run. Give another <span class="whole">--output</span>');
  });

  it('is the command with its number of steps in place of the minutes', () => {
    const minutes = { steps: undefined, minutes: 3 };
    expect(told('npx dino train photos --minutes 3 --lr 0.1', minutes).timed).toEqual({
      command: 'npx dino train photos --steps 12 --lr 0.1',
    });
    expect(told('npx dino train photos --minutes=3', minutes).timed?.command).toBe(
      'npx dino train photos --steps 12',
    );
    expect(told('npx dino train photos --config a.yaml', minutes).timed?.command).toBe(
      'npx dino train photos --config a.yaml --steps 12',
    );
  });

  it('names no flag that the quickstart does not have', () => {
    const report = told('npx dino quickstart --minutes 3', { steps: undefined, minutes: 3 });
    expect(report.timed).toEqual({});
    const page = renderReport({ title: 'quickstart', ...report, recipe: [] });
    const again = page.slice(page.indexOf('Run it again'));
    expect(again).toContain('this command makes a run of this length and not the same one');
    expect(again).not.toContain('--steps');
    expect(again.match(/<code class="command">/g)).toHaveLength(1);
  });

  it('promises no equal run where one of several commands had a budget in minutes', () => {
    const report = told('npx dino train photos --steps 3', {}, ['npx dino train --resume it --minutes 5']);
    expect(report.timed).toEqual({});
    expect(renderReport({ title: 'it', ...report })).toContain('these commands make a run of this length');
  });
});

describe('what the scores of online evaluations were measured on', () => {
  it('is the source by its fingerprint, as many images, and their size', () => {
    const record = recordOf('npx dino train photos', { evalSize: 24 });
    const { curves } = runReport(record, [{ step: 0, knn_top1: 20, look_images: 17 }]);
    expect(record.source.fingerprint).toMatch(/^[0-9a-f]{8}$/);
    expect(curves?.measured).toEqual({
      data: { 'images of': `scenes (${record.source.fingerprint})` },
      protocol: { images: '17', size: '24' },
    });
  });
});

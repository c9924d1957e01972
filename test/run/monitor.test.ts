import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scenesSource } from '../../src/data/scenes-source.ts';
import type { Source } from '../../src/data/source.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { Monitor } from '../../src/run/monitor.ts';
import { dino } from '../cli/command.ts';
import { photos } from '../cli/tiny-network.ts';
import {
  follow,
  killAfter,
  resumeRun,
  startRun,
  temporaryFolder,
  timelessLog,
  tinyConvnet,
  tinyScenes,
} from './tiny-run.ts';

const all = { ...tinyConvnet, steps: 12, evalEvery: 3, evals: ['knn', 'cluster', 'linear'] } as const;
const options = { ...all, evals: [...all.evals] };
const keys = ['knn_top1', 'cluster_nmi', 'linear_top1'];

describe('evaluations during a run', () => {
  it('are measured and logged as asked for, k-NN alone unless told otherwise', async () => {
    const session = await startRun(options);
    const events = await follow(session);
    const lines = session.folder.readLog().filter((line) => 'feature_rank' in line);
    expect(lines.map(({ step }) => step)).toEqual([0, 3, 6, 9, 12]);
    for (const line of lines) {
      expect(line.cluster_nmi).toBeGreaterThanOrEqual(0);
      expect(line.cluster_nmi).toBeLessThanOrEqual(1 + 1e-9);
      for (const key of ['knn_top1', 'linear_top1']) {
        expect(line[key]).toBeGreaterThanOrEqual(0);
        expect(line[key]).toBeLessThanOrEqual(100);
      }
    }
    const [seen] = events.flatMap((event) => (event.type === 'observed' ? [event.observation] : []));
    expect(seen).toMatchObject({ knn: lines[0]?.knn_top1, linear: lines[0]?.linear_top1 });
    const { evals: _, ...plain } = options;
    const usual = await startRun(plain);
    await follow(usual);
    const line = usual.folder.readLog().find((each) => 'feature_rank' in each) ?? {};
    expect(keys.filter((key) => key in line)).toEqual(['knn_top1']);
  });

  it('are set beside raw pixels, and the doctor says at the end whether training was worth it', async () => {
    // 52 of 260 images ask the others.
    const source = scenesSource({ count: 260, seed: 4, size: 20 });
    const session = await startRun(options, { source });
    const events = await follow(session);
    const log = session.folder.readLog();
    const looks = log.filter((line) => 'feature_rank' in line);
    expect(looks.map((line) => 'knn_pixels' in line)).toEqual([true, false, false, false, false]);
    const [before, after, pixels] = [
      looks[0]?.knn_top1 ?? 0,
      looks.at(-1)?.knn_top1 ?? 0,
      looks[0]?.knn_pixels ?? 0,
    ];
    const verdict = log.findLast((line) => line.topic === 'scores');
    expect(verdict).toMatchObject({
      step: 12,
      severity: after > before && after > pixels ? expect.stringMatching(/ok|info/) : 'warning',
    });
    expect(verdict?.detail).toContain(
      `trained ${Number(after).toFixed(1)} %, the untrained network ${Number(before).toFixed(1)} %, raw pixels ${Number(pixels).toFixed(1)} %`,
    );
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'diagnosis',
        diagnosis: expect.objectContaining({ title: verdict?.title }),
      }),
    );
    // What was said before the first step is in the log too.
    expect(log[0]).toMatchObject({ step: 0, title: 'Very few steps' });
  });

  it('look at images with a class only, where some have none', async () => {
    const whole = tinyScenes();
    const source: Source = {
      ...whole,
      label: (index) => (index % 2 === 0 ? whole.label(index) : undefined),
    };
    const session = await startRun(options, { source });
    const monitor = await Monitor.create(source, session.record.config, ortNode);
    const { bankIndices, queryIndices } = monitor.watched;
    await monitor.dispose();
    expect([...bankIndices, ...queryIndices].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 11 }, (_, i) => 2 * i),
    );
  });

  it('choose the best checkpoint by the score that was named, the first one unless told otherwise', async () => {
    for (const [chosen, key] of [
      [{ evals: ['cluster', 'linear'] }, 'cluster_nmi'],
      [{ evals: ['knn', 'cluster', 'linear'], bestBy: 'linear' }, 'linear_top1'],
    ] as const) {
      const session = await startRun({ ...options, ...chosen, evals: [...chosen.evals] });
      const saved = (await follow(session)).flatMap((event) =>
        event.type === 'saved' && event.file === 'best.safetensors' ? [event.step] : [],
      );
      let best = -1;
      const rising = session.folder.readLog().flatMap((line) => {
        const value = Number(line[key]);
        if (!(key in line) || line.step === 0 || value <= best) return [];
        best = value;
        return [line.step];
      });
      expect(saved).toEqual(rising);
    }
  });

  it('are the same in a run that was killed and resumed', async () => {
    const whole = await startRun({ ...options, saveEvery: 4 });
    await follow(whole);
    const killed = await startRun({ ...options, saveEvery: 4 });
    await killAfter(10, killed);
    const rest = await resumeRun(killed);
    expect(rest.fromStep).toBe(8);
    await follow(rest);
    expect(timelessLog(rest.folder)).toEqual(timelessLog(whole.folder));
    expect(existsSync(rest.folder.file('best.safetensors'))).toBe(true);
  });

  it('are flags of the command, which says what it does not know', async () => {
    const images = await photos(['a', 'b'], 8);
    const run = `${temporaryFolder()}/run`;
    const flags = [
      '--widths',
      '8',
      '--out_dim',
      '32',
      '--head_hidden_dim',
      '32',
      '--global_crops_size',
      '16',
    ];
    const train = (...more: string[]) =>
      dino(
        'train',
        ...more,
        images,
        ...flags,
        ...['--local_crops_size', '8', '--batch_size_per_gpu', '8', '--steps', '2', '--threads', '1'],
        ...['--num_workers', '0', '--eval_every', '1', '--output_dir', run],
      );
    const unknown = await train('--evals', 'knn', 'linear', '--best_by', 'cluster');
    expect(unknown).toMatchObject({ code: 2 });
    expect(unknown.err).toContain('--best_by cluster is not measured by --evals knn linear');
    expect((await train('--evals', 'knm')).err).toContain('--evals knm: must be knn, cluster or linear');
    const said = await train('--evals', 'cluster', 'linear');
    expect(said).toMatchObject({ code: 0 });
    expect(said.err + said.out).toMatch(
      /step 2: clusters NMI \d\.\d+ \(only \d+ images\), linear \d+\.\d %, features .* rank [\d.]+\n/,
    );
  });
});

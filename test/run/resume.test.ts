import { rmSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { runSession } from '../../src/run/run-session.ts';
import type { Session } from '../../src/run/session.ts';
import type { SessionEvent } from '../../src/run/session-events.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import {
  follow,
  killAfter,
  killAfterSave,
  lossesOf,
  resumeRun,
  startRun,
  stateOf,
  timelessLog,
  tinyConvnet,
  tinyHybrid,
  tinyVit,
} from './tiny-run.ts';

/** An engine that remembers a number for the crops of every run: which images, cut how, in which order. */
function watchCrops(): { readonly engine: Engine; readonly seen: number[] } {
  const seen: number[] = [];
  const engine: Engine = {
    ...ortNode,
    async load(results, options) {
      const program = await ortNode.load(results, options);
      const { engine, inputs: reads, outputs: writes } = program;
      return {
        ...{ engine, inputs: reads, outputs: writes },
        dispose: () => program.dispose(),
        run(inputs, outputs) {
          const crops = inputs['crops/0'];
          if (crops !== undefined)
            seen.push(hostFloats(crops).reduce((sum, x, i) => sum + x * ((i % 97) + 1), 0));
          return program.run(inputs, outputs);
        },
      };
    },
  };
  return { engine, seen };
}

const kinds: readonly (readonly [string, TrainOptions])[] = [
  ['a ViT', tinyVit],
  ['a ViT with drop path', { ...tinyVit, dropPathRate: 0.3 }],
  ['a ViT in micro-batches', { ...tinyVit, microBatch: 2, dropPathRate: 0.3 }],
  ['a convnet with its running statistics', tinyConvnet],
  ['a hybrid with Sinkhorn-Knopp centering', { ...tinyHybrid, centering: 'sinkhorn' }],
  [
    'a ViT with batch norm in its head, trained by LARS',
    { ...tinyVit, useBnInHead: true, optimizer: 'lars' },
  ],
];

describe('a run that is stopped and resumed', () => {
  for (const [what, options] of kinds) {
    it(`is bit for bit the uninterrupted run: ${what}`, async () => {
      const watched = [watchCrops(), watchCrops()] as const;
      const whole = await startRun(options, { engine: watched[0].engine });
      const wholeEvents = await follow(whole);
      // Step 7 lies in the second epoch and inside a line of the log.
      const first = await startRun(options, { engine: watched[1].engine });
      const firstEvents = await follow(first, 7);
      expect(firstEvents.at(-2)).toEqual({ type: 'stopped', step: 7 });
      const rest = await resumeRun(first);
      expect(rest.fromStep).toBe(7);
      expect(rest.trainer.microBatch).toBe(first.trainer.microBatch);
      const restEvents = await follow(rest);
      expect(stateOf(rest.trainer)).toEqual(stateOf(whole.trainer));
      expect(lossesOf([...firstEvents, ...restEvents])).toEqual(lossesOf(wholeEvents));
      expect(watched[1].seen).toEqual(watched[0].seen);
      expect(new Set(watched[0].seen).size).toBe(watched[0].seen.length);
      expect(timelessLog(rest.folder)).toEqual(timelessLog(whole.folder));
    });
  }

  it('does again what was done after its last checkpoint, and logs it once', async () => {
    const options = { ...tinyVit, steps: 24, saveEvery: 6, evalEvery: 4 };
    const whole = await startRun(options);
    await follow(whole);
    const killed = await startRun(options);
    await killAfter(17, killed);
    const rest = await resumeRun(killed);
    expect(rest.fromStep).toBe(12);
    await follow(rest);
    expect(stateOf(rest.trainer)).toEqual(stateOf(whole.trainer));
    expect(timelessLog(rest.folder)).toEqual(timelessLog(whole.folder));
    const numbers = whole.folder.readLog().filter((line) => !('severity' in line));
    expect(numbers.map(({ step }) => step)).toEqual([0, 4, 8, 10, 12, 16, 20, 20, 24, 24]);
    expect(rest.folder.list('snapshots')).toEqual(whole.folder.list('snapshots'));
  });

  it('has lost two minutes at most after a kill: it is saved by time too, where steps are slow', async () => {
    let clock = 0;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => (clock += 8000));
    onTestFinished(() => now.mockRestore());
    const session = await startRun({ ...tinyVit, saveEvery: 1000 });
    const times = [clock];
    for await (const event of runSession(session)) if (event.type === 'saved') times.push(clock);
    const between = times.slice(1).map((time, i) => time - times[i]!);
    expect(between.length).toBeGreaterThan(2);
    expect(Math.max(...between)).toBeLessThan(160_000); // two minutes and the step in progress
  });

  it('has the verdicts of the doctor, which looks every 50 steps', async () => {
    const options = { ...tinyVit, steps: 60, saveEvery: 50 };
    const whole = await startRun(options);
    await follow(whole);
    const verdicts = timelessLog(whole.folder).filter((line) => JSON.stringify(line).includes('collapse'));
    expect(verdicts.length).toBe(1);
    // Inside a stretch of 50 steps; and between the checkpoint of step 50 and the verdict on it.
    for (const stop of [
      async (session: Session) => void (await follow(session, 31)),
      (session: Session) => killAfterSave(50, session),
    ]) {
      const first = await startRun(options);
      await stop(first);
      const rest = await resumeRun(first);
      await follow(rest);
      expect(timelessLog(rest.folder)).toEqual(timelessLog(whole.folder));
    }
  });

  it('is not begun anew, and keeps its log, when its checkpoint has been taken away', async () => {
    const session = await startRun({ ...tinyVit, saveEvery: 5 });
    await follow(session);
    const before = timelessLog(session.folder);
    rmSync(session.folder.file('checkpoint.safetensors'));
    await expect(resumeRun(session)).rejects.toThrow(
      /checkpoint\.safetensors is missing, though .*log\.txt tells of step 12: restore it/,
    );
    expect(timelessLog(session.folder)).toEqual(before);
  });

  it('starts again when it was killed before its first checkpoint', async () => {
    const options = { ...tinyVit, evalEvery: 4 };
    const whole = await startRun(options);
    await follow(whole);
    const killed = await startRun(options);
    await killAfter(11, killed);
    const rest = await resumeRun(killed);
    expect(rest.fromStep).toBe(0);
    await follow(rest);
    expect(stateOf(rest.trainer)).toEqual(stateOf(whole.trainer));
    expect(timelessLog(rest.folder)).toEqual(timelessLog(whole.folder));
  });

  it('makes up for a look at its teacher that was interrupted, the last one too', async () => {
    const options = { ...tinyConvnet, steps: 8, evalEvery: 4 };
    const whole = await startRun(options);
    await follow(whole);
    for (const evaluations of [1, 2, 3]) {
      const first = await startRun(options);
      const abort = new AbortController();
      const events: SessionEvent[] = [];
      // Ends the session within a look: each tells of its queries, then of its bank.
      let told = 0;
      for await (const event of runSession(first, abort.signal, (what) => {
        if (what === 'evaluating on images' && ++told === 2 * (evaluations - 1) + 1) abort.abort();
      }))
        events.push(event);
      const at = [0, 4, 8][evaluations - 1];
      expect(events.at(-1)).toEqual({ type: 'stopped', step: at });
      expect(timelessLog(first.folder)).not.toContainEqual(
        expect.objectContaining({ step: at, feature_rank: expect.anything() }),
      );
      const rest = await resumeRun(first);
      expect(rest.fromStep).toBe(at);
      await follow(rest);
      expect(stateOf(rest.trainer)).toEqual(stateOf(whole.trainer));
      expect(timelessLog(rest.folder)).toEqual(timelessLog(whole.folder));
    }
  });

  it('is the same run when it is stopped after every step', async () => {
    const options = { ...tinyConvnet, steps: 5 };
    const whole = await startRun(options);
    await follow(whole);
    let session = await startRun(options);
    for (let step = 1; step <= 5; step++) {
      await follow(session, step);
      if (step < 5) session = await resumeRun(session);
    }
    expect(stateOf(session.trainer)).toEqual(stateOf(whole.trainer));
    expect(timelessLog(session.folder)).toEqual(timelessLog(whole.folder));
  });
});

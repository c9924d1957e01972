/** Runs that go on under another budget. */
import { describe, expect, it } from 'vitest';
import { renderReport } from '../../src/report/page/html.ts';
import { extendRecord, type RunLength } from '../../src/run/extend.ts';
import { RunFolder } from '../../src/run/run-folder-node.ts';
import { readRecord, stepsOf } from '../../src/run/run-record.ts';
import { resumeSession, type Session } from '../../src/run/session.ts';
import { Plan } from '../../src/train/plan.ts';
import {
  follow,
  killAfter,
  lossesOf,
  resumeRun,
  startRun,
  stateOf,
  timelessLog,
  tinyVit,
} from './tiny-run.ts';

const options = { ...tinyVit, microBatch: 4 };

async function extend(session: Session, length: RunLength): Promise<Session> {
  return resumeSession(RunFolder.open(session.folder.path), session.source, session, { length });
}

describe('a run that is resumed with more steps', () => {
  it('goes on from its end with the settings that a run of that length has there', async () => {
    const session = await startRun(options);
    await follow(session);
    const longer = await extend(session, { steps: 20 });
    expect(longer).toMatchObject({ fromStep: 12 });
    expect(longer.plan.steps).toBe(20);
    const asPlanned = new Plan({ ...session.record.config, steps: 20 }, 20, session.plan.stepsPerEpoch);
    for (const step of [12, 15, 19]) expect(longer.plan.at(step)).toEqual(asPlanned.at(step));
    // The end of the old schedule is left: the learning rate rises again.
    expect(longer.plan.at(12).lr).toBeGreaterThan(10 * session.plan.at(11).lr);
    const events = await follow(longer);
    expect([...lossesOf(events).keys()]).toEqual([13, 14, 15, 16, 17, 18, 19, 20]);
    const record = readRecord(longer.folder);
    expect(stepsOf(record)).toBe(20);
    expect(record.config).toMatchObject({ steps: 20 });
    expect(longer.folder.readLog().flatMap((line) => ('train_loss' in line ? [line.step] : []))).toEqual([
      10, 12, 20,
    ]);
    await longer.trainer.dispose();
  });

  it('can be killed and resumed again: the same bits as without', async () => {
    const runs = [await startRun(options), await startRun(options)];
    for (const run of runs) await follow(run, 6);
    const [whole, killed] = [await extend(runs[0]!, { steps: 20 }), await extend(runs[1]!, { steps: 20 })];
    await follow(whole);
    await killAfter(11, killed);
    const resumed = await resumeRun(killed);
    expect(resumed.fromStep).toBe(6);
    expect(resumed.plan.steps).toBe(20);
    await follow(resumed);
    expect(stateOf(resumed.trainer)).toEqual(stateOf(whole.trainer));
    expect(timelessLog(resumed.folder)).toEqual(timelessLog(whole.folder));
    for (const { trainer } of [whole, killed]) await trainer.dispose();
  });

  it('may as well be made shorter, or be counted in epochs', async () => {
    const session = await startRun(options);
    await follow(session, 4);
    const shorter = await extend(session, { epochs: 1.4 }); // five steps in an epoch
    expect(shorter.plan.steps).toBe(7);
    expect(readRecord(shorter.folder).config).not.toHaveProperty('steps');
    expect(readRecord(shorter.folder).config.epochs).toBe(1.4);
    expect((await follow(shorter)).some((event) => event.type === 'finished')).toBe(true);
    await shorter.trainer.dispose();
  });

  it('is refused, and left as it is, where it has done more already', async () => {
    const session = await startRun(options);
    await follow(session);
    const before = readRecord(session.folder);
    await expect(extend(session, { steps: 12 })).rejects.toThrow(
      '--steps 12 is not more than the 12 steps that the run has done',
    );
    await expect(extend(session, { epochs: 2 })).rejects.toThrow(
      '--epochs 2 (10 steps) is not more than the 12 steps',
    );
    await expect(extend(session, { minutes: 1e-9 })).rejects.toThrow(
      /has taken 0\.0\d+ minutes and --minutes/,
    );
    expect(readRecord(session.folder)).toEqual(before);
  });
});

describe('the steps of a budget in minutes', () => {
  it('follow from the time that the steps took so far', async () => {
    const { record } = await startRun(options);
    const minutes = (given: number, step: number, elapsed: number) =>
      extendRecord(record, { minutes: given }, { step, elapsed }).steps;
    expect(minutes(2, 100, 60_000)).toBe(200);
    expect(minutes(3, 100, 30_000)).toBe(600);
    expect(() => minutes(1, 0, 5000)).toThrow('How long a step takes is not known yet');
    const begun = { ...record, init: { path: 'a.pth', fromStep: 50, taken: '' } };
    expect(extendRecord(begun, { minutes: 2 }, { step: 100, elapsed: 60_000 }).steps).toBe(150);
  });

  it('keep the rhythm of looks of a run whose pace had changed, and start paces anew', async () => {
    const { record } = await startRun(options);
    const paced = {
      ...record,
      config: { ...record.config, evalEvery: 4 },
      paces: [{ step: 6, position: 6, steps: 24 }],
    };
    const longer = extendRecord(paced, { steps: 48 }, { step: 24, elapsed: 1 });
    expect(longer).toMatchObject({ steps: 48, paces: [], config: { evalEvery: 8, steps: 48 } });
  });

  it('keeps the commands that gave it another length, and shows them', async () => {
    const session = await startRun({ ...tinyVit, steps: 3 });
    await follow(session);
    const folder = RunFolder.open(session.folder.path);
    const changes = { length: { steps: 5 }, command: 'npx dino train --resume it --steps 5' };
    const longer = await resumeSession(folder, session.source, session, changes);
    await follow(longer);
    await longer.trainer.dispose();
    const { command, resumed } = readRecord(folder);
    expect(resumed).toEqual([changes.command]);
    const page = renderReport({ title: 'it', commands: [command, ...resumed] });
    expect(page.match(/<code class="command">/g)?.length).toBe(2);
    expect(page).toContain('given another length on its way');
  });

  it('may take other threads and workers, which its record keeps', async () => {
    const session = await startRun({ ...tinyVit, steps: 6 });
    await follow(session, 3);
    const folder = RunFolder.open(session.folder.path);
    const resumed = await resumeSession(folder, session.source, session, {
      machine: { threads: 2, numWorkers: 1 },
    });
    await follow(resumed);
    await resumed.trainer.dispose();
    expect(readRecord(folder).config).toMatchObject({ threads: 2, numWorkers: 1, steps: 6 });
    expect(resumed.log.lastTrained()).toBe(6);
  });
});

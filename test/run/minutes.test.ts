import { describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import { readRecord, stepsOf } from '../../src/run/run-record.ts';
import { writeRunReport } from '../../src/run/write-report-node.ts';
import { follow, killAfter, resumeRun, startRun, stateOf, tinyVit } from './tiny-run.ts';

describe('a run with a budget in minutes', () => {
  const options = { ...tinyVit, microBatch: 4 };

  it('ends after the steps of its last pace, and records its paces', async () => {
    const { steps: _, ...open } = options;
    const session = await startRun({ ...open, minutes: 0.1 });
    const { scheduleSteps } = session.plan;
    const events = await follow(session);
    const steps = events.filter((event) => event.type === 'step').length;
    expect(steps).toBe(session.plan.steps);
    expect(events.at(-1)?.type === 'saved' || events.some((event) => event.type === 'finished')).toBe(true);
    const paced = events.filter((event) => event.type === 'paced').length;
    expect(session.record.paces.length).toBe(paced);
    expect(session.record.steps).toBe(scheduleSteps);
  });

  it('goes on after a kill with the paces it had: the same state as without', async () => {
    const session = await startRun({ ...options, steps: 40, saveEvery: 10 });
    session.record.paces.push(session.plan.change(16, 30));
    session.folder.writeTextAtomic('config.json', JSON.stringify(session.record));
    await killAfter(13, session);
    const resumed = await resumeRun(session);
    expect(resumed.fromStep).toBe(10);
    expect(resumed.plan.steps).toBe(30);
    await follow(resumed);
    expect(stepsOf(readRecord(resumed.folder))).toBe(30);
    const { facts } = await writeRunReport(resumed.folder, { engine: ortNode, source: resumed.source });
    const batch = resumed.record.config.batchSizePerGpu;
    expect(facts).toContainEqual({ name: 'Steps', value: `30 of ${batch} images` }); // those that were done, not those first planned

    const whole = await startRun({ ...options, steps: 40, saveEvery: 10 });
    whole.plan.change(16, 30);
    await follow(whole);
    expect(stateOf(resumed.trainer)).toEqual(stateOf(whole.trainer));
  });
});

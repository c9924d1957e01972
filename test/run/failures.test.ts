/** What goes wrong in the middle of a run: the disk, a checkpoint, a number. No work that was saved may be lost. */
import type * as Fs from 'node:fs';
import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import type { SessionEvent } from '../../src/run/session-events.ts';
import { follow, resumeRun, startRun, stateOf, tinyConvnet, tinyVit } from './tiny-run.ts';

/** Bytes that still fit the disk, for files written through descriptors. */
const disk = vi.hoisted(() => ({ free: Number.POSITIVE_INFINITY }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof Fs>();
  const writeSync = ((descriptor: number, part: Uint8Array, at: number, length: number): number => {
    if (disk.free <= 0) {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    }
    const fits = Math.min(length, disk.free); // as the system does: a part is written first
    disk.free -= fits;
    return fs.writeSync(descriptor, part, at, fits);
  }) as typeof fs.writeSync;
  return { ...fs, writeSync };
});

afterEach(() => {
  disk.free = Number.POSITIVE_INFINITY;
});

describe('a full disk while a checkpoint is saved', () => {
  it('ends the run with the file and what to do, and leaves the previous checkpoint whole', async () => {
    const session = await startRun({ ...tinyVit, saveEvery: 4 });
    const events: SessionEvent[] = [];
    const run = (async () => {
      for await (const event of (await import('../../src/run/run-session.ts')).runSession(session)) {
        events.push(event);
        if (event.type === 'saved' && event.step === 4) disk.free = 20_000;
      }
    })();
    await expect(run).rejects.toThrow(
      /checkpoint\.safetensors could not be written \(ENOSPC.*is as it was before: make room/,
    );
    expect(events.findLast((event) => event.type === 'saved')).toMatchObject({ step: 4 });
    disk.free = Number.POSITIVE_INFINITY;
    expect(session.folder.list('.').filter((name) => name.endsWith('.writing'))).toEqual([]);

    const resumed = await resumeRun(session);
    expect(resumed.fromStep).toBe(4);
    await follow(resumed);
    const whole = await startRun({ ...tinyVit, saveEvery: 4 });
    await follow(whole);
    expect(stateOf(resumed.trainer)).toEqual(stateOf(whole.trainer));
  });
});

describe('a checkpoint', () => {
  const saved = async () => {
    const session = await startRun({ ...tinyConvnet, steps: 4, saveEvery: 2 });
    await follow(session, 2);
    const file = session.folder.file('checkpoint.safetensors');
    return { session, file, bytes: Buffer.from(session.folder.read('checkpoint.safetensors')) };
  };

  it('that is cut off anywhere is refused by name', async () => {
    const { session, file, bytes } = await saved();
    for (const length of [0, 7, 100, Math.floor(bytes.length / 2), bytes.length - 1]) {
      writeFileSync(file, bytes.subarray(0, length));
      await expect(resumeRun(session)).rejects.toThrow('checkpoint.safetensors');
    }
    writeFileSync(file, bytes);
    expect((await resumeRun(session)).fromStep).toBe(2);
  });

  it('of which any one byte of the numbers was altered is refused', async () => {
    const { session, file, bytes } = await saved();
    const header = 8 + Number(bytes.readBigUInt64LE(0));
    for (const at of [header, Math.floor((header + bytes.length) / 2), bytes.length - 1]) {
      const altered = Buffer.from(bytes);
      altered[at]! ^= 4;
      writeFileSync(file, altered);
      await expect(resumeRun(session)).rejects.toThrow('was altered after it was written');
    }
  });

  it('of other shapes is refused with the names of what differs', async () => {
    const { file, session } = await saved();
    const other = await startRun({ ...tinyConvnet, widths: [8, 24], steps: 4, saveEvery: 2 });
    await follow(other, 2);
    writeFileSync(file, other.folder.read('checkpoint.safetensors'));
    await expect(resumeRun(session)).rejects.toThrow(
      /does not fit this model: "student\.backbone\.layer2\..*is F32 \[24, 8, 3, 3\] instead of F32 \[16, 8, 3, 3\]/,
    );
  });
});

/** ONNX Runtime with one result of one run spoiled. */
function spoiled(output: RegExp, run: number): Engine {
  let runs = 0;
  return {
    ...ortNode,
    async load(results, options) {
      const program = await ortNode.load(results, options);
      const { engine, inputs: reads, outputs: writes } = program;
      return {
        ...{ engine, inputs: reads, outputs: writes },
        dispose: () => program.dispose(),
        async run(inputs, outputs) {
          await program.run(inputs, outputs);
          if (++runs !== run) return;
          for (const [name, buffer] of Object.entries(outputs))
            if (output.test(name)) hostFloats(buffer)[0] = Number.NaN;
        },
      };
    },
  };
}

describe('NaN in a step', () => {
  for (const [what, output] of [
    ['the loss', /^loss$/],
    ['a gradient', /^gradient\/.*fc1\.weight$/],
  ] as const) {
    it(`(${what}) stops the run, names the step, and saves the state before it`, async () => {
      const session = await startRun(tinyVit, { engine: spoiled(output, 6) });
      const events = await follow(session);
      const failed = events.find((event) => event.type === 'failed');
      expect(failed).toMatchObject({ step: 5, finite: true });
      expect(failed?.type === 'failed' && failed.diagnosis.title).toMatch(/became NaN at step 6/);
      expect(events.at(-1)).toMatchObject({ type: 'saved', step: 5 });

      // Whoever goes on without the spoiled run ends where an untroubled run ends.
      const resumed = await resumeRun(session, { engine: ortNode });
      expect(resumed.fromStep).toBe(5);
      await follow(resumed);
      const whole = await startRun(tinyVit);
      await follow(whole);
      expect(stateOf(resumed.trainer)).toEqual(stateOf(whole.trainer));
    });
  }

  it('(a weight) keeps the checkpoint from before', async () => {
    const session = await startRun({ ...tinyVit, saveEvery: 4 });
    const { runSession } = await import('../../src/run/run-session.ts');
    const events: SessionEvent[] = [];
    for await (const event of runSession(session)) {
      events.push(event);
      if (event.type === 'step' && event.step === 6) {
        const [weights] = session.trainer.state.update.student.values();
        if (weights !== undefined) hostFloats(weights)[0] = Number.NaN;
      }
    }
    expect(events.at(-1)).toMatchObject({ type: 'failed', step: 6, finite: false });
    expect((await resumeRun(session)).fromStep).toBe(4);
  });
});

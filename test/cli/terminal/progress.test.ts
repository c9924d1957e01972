/** What is shown while something is computed, on a terminal and in a file. */
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { phasesOn, progressLine } from '../../../src/cli/terminal/progress.ts';
import { duration, roughly, stepTime, timeLeft } from '../../../src/run/duration.ts';

/** A stream that keeps what is written to it. */
function stream(isTTY: boolean, columns = 80): { readonly to: NodeJS.WriteStream; text(): string } {
  const parts: string[] = [];
  const to = new Writable({
    write(chunk, _, done) {
      parts.push(String(chunk));
      done();
    },
  });
  return {
    to: Object.assign(to, { isTTY, columns }) as unknown as NodeJS.WriteStream,
    text: () => parts.join(''),
  };
}

describe('a progress line in a file', () => {
  it('is written at first and at the end, and not after a line that says how it ended', () => {
    const { to, text } = stream(false);
    const line = progressLine(to);
    for (const step of [1, 2, 3]) line.show(`step ${step}`);
    line.end();
    expect(text()).toBe('step 1\nstep 3\n');
    line.show('step 4');
    line.print('Stopped after step 4.');
    line.end();
    expect(text()).toBe('step 1\nstep 3\nStopped after step 4.\n');
  });
});

describe('a progress line on a terminal', () => {
  const shown = (text: string, columns: number): string => {
    const { to, text: written } = stream(true, columns);
    progressLine(to).show(text);
    return written();
  };

  it('loses whole parts where it does not fit, and of one part what stands before its numbers', () => {
    const text = 'step 12/300  epoch 1  88 images/s lately  2 min 10 s left  loss 5.4321';
    expect(shown(text, 71)).toBe(text);
    expect(shown(text, 70)).toBe('step 12/300  epoch 1  88 images/s lately  2 min 10 s left');
    expect(shown(text, 50)).toBe('step 12/300  epoch 1  88 images/s lately');
    expect(shown('features of photos/of/the/summer: 32 of 500', 31)).toBe('…otos/of/the/summer: 32 of 500');
  });

  it('is gone before another line is printed, and at the end', () => {
    const { to, text } = stream(true);
    const line = progressLine(to);
    line.show('pictures: 0 of 12');
    line.print('k = 20 left out');
    line.show('pictures: 12 of 12');
    line.end();
    line.end();
    const clear = '\r\u001b[2K';
    expect(text()).toBe(`pictures: 0 of 12${clear}k = 20 left out\npictures: 12 of 12${clear}`);
  });
});

describe('phases', () => {
  it('come to their end when another begins and when all is done', () => {
    const { to, text } = stream(true);
    const line = progressLine(to);
    const phases = phasesOn(line, 'report, ');
    phases.show('features', 30, 32);
    phases.show('neighbors', 0, 200);
    phases.finish();
    line.end();
    const shown = text()
      .replaceAll('\r\u001b[2K', '\n')
      .split('\n')
      .filter((each) => each !== '');
    expect(shown).toEqual([
      'report, features: 30 of 32',
      'report, features: 32 of 32',
      'report, neighbors: 0 of 200',
      'report, neighbors: 200 of 200',
    ]);
  });

  it('of one name are two where the second begins anew', () => {
    const { to, text } = stream(true);
    const phases = phasesOn(progressLine(to));
    phases.show('features', 3, 4);
    phases.show('features', 1, 8);
    expect(text()).toContain('features: 4 of 4');
  });

  it('are not shown again behind a line that stays', () => {
    const { to, text } = stream(false);
    const line = progressLine(to);
    const phases = phasesOn(line);
    phases.show('pca', 0, 200);
    line.print('The classifier: a file');
    phases.finish();
    line.end();
    expect(text()).toBe('pca: 0 of 200\nThe classifier: a file\n');
    const other = stream(false);
    const ended = progressLine(other.to);
    const last = phasesOn(ended);
    last.show('pca', 0, 200);
    last.finish();
    ended.end();
    expect(other.text()).toBe('pca: 0 of 200\npca: 200 of 200\n');
  });
});

describe('a duration', () => {
  it.each([
    [0, '0 s'],
    [0.04, '0.04 s'],
    [2.34, '2.3 s'],
    [9.96, '10 s'],
    [75, '1 min 15 s'],
    [7260, '2 h 1 min'],
    [Number.NaN, '?'],
  ])('of %d seconds is %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe('times of a run', () => {
  it.each([
    [0.841, '0.84 ms'],
    [780.4, '780 ms'],
    [999.7, '1 s'],
    [1240, '1.2 s'],
    [78_123, '78 s'],
  ])('%d ms are %s a step', (milliseconds, text) => {
    expect(stepTime(milliseconds)).toBe(text);
  });

  it.each([
    [0.4, 'less than 1 s'],
    [44.6, 'about 45 s'],
    [170, 'about 3 min'],
    [20_000, 'about 5.6 h'],
    [90_000, 'about 25 h'],
    [250_000, 'about 3 days'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(roughly(seconds)).toBe(text);
  });

  it.each([
    [0.056, ''],
    [1.4, '1 s left'],
    [9.6, '10 s left'],
    [75.2, '1 min 15 s left'],
  ])('%d seconds are "%s"', (seconds, text) => {
    expect(timeLeft(seconds)).toBe(text);
  });
});

import { describe, expect, it } from 'vitest';
import { pairedGains } from '../../src/rows/paired-gains.ts';
import { shareInterval } from '../../src/rows/share-interval.ts';

describe('paired gains', () => {
  it('are sure of a small gain that every sample shares, whatever the samples vary', () => {
    const other = Float64Array.from({ length: 50 }, (_, i) => i);
    const own = other.map((score) => score + 0.5);
    const { same, less } = pairedGains(own, { same: own, less: other });
    expect(same).toEqual({ low: 0, high: 0 });
    expect(less).toEqual({ low: 0.5, high: 0.5 });
  });

  it('are unsure of a gain that half of the samples lose', () => {
    const own = Float64Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? 1 : -0.8));
    const { other } = pairedGains(own, { other: new Float64Array(60) });
    expect(other.low).toBeLessThan(0);
    expect(other.high).toBeGreaterThan(0.1);
  });

  it('leave out samples without a score, and say nothing of a few', () => {
    const own = [1, Number.NaN, 1, 1, 1, 1];
    const other = [0, Number.NaN, 0, 0, 0, 0];
    expect(pairedGains(own, { other }).other).toEqual({ low: 1, high: 1 });
    expect(pairedGains(own.slice(1), { other: other.slice(1) }).other.low).toBeNaN();
  });

  it('draw groups as a whole: many samples of five groups are five', () => {
    // Of ten samples each, one group gains 5 and four lose 1: by groups anything is possible, by samples the gain is sure.
    const gains = Array.from({ length: 50 }, (_, i) => (i < 10 ? 5 : -1));
    const groups = gains.map((_, i) => Math.floor(i / 10));
    const zero = gains.map(() => 0);
    const whole = pairedGains(gains, { zero }, groups).zero;
    const single = pairedGains(gains, { zero }).zero;
    expect(whole.low).toBe(-1);
    expect(whole.high - whole.low).toBeGreaterThan(2 * (single.high - single.low));
    // A group that counts nowhere leaves four, too few to tell.
    expect(
      pairedGains(
        gains,
        { zero },
        groups.map((group) => (group === 0 ? -1 : group)),
      ).zero.low,
    ).toBeNaN();
  });
});

describe('the interval of a share', () => {
  it('is that of Wilson', () => {
    const { low, high } = shareInterval(0.6, 100);
    expect([low, high]).toEqual([expect.closeTo(0.502, 3), expect.closeTo(0.6906, 3)]);
    expect(shareInterval(1, 20)).toEqual({ low: expect.closeTo(0.8389, 3), high: expect.closeTo(1, 12) });
    expect(shareInterval(0.5, 0).low).toBeNaN();
  });
});

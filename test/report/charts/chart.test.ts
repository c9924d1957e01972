import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LineChart, lineChart } from '../../../src/report/charts/chart.ts';
import {
  countLabel,
  logScale,
  niceScale,
  percentLabel,
  tickLabel,
  valueLabel,
} from '../../../src/report/charts/scale.ts';
import { nearestIndex, runningMean, sortedPoints, thin } from '../../../src/report/charts/series.ts';
import { elementNames } from '../page/html-checker.ts';

function draw(y: number[], more: Partial<LineChart> = {}): string {
  const x = y.map((_, i) => 10 * i);
  return lineChart({ title: 'Loss', xName: 'step', series: [{ name: 'loss', x, y }], ...more }).text;
}

const texts = (svg: string, className: string) =>
  [...svg.matchAll(new RegExp(`<text class="${className}"[^>]*>([^<]*)<`, 'g'))].map(([, text]) => text);
const path = (svg: string, className: string) =>
  new RegExp(`<path class="${className}" d="([^"]*)"`).exec(svg)?.[1];

describe('scales', () => {
  it('have round ticks that cover the range', () => {
    expect(niceScale(0.3, 9.7, 4)).toEqual({ min: 0, max: 10, step: 2, ticks: [0, 2, 4, 6, 8, 10] });
    expect(niceScale(4.1, 8.32, 4)).toEqual({ min: 4, max: 9, step: 1, ticks: [4, 5, 6, 7, 8, 9] });
    expect(niceScale(-0.12, 0.3, 4)).toEqual({
      min: -0.2,
      max: 0.3,
      step: 0.1,
      ticks: [-0.2, -0.1, 0, 0.1, 0.2, 0.3],
    });
    expect(niceScale(0, 5e-4, 4).ticks).toEqual([0, 1e-4, 2e-4, 3e-4, 4e-4, 5e-4]);
  });

  it('keep the range itself on request, with the ticks inside it', () => {
    expect(niceScale(3, 1207, 5, false)).toEqual({
      min: 3,
      max: 1207,
      step: 200,
      ticks: [200, 400, 600, 800, 1000, 1200],
    });
  });

  it('are logarithmic on request, with ticks at 1, 2 and 5 times powers of ten', () => {
    expect(logScale(10, 600)).toMatchObject({ min: 10, max: 600, ticks: [10, 20, 50, 100, 200, 500] });
    expect(logScale(3, 3)).toMatchObject({ min: 1.5, max: 6, ticks: [2, 5] });
    expect(logScale(1, 1e6).ticks).toEqual([1, 10, 100, 1e3, 1e4, 1e5, 1e6]);
    const series = [
      { name: 'a', x: [0, 1, 10, 100], y: [9, 1, 2, 3], low: [8, 0, 1, 2], high: [10, 2, 3, 4] },
    ];
    const svg = draw([], { series, logX: true });
    const places = [...(path(svg, 'line s0') ?? '').matchAll(/[ML]([\d.]+) /g)].map(([, x]) => Number(x));
    expect(places).toHaveLength(3); // 0 has no place
    expect(places[1]! - places[0]!).toBeCloseTo(places[2]! - places[1]!, 1);
    expect(path(svg, 'band s0')?.split('L')).toHaveLength(6);
  });

  it('give a constant room on both sides', () => {
    expect(niceScale(8, 8, 4)).toMatchObject({ min: 7, max: 9 });
    expect(niceScale(0, 0, 4)).toMatchObject({ min: -1, max: 1 });
    expect(niceScale(-2, -2, 4).ticks).toContain(-2);
  });

  it('always cover any finite range with few, ascending ticks', () => {
    const finite = fc.double({ noNaN: true, min: -1e12, max: 1e12 });
    fc.assert(
      fc.property(finite, finite, (a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        const { min, max, ticks, step } = niceScale(low, high, 4);
        expect(min).toBeLessThanOrEqual(low + step * 1e-6);
        expect(max).toBeGreaterThanOrEqual(high - step * 1e-6);
        expect(max).toBeGreaterThan(min);
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(9);
        expect([...ticks].sort((p, q) => p - q)).toEqual(ticks);
      }),
    );
  });

  it('write ticks with the digits their step needs', () => {
    expect([0, 0.5, 1].map((tick) => tickLabel(tick, 0.5))).toEqual(['0', '0.5', '1.0']);
    expect([2, 10].map((tick) => tickLabel(tick, 2))).toEqual(['2', '10']);
    expect([0.25, -0.05].map((tick) => tickLabel(tick, 0.05))).toEqual(['0.25', '-0.05']);
    expect([5e-4, -1e-4].map((tick) => tickLabel(tick, 1e-4))).toEqual(['5e-4', '-1e-4']);
    expect([1000, 20000, 12500].map((tick) => tickLabel(tick, 500))).toEqual(['1000', '20k', '12.5k']);
    expect(tickLabel(1.5e6, 5e5)).toBe('1.5M');
  });

  it('write values with four significant digits, shares as percentages, counts in groups', () => {
    expect([8.31777, 0.0123456, 1234.56, 4096, 0, 1.5e-5, Number.NaN].map(valueLabel)).toEqual([
      '8.318',
      '0.01235',
      '1234.6',
      '4096',
      '0',
      '1.50e-5',
      'NaN',
    ]);
    expect([0.6124, 1, Number.NaN].map(percentLabel)).toEqual([
      '61.2\u202f%',
      '100.0\u202f%',
      'not a number',
    ]);
    expect([3925, 50000, 1281167].map(countLabel)).toEqual(['3925', '50\u202f000', '1\u202f281\u202f167']);
  });
});

describe('line charts', () => {
  it('place the first point at the lower left and the last at the upper right of their axes', () => {
    const svg = draw([0, 5, 10]);
    expect(texts(svg, 'y')).toEqual(['0', '2', '4', '6', '8', '10']);
    expect(texts(svg, 'x')).toEqual(['0', '5', '10', '15', '20']);
    expect(path(svg, 'line s0')).toBe('M46 200L227 106L408 12');
    expect(texts(svg, 'name')).toEqual(['step']);
    const short = draw([], { series: [{ name: 'loss', x: [0, 1, 2], y: [3, 2, 1] }] });
    expect(texts(short, 'x')).toEqual(['0', '1', '2']);
  });

  it('leave a gap at NaN and infinity and keep a point that stands alone', () => {
    expect(path(draw([0, Number.NaN, 10, Number.POSITIVE_INFINITY, 0, 10]), 'line s0')).toBe(
      'M46 200h0M190.8 12h0M335.6 200L408 12',
    );
  });

  it('draw a constant in the middle and a single point in the center', () => {
    expect(path(draw([8, 8, 8]), 'line s0')).toBe('M46 106L227 106L408 106');
    const single = draw([8], { series: [{ name: 'loss', x: [50], y: [8] }] });
    expect(path(single, 'line s0')).toBe('M227 106h0');
    expect(single).toContain('<circle class="s0" cx="227" cy="106"');
  });

  it.each([[[]], [[Number.NaN]], [[Number.NaN, Number.POSITIVE_INFINITY]]])(
    'say that there is nothing to draw for %j',
    (y) => {
      expect(draw(y)).toContain('No finite value was recorded.');
      expect(draw(y)).not.toContain('<svg');
    },
  );

  it('hold their reference lines and name them, each at its own place', () => {
    const svg = draw([2, 3], {
      references: [
        { name: 'ln 4096 =', value: Math.log(4096) },
        { name: 'none', value: Number.NaN },
      ],
    });
    expect(texts(svg, 'reference')).toEqual(['ln 4096 = 8.318']);
    expect(texts(svg, 'y').at(-1)).toBe('10');
    const close = draw([0, 100], {
      references: [
        { name: 'a', value: 30 },
        { name: 'b', value: 31 },
        { name: 'c', value: 29 },
      ],
    });
    const baselines = [...close.matchAll(/<text class="reference" x="[^"]*" y="([^"]*)"/g)].map(([, y]) =>
      Number(y),
    );
    expect(baselines).toHaveLength(3);
    for (let i = 1; i < 3; i++) expect(baselines[i]! - baselines[i - 1]!).toBeGreaterThanOrEqual(13);
  });

  it('tell values on hover and in the description', () => {
    const svg = draw([8, 2, 5], { unit: ' nats', references: [{ name: 'ln K', value: 9 }] });
    expect(svg).toContain('<title>step 10\nloss: 2 nats\nln K: 9 nats</title>');
    expect(svg).toContain(
      'aria-label="Loss: loss goes from 8 nats at step 0 to 5 nats at step 20, lowest 2 nats, highest 8 nats."',
    );
  });

  it('give percentages one digit: in the line, on hover, in the description', () => {
    const svg = draw([8, 2], { unit: '\u202f%', references: [{ name: 'raw pixels', value: 21.0526 }] });
    expect(texts(svg, 'reference')).toEqual(['raw pixels 21.1\u202f%']);
    expect(svg).toContain('<title>step 10\nloss: 2.0\u202f%\nraw pixels: 21.1\u202f%</title>');
    expect(svg).toContain('lowest 2.0\u202f%, highest 8.0\u202f%');
  });

  it('show a legend for several series', () => {
    const series = ['teacher', 'student'].map((name) => ({ name, x: [0, 1], y: [1, 2] }));
    expect(draw([], { series })).toContain(
      '<ul class="legend"><li class="s0">teacher</li><li class="s1">student</li></ul>',
    );
    expect(draw([1, 2])).not.toContain('legend');
  });

  it('stay well-formed, small and free of NaN for any values', () => {
    const values = fc.array(fc.double(), { maxLength: 300 });
    fc.assert(
      fc.property(values, values, (x, y) => {
        const text = lineChart({ title: 'Any', xName: 'step', series: [{ name: 'any', x, y }] }).text;
        elementNames(text);
        expect(text.replace(/<title>[^<]*<\/title>/g, '')).not.toMatch(/NaN|Infinity/);
      }),
    );
    const long = draw(Array.from({ length: 200_000 }, (_, i) => Math.sin(i)));
    expect(long.length).toBeLessThan(40_000);
  });
});

describe('series', () => {
  it('are sorted by x without those that have none', () => {
    const { x, y } = sortedPoints([3, Number.NaN, 1, 2], [30, 0, 10, 20]);
    expect([[...x], [...y]]).toEqual([
      [1, 2, 3],
      [10, 20, 30],
    ]);
  });

  it('have running means that skip gaps, keep them, and shrink their window at the ends', () => {
    const y = new Float64Array([1, 3, 8, Number.NaN, 2, 4, 9]);
    const points = { x: y.map((_, i) => 10 * i), y };
    expect([...runningMean(points, 1, 7).y]).toEqual([2, 4, 5.5, Number.NaN, 3, 5, 6.5]);
    const three = runningMean(points, 1, 3);
    expect([[...three.x], [...three.y]]).toEqual([
      [0, 30, 60],
      [2, Number.NaN, 6.5],
    ]);
  });

  it('are drawn with their running mean when they are noisy, and as they are when they are smooth', () => {
    const noisy = draw(Array.from({ length: 200 }, (_, i) => i + 40 * (i % 2)));
    expect(noisy).toContain('class="line s0 faint"');
    expect(noisy).toContain('<li class="note">thin: as measured, thick: running mean</li>');
    const schedule = draw(Array.from({ length: 200 }, (_, i) => Math.min(i, 20)));
    expect(schedule).not.toMatch(/faint|legend/);
    // The mean of a window is not harmed by what came before it.
    const spike = { x: new Float64Array([0, 1, 2, 3]), y: new Float64Array([1e90, 1, 2, 3]) };
    expect(runningMean(spike, 1, 4).y[3]).toBe(2.5);
  });

  it('keep their ends and their peaks when they are thinned', () => {
    const y = new Float64Array(1000);
    y[123] = 50;
    y[777] = -50;
    const x = Float64Array.from(y, (_, i) => i);
    const thinned = thin({ x, y }, 100);
    expect(thinned.x.length).toBeLessThanOrEqual(152);
    expect([thinned.x[0], thinned.x.at(-1)]).toEqual([0, 999]);
    expect(thinned.y[thinned.x.indexOf(123)]).toBe(50);
    expect(thinned.y[thinned.x.indexOf(777)]).toBe(-50);
    expect([...thinned.x]).toEqual([...thinned.x].sort((a, b) => a - b));
  });

  it('find the point nearest to a place', () => {
    const x = new Float64Array([0, 10, 20]);
    expect([-5, 4, 5, 6, 14, 99].map((to) => nearestIndex(x, to))).toEqual([0, 0, 0, 1, 1, 2]);
    expect(nearestIndex(new Float64Array(0), 1)).toBe(-1);
  });
});

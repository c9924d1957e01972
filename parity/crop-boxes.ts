/** Fixture crop_boxes: the boxes of the official draws, and the distribution of the boxes of our own draws. */
import { z } from 'zod';
import { cropBox } from '../src/image/crop-box.ts';
import type { Box } from '../src/image/image.ts';
import { Random } from '../src/random/random.ts';
import type { Comparison } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { SIGMAS } from './schedules.ts';

const schema = z.object({
  seed: z.number().default(0),
  quantiles: z.array(z.number()),
  rows: z.array(z.string()),
  cases: z.array(
    z.object({ height: z.number(), width: z.number(), scale: z.tuple([z.number(), z.number()]) }),
  ),
});

export function cropBoxes(fixture: Fixture, comparison: Comparison): void {
  const config = fixture.config(schema);
  config.cases.forEach(({ height, width, scale }, n) => {
    traces(fixture, comparison, n, height, width, scale);
    const official = quantities(storedBoxes(fixture, n), height, width);
    const draws = fixture.dim(`boxes/${n}`, 0);
    const own = quantities(
      Array.from({ length: draws }, (_, i) =>
        cropBox(height, width, scale, new Random(config.seed, 'box', n, i)),
      ),
      height,
      width,
    );
    const stats = fixture.numbers(`stats/${n}`);
    const counts = fixture.numbers(`count/${n}`);
    config.rows.forEach((row, r) => {
      const at = `case ${n}, ${row}`;
      const [values, theirs] = [own[row] ?? [], official[row] ?? []];
      const columns = stats.subarray(
        r * (2 + config.quantiles.length),
        (r + 1) * (2 + config.quantiles.length),
      );
      comparison.identical('official counts', at, [theirs.length], [counts[r]]);
      comparison.tensor('official statistics', at, summary(theirs, config.quantiles), columns, 1e-12);
      distribution(comparison, at, values, theirs, columns, config.quantiles, draws);
    });
  });
}

/** Feeds the stored random numbers: positions, bounds and boxes must be the same. */
function traces(
  fixture: Fixture,
  comparison: Comparison,
  n: number,
  height: number,
  width: number,
  scale: readonly [number, number],
): void {
  const read = (name: string): ArrayLike<number> => fixture.numbers(`trace/${n}/${name}`);
  const [uniform, attempts, position, bounds, boxes] = [
    read('uniform'),
    read('attempts'),
    read('position'),
    read('position_bound'),
    read('box'),
  ];
  const perTrace = uniform.length / attempts.length;
  for (let i = 0; i < attempts.length; i++) {
    let drawn = 0;
    const asked: number[] = [];
    const box = cropBox(height, width, scale, {
      between: () => uniform[i * perTrace + drawn++] ?? Number.NaN,
      integer: (bound) => {
        asked.push(bound);
        return position[i * 2 + asked.length - 1] ?? Number.NaN;
      },
    });
    const fallback = position[i * 2] === -1;
    const wanted = Array.from({ length: 4 }, (_, j) => boxes[i * 4 + j]);
    comparison.identical(
      'boxes of official draws',
      `case ${n}, draw ${i}`,
      [box.top, box.left, box.height, box.width],
      wanted,
    );
    comparison.identical('attempts', `case ${n}, draw ${i}`, [drawn], [2 * (attempts[i] ?? 0)]);
    const wantedBounds = fallback ? [] : [bounds[i * 2], bounds[i * 2 + 1]];
    comparison.identical('bounds of positions', `case ${n}, draw ${i}`, asked, wantedBounds);
  }
}

function storedBoxes(fixture: Fixture, n: number): Box[] {
  const values = fixture.numbers(`boxes/${n}`);
  return Array.from({ length: values.length / 4 }, (_, i) => ({
    top: values[4 * i] ?? 0,
    left: values[4 * i + 1] ?? 0,
    height: values[4 * i + 2] ?? 0,
    width: values[4 * i + 3] ?? 0,
  }));
}

/** The quantities of `stats/`, by row. */
function quantities(boxes: readonly Box[], height: number, width: number): Record<string, number[]> {
  return {
    area: boxes.map((b) => (b.height * b.width) / (height * width)),
    aspect: boxes.map((b) => b.width / b.height),
    log_aspect: boxes.map((b) => Math.log(b.width / b.height)),
    top: boxes.filter((b) => b.height < height).map((b) => b.top / (height - b.height)),
    left: boxes.filter((b) => b.width < width).map((b) => b.left / (width - b.width)),
    center_y: boxes.map((b) => (b.top + b.height / 2) / height),
    center_x: boxes.map((b) => (b.left + b.width / 2) / width),
  };
}

/** Mean, standard deviation and quantiles (interpolated), as `stats/` has them. */
function summary(values: readonly number[], quantiles: readonly number[]): number[] {
  if (values.length === 0) return Array.from({ length: 2 + quantiles.length }, () => Number.NaN);
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const square = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  const sorted = Float64Array.from(values).sort();
  const at = quantiles.map((p) => {
    const place = p * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(place)] ?? 0, sorted[Math.ceil(place)] ?? 0];
    return low + (high - low) * (place - Math.floor(place));
  });
  return [mean, Math.sqrt(square), ...at];
}

/** Both sides are samples; quantiles compare the shares below them, as boxes are whole pixels and values repeat. */
function distribution(
  comparison: Comparison,
  at: string,
  own: readonly number[],
  official: readonly number[],
  columns: ArrayLike<number>,
  quantiles: readonly number[],
  draws: number,
): void {
  const note = (quantity: string, where: string, excess: number, error: number): void =>
    comparison.note(
      quantity,
      where,
      'standard errors',
      excess <= 1e-12 ? 0 : excess / Math.max(error, 1e-12),
      SIGMAS,
    );
  const share = official.length / draws;
  note('our counts', at, Math.abs(own.length / draws - share), Math.sqrt((2 * share * (1 - share)) / draws));
  if (own.length === 0 || official.length === 0) return;
  const [mean = 0] = summary(own, []);
  const both = 1 / own.length + 1 / official.length;
  note('our means', at, Math.abs(mean - (columns[0] ?? 0)), (columns[1] ?? 0) * Math.sqrt(both));
  quantiles.forEach((p, i) => {
    const q = columns[2 + i] ?? 0;
    const below = own.filter((x) => x < q - 1e-9).length / own.length;
    const upTo = own.filter((x) => x <= q + 1e-9).length / own.length;
    note('our quantiles', `${at} ${p}`, Math.max(below - p, p - upTo, 0), Math.sqrt(p * (1 - p) * both));
  });
}

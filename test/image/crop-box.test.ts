import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type CropDraws, cropBox } from '../../src/image/crop-box.ts';
import { Random } from '../../src/random/random.ts';
import { numbersOf, readFixture } from './fixtures.ts';

const schema = z.object({
  quantiles: z.array(z.number()),
  rows: z.array(z.string()),
  cases: z.array(
    z.object({ height: z.number(), width: z.number(), scale: z.tuple([z.number(), z.number()]) }),
  ),
});
const { tensors, config } = readFixture('crop_boxes', schema);
const cases = config.cases.map((c, n) => ({ ...c, n }));

/** The quantities of `stats/`, by row, of boxes drawn in an image. */
function quantities(
  boxes: readonly { top: number; left: number; height: number; width: number }[],
  height: number,
  width: number,
): Record<string, number[]> {
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

function meanAndStd(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const square = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(square) };
}

describe('crop boxes', () => {
  it.each(cases)(
    'are the official ones for the official draws ($height x $width, $scale)',
    ({ n, height, width, scale }) => {
      const read = (name: string): number[] => numbersOf(tensors, `trace/${n}/${name}`);
      const uniform = read('uniform');
      const attempts = read('attempts');
      const positions = read('position');
      const bounds = read('position_bound');
      const boxes = read('box');
      for (let i = 0; i < attempts.length; i++) {
        let drawn = 0;
        let placed = 0;
        const draws: CropDraws = {
          between: () => uniform[i * 20 + drawn++]!,
          integer: (bound) => {
            expect(bound).toBe(bounds[i * 2 + placed]);
            return positions[i * 2 + placed++]!;
          },
        };
        const box = cropBox(height, width, scale, draws);
        expect([box.top, box.left, box.height, box.width], `draw ${i}`).toEqual(
          boxes.slice(i * 4, i * 4 + 4),
        );
        expect(drawn, `draw ${i}`).toBe(2 * attempts[i]!);
      }
    },
  );

  it.each(cases)(
    'of our own draws are distributed like the official ones ($height x $width, $scale)',
    ({ n, height, width, scale }) => {
      const draws = 20000;
      const boxes = Array.from({ length: draws }, (_, i) =>
        cropBox(height, width, scale, new Random(9, 'box', n, i)),
      );
      const stats = numbersOf(tensors, `stats/${n}`);
      const counts = numbersOf(tensors, `count/${n}`);
      const columns = 2 + config.quantiles.length;
      for (const [row, values] of Object.entries(quantities(boxes, height, width))) {
        const r = config.rows.indexOf(row);
        const [mean = 0, std = 0, ...quantiles] = stats.slice(r * columns, (r + 1) * columns);
        // Both sides are samples, so the difference of the means has both errors.
        const error = std * Math.sqrt(1 / counts[r]! + 1 / values.length);
        expect(Math.abs(meanAndStd(values).mean - mean), `mean ${row}`).toBeLessThanOrEqual(
          4 * error + 1e-12,
        );
        const fallback = Math.abs(values.length - counts[r]!) / draws;
        expect(fallback, `count ${row}`).toBeLessThan(4 * Math.sqrt(0.5 / draws));
        for (const [i, p] of config.quantiles.entries()) {
          // The shares below and up to the official quantile enclose p: values repeat, boxes being whole pixels.
          const slack = 4 * Math.sqrt(p * (1 - p) * (1 / counts[r]! + 1 / values.length));
          const q = quantiles[i]!;
          const below = values.filter((x) => x < q - 1e-9).length / values.length;
          const upTo = values.filter((x) => x <= q + 1e-9).length / values.length;
          expect(below, `${row} quantile ${p}`).toBeLessThanOrEqual(p + slack);
          expect(upTo, `${row} quantile ${p}`).toBeGreaterThanOrEqual(p - slack);
        }
      }
    },
  );

  it('lie inside every image, however narrow', () => {
    const side = fc.integer({ min: 1, max: 3000 });
    fc.assert(
      fc.property(side, side, fc.nat(), (height, width, seed) => {
        const box = cropBox(height, width, [0.05, 1], new Random(seed, 'inside'));
        expect(Math.min(box.top, box.left)).toBeGreaterThanOrEqual(0);
        expect(Math.min(box.height, box.width)).toBeGreaterThan(0);
        expect(box.top + box.height).toBeLessThanOrEqual(height);
        expect(box.left + box.width).toBeLessThanOrEqual(width);
      }),
    );
  });
});

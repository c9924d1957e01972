/**
 * Positions of the places of an image as waves of several lengths, of XCiT: nothing is learned, and any size fits. As the official
 * `PositionalEncodingFourier` of 32 waves an axis before its projection: the height of a place, then how far right it is, each
 * as a share of a circle, divided by 10000^(2 floor(i / 2) / 32); sines for even i, cosines for odd.
 */
import { apply, constant, type Op, type Tensor } from '../graph/index.ts';

/** Waves of an axis. */
export const WAVES = 32;
const TEMPERATURE = 10_000;
/** Added to the number of places before it divides. */
export const COUNT_EPS = 1e-6;

type Places = { rows: number; columns: number };

/** Without inputs: [rows * columns, 2 * WAVES] */
export const fourierOp: Op<Places> = {
  name: 'fourier',
  infer: (_, { rows, columns }) => [{ dtype: 'f32', shape: [rows * columns, 2 * WAVES] }],
  gradient: () => [],
  decompose: ({ attributes: { rows, columns } }) => [
    constant(fourierTable(rows, columns), [rows * columns, 2 * WAVES]),
  ],
};

/** The places row by row: [rows * columns, 64] */
export function fourierPositions(rows: number, columns: number): Tensor {
  return apply(fourierOp, [], { rows, columns });
}

/** The angle of place `at` (from 1) of `count`, by wave, is this much times `at / (count + COUNT_EPS)`. */
export const waveFactors: readonly number[] = Array.from(
  { length: WAVES },
  (_, i) => (2 * Math.PI) / TEMPERATURE ** ((2 * Math.floor(i / 2)) / WAVES),
);

function fourierTable(rows: number, columns: number): Float32Array {
  const table = new Float32Array(rows * columns * 2 * WAVES);
  const wave = (at: number, count: number, i: number): number => {
    const angle = ((at + 1) / (count + COUNT_EPS)) * (waveFactors[i] ?? 0);
    return i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  };
  let next = 0;
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      for (let i = 0; i < WAVES; i++) table[next++] = wave(y, rows, i);
      for (let i = 0; i < WAVES; i++) table[next++] = wave(x, columns, i);
    }
  return table;
}

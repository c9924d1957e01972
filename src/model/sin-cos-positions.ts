/** Fixed positions of patches (official MAE, `get_2d_sincos_pos_embed`): sines and cosines of a patch's column, then of its row. */

/**
 * Features of a square of patches, row by row, behind a row of zeros for the class token. A quarter of them each are the sines and cosines
 * of the column x, and of the row y: `sin(x w), cos(x w), sin(y w), cos(y w)` with `w_i = 10000^(-i / (dim / 4))`.
 *
 * @param dim a multiple of 4
 * @param side patches in a row
 * @returns [1 + side * side, dim]
 */
export function sinCosPositions(dim: number, side: number): Float32Array {
  const quarter = dim / 4;
  const values = new Float32Array((1 + side * side) * dim);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const row = (1 + y * side + x) * dim;
      for (let i = 0; i < quarter; i++) {
        const frequency = 1 / 10000 ** (i / quarter);
        values[row + i] = Math.sin(x * frequency);
        values[row + quarter + i] = Math.cos(x * frequency);
        values[row + 2 * quarter + i] = Math.sin(y * frequency);
        values[row + 3 * quarter + i] = Math.cos(y * frequency);
      }
    }
  }
  return values;
}

/**
 * The assignment problem: partners for rows and columns of a table, one to one, so that the sum of the entries is largest.
 * The Hungarian method with potentials, O(n^2 m) (Kuhn 1955; the shortest-path form is in Burkard, Dell'Amico and Martello,
 * Assignment Problems, section 4.4).
 */

/**
 * @param weights finite numbers, [rows, columns]
 * @returns column of every row, -1 where there are more rows than columns and the row stays alone
 */
export function largestMatching(weights: ArrayLike<number>, rows: number, columns: number): Int32Array {
  if (rows > columns) {
    const transposed = Float64Array.from(
      { length: rows * columns },
      (_, i) => weights[(i % rows) * columns + Math.floor(i / rows)]!,
    );
    const partners = new Int32Array(rows).fill(-1);
    largestMatching(transposed, columns, rows).forEach((row, column) => {
      partners[row] = column;
    });
    return partners;
  }
  const cost = (row: number, column: number): number => -weights[row * columns + column]!;
  // Potentials u, v with u[row] + v[column] <= cost, equal on matched pairs; column `columns` is where a search starts.
  const rowPotential = new Float64Array(rows);
  const columnPotential = new Float64Array(columns + 1);
  const rowOf = new Int32Array(columns + 1).fill(-1);
  const before = new Int32Array(columns + 1);
  for (let newcomer = 0; newcomer < rows; newcomer++) {
    // Dijkstra over reduced costs, from the new row to the nearest free column.
    const distance = new Float64Array(columns).fill(Number.POSITIVE_INFINITY);
    const reached = new Uint8Array(columns + 1);
    rowOf[columns] = newcomer;
    let at = columns;
    while (rowOf[at] !== -1) {
      reached[at] = 1;
      const row = rowOf[at]!;
      let [step, next] = [Number.POSITIVE_INFINITY, -1];
      for (let column = 0; column < columns; column++) {
        if (reached[column] === 1) continue;
        const reduced = cost(row, column) - rowPotential[row]! - columnPotential[column]!;
        if (reduced < distance[column]!) {
          distance[column] = reduced;
          before[column] = at;
        }
        if (distance[column]! < step) [step, next] = [distance[column]!, column];
      }
      for (let column = 0; column <= columns; column++) {
        if (reached[column] === 1) {
          rowPotential[rowOf[column]!]! += step;
          columnPotential[column]! -= step;
        } else distance[column]! -= step;
      }
      at = next;
    }
    // Along the path every column takes the row of the column before it.
    while (at !== columns) {
      const previous = before[at]!;
      rowOf[at] = rowOf[previous]!;
      at = previous;
    }
  }
  const partners = new Int32Array(rows).fill(-1);
  for (let column = 0; column < columns; column++)
    if (rowOf[column] !== -1) partners[rowOf[column]!] = column;
  return partners;
}

/** Tables on a terminal. */

/** Rows of cells in columns: the first to the left, the others to the right. A row of one cell is a line, and no column is as wide. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const count = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const table = rows.filter(({ length }) => length > 1);
  const widths = Array.from({ length: count }, (_, i) =>
    table.reduce((most, row) => Math.max(most, row[i]?.length ?? 0), 0),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

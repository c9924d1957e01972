/** Tables on a terminal. */

const GAP = 2;

/**
 * Rows of cells in columns: numbers to the right, words to the left. A row of one cell is a line, and no column is as wide.
 *
 * @param width of the terminal: the columns of a wider table are continued below, behind the first one again; none in a file
 */
export function columns(
  rows: readonly (readonly string[])[],
  width: number = process.stdout.columns ?? Number.POSITIVE_INFINITY,
): string[] {
  const count = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const table = rows.filter(({ length }) => length > 1);
  const shapes = Array.from({ length: count }, (_, i) => {
    const cells = table.map((row) => row[i] ?? '');
    return {
      width: Math.max(0, ...cells.map(({ length }) => length)),
      isNumeric: i > 0 && areNumbers(cells),
    };
  });
  const lineOf = (row: readonly string[], shown: readonly number[]): string =>
    shown
      .map((i) => {
        const { width: wide = 0, isNumeric = false } = shapes[i] ?? {};
        return isNumeric ? (row[i] ?? '').padStart(wide) : (row[i] ?? '').padEnd(wide);
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  const [first = [], ...more] = parts(
    shapes.map((shape) => shape.width),
    width,
  );
  const lines = rows.map((row) => (row.length > 1 ? lineOf(row, first) : (row[0] ?? '')));
  const end = rows.findLastIndex(({ length }) => length > 1) + 1;
  const continued = more.flatMap((shown) => ['', ...table.map((row) => lineOf(row, shown))]);
  return [...lines.slice(0, end), ...continued, ...lines.slice(end)];
}

/** A number, with its unit, its interval or its spread. */
const NUMBER = /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?( ?(%|[kMG]B|bytes?|\(.*\)|± .*))*$/;

/** Whether all cells below the head are numbers, or say that there is none. */
function areNumbers(cells: readonly string[]): boolean {
  const body = cells.length > 1 ? cells.slice(1) : cells;
  return body.every((cell) => ['', '-', 'none'].includes(cell) || NUMBER.test(cell));
}

/** The columns that stand beside each other, so that each part fits: the first column begins all of them. */
function parts(widths: readonly number[], width: number): number[][] {
  const [first = 0] = widths;
  const found: number[][] = [];
  let left = -1;
  for (let i = 1; i < widths.length; i++) {
    const needed = GAP + (widths[i] ?? 0);
    if (needed > left) {
      found.push([0]);
      left = width - first;
    }
    found.at(-1)?.push(i);
    left -= needed;
  }
  return found;
}

/** Results of the benchmarks, as aligned text and as JSON lines. */

/** One comparison. A field is left out when it was not measured, such as the peer's without an interpreter. */
export interface Row {
  /** Name of the table. */
  readonly table: string;
  /** What was done, such as "ViT-S/16, one step". */
  readonly work: string;
  /** What it was compared with, such as "PyTorch eager". */
  readonly peer?: string | undefined;
  /** Medians of interleaved rounds. */
  readonly oursMs?: number | undefined;
  readonly peerMs?: number | undefined;
  /** Peak resident memory of a process in MB (10^6 bytes). */
  readonly oursMb?: number | undefined;
  readonly peerMb?: number | undefined;
}

/** How many times faster than the peer. */
export function speedup({ oursMs, peerMs }: Row): number | undefined {
  return oursMs === undefined || peerMs === undefined ? undefined : peerMs / oursMs;
}

/** Rounded to `digits` significant ones. */
function significant(value: number | undefined, digits: number): number | null {
  return value === undefined ? null : Number(value.toPrecision(digits));
}

/** One JSON object on one line; what was not measured is null. */
export function jsonLine(row: Row): string {
  return JSON.stringify({
    table: row.table,
    work: row.work,
    peer: row.peer ?? null,
    oursMs: significant(row.oursMs, 5),
    peerMs: significant(row.peerMs, 5),
    speedup: significant(speedup(row), 4),
    oursMb: significant(row.oursMb, 4),
    peerMb: significant(row.peerMb, 4),
  });
}

/** Milliseconds with three digits that mean something: 0.123, 1.23, 12.3, 123, 1234. */
function milliseconds(value: number | undefined): string {
  if (value === undefined) return '-';
  const decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return value.toFixed(decimals);
}

/**
 * Lines of text in aligned columns.
 *
 * @param rows the first one is the heading
 * @param left how many columns, from the first on, are aligned to the left; the others to the right
 */
export function align(rows: readonly (readonly string[])[], left: number): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const lines = rows.map((row) =>
    row
      .map((cell, c) => (c < left ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [lines[0]!, rule, ...lines.slice(1)].join('\n');
}

/** The rows of one table as aligned text. */
export function formatTable(rows: readonly Row[]): string {
  const heading = ['work', 'peer', 'ours ms', 'peer ms', 'speedup', 'ours MB', 'peer MB'];
  const cells = rows.map((row) => [
    row.work,
    row.peer ?? '-',
    milliseconds(row.oursMs),
    milliseconds(row.peerMs),
    speedup(row) === undefined ? '-' : `${speedup(row)!.toFixed(2)}x`,
    row.oursMb === undefined ? '-' : row.oursMb.toFixed(0),
    row.peerMb === undefined ? '-' : row.peerMb.toFixed(0),
  ]);
  return align([heading, ...cells], 2);
}

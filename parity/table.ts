/** Reports as plain text. */
import type { FileReport } from './checks.ts';
import type { Measure } from './comparison.ts';

const whole: ReadonlySet<Measure> = new Set<Measure>(['differing']);

/** One line for each quantity of a fixture, and one for each error. */
export function lines(report: FileReport, width: number): string[] {
  const name = report.fixture.padEnd(width);
  switch (report.kind) {
    case 'not covered':
      return [];
    case 'error':
      return [`${name}  ERROR  ${report.message.replaceAll('\n', ' ')}`];
    case 'checked':
      return [
        ...report.rows.map((row) => {
          const number = (x: number): string => (whole.has(row.measure) ? String(x) : x.toExponential(1));
          const verdict = row.ok ? 'ok    ' : 'MISS  ';
          const cells = [
            row.quantity.padEnd(48),
            number(row.error).padStart(9),
            number(row.tolerance).padStart(9),
            row.measure.padEnd(15),
            verdict,
          ];
          return `${name}  ${cells.join('  ')}${row.ok ? '' : `at ${row.at}`}`.trimEnd();
        }),
        ...(report.unread.length === 0
          ? []
          : [
              `${name}  not compared: ${report.unread.length} tensors (${report.unread.slice(0, 5).join(', ')}${report.unread.length > 5 ? ', ...' : ''})`,
            ]),
      ];
  }
}

export function heading(width: number): string {
  return `${'fixture'.padEnd(width)}  ${'quantity'.padEnd(48)}  ${'error'.padStart(9)}  ${'tolerance'.padStart(9)}  ${'measure'.padEnd(15)}  verdict`;
}

/** The last line. */
export function summary(reports: readonly FileReport[]): string {
  const rows = reports.flatMap((report) => (report.kind === 'checked' ? report.rows : []));
  const count = (kind: FileReport['kind']): number => reports.filter((report) => report.kind === kind).length;
  const missed = rows.filter((row) => !row.ok).length;
  return [
    `${count('checked')} fixtures, ${rows.length} quantities`,
    `${rows.length - missed} ok`,
    `${missed} missed`,
    `${count('error')} in error`,
    `${count('not covered')} not covered yet`,
  ].join(', ');
}

/** Findings of the doctor: one as a line, and which of many stand. */
import type { Finding } from '../report/finding.ts';

/** One line for a console. */
export function findingLine({ severity, title, detail, advice }: Finding): string {
  return `${severity === 'ok' ? 'doctor' : severity}: ${title}. ${detail}${advice === undefined ? '' : ` ${advice}`}`;
}

const ranks: Readonly<Record<Finding['severity'], number>> = { error: 0, warning: 1, info: 2, ok: 2 };

/** The findings that stand: the latest on each topic, problems first, then warnings, then all else in the order in which it came up. */
export function standing(findings: readonly Finding[]): Finding[] {
  const latest = [...new Map(findings.map((finding) => [finding.topic, finding])).values()];
  return latest.sort((a, b) => ranks[a.severity] - ranks[b.severity]);
}

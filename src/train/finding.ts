/** Findings of the doctor: one as a line, and which of many stand. */
import type { Finding } from '../report/finding.ts';

/** One line for a console. */
export function findingLine({ severity, title, detail, advice }: Finding): string {
  return `${severity === 'ok' ? 'doctor' : severity}: ${title}. ${detail}${advice === undefined ? '' : ` ${advice}`}`;
}

/**
 * The findings that stand: the latest on each topic, in the order in which the topics came up. What is fine needs no word
 * beside what is not.
 */
export function standing(findings: readonly Finding[]): Finding[] {
  const latest = [...new Map(findings.map((finding) => [finding.topic, finding])).values()];
  const isAlarming = latest.some(({ severity }) => severity === 'warning' || severity === 'error');
  return isAlarming ? latest.filter(({ severity }) => severity !== 'ok') : latest;
}

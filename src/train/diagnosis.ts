/** What the doctor says: one finding, in words that the console, the log and the report share. */
export interface Diagnosis {
  readonly severity: 'ok' | 'info' | 'warning' | 'error';
  /** What it is about: a later finding on a topic takes the place of an earlier one. */
  readonly topic: string;
  readonly title: string;
  readonly detail: string;
  readonly advice?: string;
}

/** One line for a console. */
export function diagnosisLine({ severity, title, detail, advice }: Diagnosis): string {
  return `${severity === 'ok' ? 'doctor' : severity}: ${title}. ${detail}${advice === undefined ? '' : ` ${advice}`}`;
}

/**
 * The findings that stand: the latest on each topic, in the order in which the topics came up. What is fine needs no word
 * beside what is not.
 */
export function standing<Finding extends Pick<Diagnosis, 'severity' | 'topic'>>(
  findings: readonly Finding[],
): Finding[] {
  const latest = [...new Map(findings.map((finding) => [finding.topic, finding])).values()];
  const isAlarming = latest.some(({ severity }) => severity === 'warning' || severity === 'error');
  return isAlarming ? latest.filter(({ severity }) => severity !== 'ok') : latest;
}

/** What the doctor found: each finding with its severity in words, not only in color. */
import type { Finding } from '../finding.ts';
import { html, type Markup, unbroken } from '../markup.ts';
import type { ReportFinding } from '../model.ts';
import { section } from './section.ts';

/** How grave a finding is, in words. */
export const severityWords: Record<Finding['severity'], string> = {
  ok: 'Fine',
  info: 'Note',
  warning: 'Warning',
  error: 'Problem',
};

export function findingsSection(findings: readonly ReportFinding[]): Markup {
  const items = findings.map(
    ({ severity, title, detail, advice }) =>
      html`<li class="${severity}"><span class="severity">${severityWords[severity]}</span><h3>${unbroken(title)}</h3><p>${unbroken(detail)}</p>${
        advice !== undefined && html`<p class="advice">${unbroken(advice)}</p>`
      }</li>
`,
  );
  return section(
    'Diagnosis',
    'Signs of collapse, of broken numbers and of a recipe that does not fit the data.',
    items.length > 0 ? html`<ul class="findings">${items}</ul>` : html`<p>Nothing was found.</p>`,
  );
}

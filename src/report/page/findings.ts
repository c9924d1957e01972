/** What the doctor found: each finding with its severity in words, not only in color. */
import type { Finding } from '../finding.ts';
import { html, type Markup } from '../markup.ts';
import { section } from './section.ts';

const words: Record<Finding['severity'], string> = {
  ok: 'Fine',
  info: 'Note',
  warning: 'Warning',
  error: 'Problem',
};

export function findingsSection(findings: readonly Omit<Finding, 'topic'>[]): Markup {
  const items = findings.map(
    ({ severity, title, detail, advice }) =>
      html`<li class="${severity}"><span class="severity">${words[severity]}</span><h3>${title}</h3><p>${detail}</p>${
        advice !== undefined && html`<p class="advice">${advice}</p>`
      }</li>
`,
  );
  return section(
    'Diagnosis',
    'Signs of collapse, of broken numbers and of a recipe that does not fit the data.',
    items.length > 0 ? html`<ul class="findings">${items}</ul>` : html`<p>Nothing was found.</p>`,
  );
}

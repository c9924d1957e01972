/**
 * The report as one HTML file that needs nothing else: styles and images are inside, there are no scripts, and a content
 * security policy forbids every request. It is a pure function of its data, the same in Node and in a browser.
 */
import { html } from '../markup.ts';
import type { Report } from '../model.ts';
import { attentionSection } from './attention.ts';
import { curvesSection } from './curves.ts';
import { evaluationSection } from './draw-blocks.ts';
import { findingsSection } from './findings.ts';
import { neighborSection } from './neighbors.ts';
import { objectMaskSection } from './object-masks.ts';
import { accuracySection, footer, header, recipeSection } from './overview.ts';
import { stillPage } from './page-frame.ts';
import { section } from './section.ts';

/** The whole document, to be written as UTF-8. Sections without data are left out. */
export function renderReport(report: Report): string {
  const { accuracy, curves, withoutImages, attention, neighbors, objectMasks, findings, evaluations } =
    report;
  return stillPage({
    title: report.title,
    body: html`${header(report)}<main>
${accuracy && accuracySection(accuracy)}${findings && findingsSection(findings)}${
  curves && curvesSection(curves)
}${withoutImages && section('Pictures', '', html`<p>${withoutImages}</p>`)}${attention && attentionSection(attention)}${neighbors && neighborSection(neighbors)}${
  objectMasks && objectMaskSection(objectMasks)
}${(evaluations ?? []).map(evaluationSection)}${recipeSection(report)}</main>
${footer(report.versions ?? [])}`,
  });
}

/** The head of the report (what was run), the accuracies a reader looks for first, the recipe, and the footer. */
import { countLabel, percentLabel } from '../charts/scale.ts';
import { html, type Markup, unbroken } from '../markup.ts';
import type { Fact, KnnAccuracy, Report } from '../model.ts';
import { section } from './section.ts';

export function header({ title, finishedAt, facts = [] }: Report): Markup {
  const iso = finishedAt?.toISOString();
  const time = iso && html`<time datetime="${iso}">${`${iso.slice(0, 10)}, ${iso.slice(11, 16)} UTC`}</time>`;
  const list = facts.map(({ name, value }) => html`<div><dt>${name}</dt><dd>${unbroken(value)}</dd></div>`);
  return html`<header><p class="eyebrow">dino-ts training report</p><h1>${title}</h1>${time}${
    list.length > 0 && html`<dl class="facts">${list}</dl>`
  }</header>
`;
}

/** Left out when nothing was measured: without labels there is no accuracy. */
export function accuracySection(accuracy: KnnAccuracy): Markup | undefined {
  const { trained, untrained, rawPixels, pixelPca, chance, neighbors, bankImages, testImages } = accuracy;
  const rows = [
    { name: 'Trained network', share: trained, lead: true },
    { name: 'Same network, untrained', share: untrained, lead: false },
    { name: 'Raw pixels', share: rawPixels, lead: false },
    { name: 'PCA of pixels', share: pixelPca, lead: false },
    { name: 'Guessing', share: chance, lead: false },
  ].flatMap(({ name, share, lead }) => {
    if (share === undefined) return [];
    const width = Number.isFinite(share) ? Math.min(100, Math.max(0, 100 * share)).toFixed(1) : '0';
    return [
      html`<div${lead && html` class="lead"`}><dt>${name}</dt><dd>${percentLabel(share)}</dd><span class="track"><i style="width:${width}%"></i></span></div>`,
    ];
  });
  if (rows.length === 0) return undefined;
  return section(
    'k-NN accuracy',
    `Share of ${countLabel(testImages)} test images whose class is told by ${neighbors === 1 ? 'the nearest neighbor' : `their ${neighbors} nearest neighbors`} among ${countLabel(bankImages)} images. The labels are used for this measurement only. Features are worth something where the trained network beats the untrained one and the pixels.`,
    html`<dl class="accuracy">${rows}</dl>`,
  );
}

export function recipeSection({ recipe = [], commands = [], timed }: Report): Markup | undefined {
  const again = commands.length > 0 && commandSection(commands, timed);
  if (recipe.length === 0) return again || undefined;
  const rows = recipe.map(
    ({
      name,
      value,
      reason,
    }) => html`<tr><th scope="row">${name}</th><td>${value}</td><td class="reason">${unbroken(reason)}</td></tr>
`,
  );
  const table = html`<table class="grid-table recipe"><thead><tr><th scope="col">Choice</th><th scope="col">Value</th><th scope="col">Why</th></tr></thead><tbody>${rows}</tbody></table>`;
  return html`${section('Recipe', 'What this run was trained with: what was given, and what was chosen, with the reason.', table)}${again}`;
}

function commandSection(commands: readonly string[], timed: Report['timed']): Markup {
  // Words of a command must not be broken at their hyphens.
  const wordsOf = (command: string) =>
    command.split(' ').map((word, i) => [i > 0 && ' ', html`<span>${word}</span>`]);
  const code = (command: string): Markup => html`<code class="command">${wordsOf(command)}</code>`;
  const fixed =
    timed?.command !== undefined &&
    html`<p class="fixed">With as many steps on any machine, so that all its runs are the same:</p>${code(timed.command)}`;
  return section('Run it again', repetition(commands, timed), html`${commands.map(code)}${fixed}`);
}

/** What the commands of a run promise. */
function repetition(commands: readonly string[], timed: Report['timed']): string {
  const folder = commands.some((command) => / --output/.test(command))
    ? ' Give another --output: a run is not written over another one.'
    : '';
  const isExtended = commands.length > 1;
  const another = isExtended ? 'The run was given another length on its way. ' : '';
  if (timed !== undefined)
    return `${another}A budget in minutes holds as many steps as the machine makes in it, so that ${isExtended ? 'these commands make' : 'this command makes'} a run of this length and not the same one.${folder}`;
  return isExtended
    ? `${another}The same commands, each at the same step, give it again.${folder}`
    : `The same command with the same images and seed gives the same run.${folder}`;
}

export function footer(versions: readonly Fact[]): Markup {
  const list = versions.map(({ name, value }) => html`<li>${name} ${value}</li>`);
  return html`<footer>${list.length > 0 ? html`<ul>${list}</ul>` : 'dino-ts'}</footer>`;
}

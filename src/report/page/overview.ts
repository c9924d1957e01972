/** The head of the report (what was run), the accuracies a reader looks for first, the recipe, and the footer. */
import { countLabel, percentLabel } from '../charts/scale.ts';
import { html, type Markup } from '../markup.ts';
import type { Fact, KnnAccuracy, RecipeChoice, Report } from '../model.ts';
import { section } from './section.ts';

export function header({ title, finishedAt, facts = [] }: Report): Markup {
  const iso = finishedAt?.toISOString();
  const time = iso && html`<time datetime="${iso}">${`${iso.slice(0, 10)}, ${iso.slice(11, 16)} UTC`}</time>`;
  const list = facts.map(({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`);
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
    `Share of ${countLabel(testImages)} test images whose class is told by their ${neighbors === 1 ? 'nearest neighbor' : `${neighbors} nearest neighbors`} among ${countLabel(bankImages)} images. The labels are used for this measurement only. Features are worth something where the trained network beats the untrained one and the pixels.`,
    html`<dl class="accuracy">${rows}</dl>`,
  );
}

export function recipeSection(
  recipe: readonly RecipeChoice[],
  commands: readonly string[],
): Markup | undefined {
  if (recipe.length === 0) return commands.length === 0 ? undefined : commandSection(commands);
  const rows = recipe.map(
    ({
      name,
      value,
      reason,
    }) => html`<tr><th scope="row">${name}</th><td>${value}</td><td class="reason">${reason}</td></tr>
`,
  );
  const table = html`<table class="grid-table recipe"><thead><tr><th scope="col">Choice</th><th scope="col">Value</th><th scope="col">Why</th></tr></thead><tbody>${rows}</tbody></table>`;
  return html`${section('Recipe', 'What this run was trained with, and why. Every value can be given on the command line.', table)}${
    commands.length > 0 && commandSection(commands)
  }`;
}

function commandSection(commands: readonly string[]): Markup {
  // Words of a command must not be broken at their hyphens.
  const wordsOf = (command: string) =>
    command.split(' ').map((word, i) => [i > 0 && ' ', html`<span>${word}</span>`]);
  return section(
    'Run it again',
    repetition(commands),
    html`${commands.map((command) => html`<code class="command">${wordsOf(command)}</code>`)}`,
  );
}

/** What the commands of a run promise. */
function repetition(commands: readonly string[]): string {
  if (commands.length > 1)
    return 'The run was given another length on its way: the same commands, each at the same step, give it again.';
  return / --minutes /.test(` ${commands[0]} `)
    ? 'A budget in minutes holds as many steps as the machine makes in it. With --steps and the number above in its place the same images and seed give the same run.'
    : 'The same command with the same images and seed gives the same run.';
}

export function footer(versions: readonly Fact[]): Markup {
  const list = versions.map(({ name, value }) => html`<li>${name} ${value}</li>`);
  return html`<footer>${list.length > 0 ? html`<ul>${list}</ul>` : 'dino-ts'}</footer>`;
}

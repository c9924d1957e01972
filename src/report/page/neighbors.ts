/** Nearest neighbors by cosine of features: what the network takes to be alike, trained beside untrained. */
import { fixed } from '../../numbers/counted.ts';
import { html, type Markup } from '../markup.ts';
import type { NeighborImage, NeighborQuery, NeighborSection } from '../model.ts';
import { breakable } from './scrolling.ts';
import { image, section } from './section.ts';

export function neighborSection({ queries }: NeighborSection): Markup | undefined {
  if (queries.length === 0) return undefined;
  const labeled = queries.some(({ query, trained }) =>
    trained.some((neighbor) => verdict(query, neighbor) !== ''),
  );
  const compared = queries.some(({ untrained }) => untrained !== undefined);
  const key = html`<ul class="key"><li><i></i>same class as the image asked for</li><li class="other"><i></i>another class</li></ul>`;
  return section(
    'Nearest neighbors',
    `The images most similar to some given ones, nearest first.${
      compared
        ? ' Colors and backgrounds alone carry the untrained network; the trained one should find the same kind of thing.'
        : ''
    }`,
    html`${labeled && key}<div class="queries">${queries.map(query)}</div>`,
  );
}

function query({ query: asked, trained, untrained }: NeighborQuery): Markup {
  const name = html`<span class="${asked.label === undefined ? 'cut file' : 'cut'}" title="${asked.label === undefined ? asked.name : `${asked.label}: ${asked.name}`}">${breakable(asked.label ?? asked.name)}</span>`;
  return html`<div class="query"><div><h3>Asked for</h3><div class="asked">${image(asked.picture, `The image ${asked.name}${asked.label === undefined ? '' : `, class ${asked.label}`}`)}${name}</div></div><div class="strips">${strip('Trained', asked, trained)}${
    untrained && strip('Untrained', asked, untrained)
  }</div></div>
`;
}

function strip(title: string, asked: NeighborImage, neighbors: readonly NeighborImage[]): Markup {
  const items = neighbors.map((neighbor, i) => {
    const same = verdict(asked, neighbor);
    const words = { same: ', same class', other: ', another class', '': '' }[same];
    const label = neighbor.label === undefined ? '' : `: ${neighbor.label}${words}`;
    const similarity =
      neighbor.similarity !== undefined && html`<span>${fixed(neighbor.similarity, 2)}</span>`;
    const caption =
      neighbor.label !== undefined &&
      html`<span class="cut" title="${neighbor.label}">${breakable(neighbor.label)}</span>`;
    return html`<li${same !== '' && html` class="${same}"`}>${image(neighbor.picture, `Neighbor ${i + 1}, ${neighbor.name}${label}`)}${caption}${similarity}</li>`;
  });
  return html`<div><h3>${title}</h3><ol class="strip" style="--k:${Math.max(1, neighbors.length)}">${items}</ol></div>`;
}

/** Whether two images have the same class; empty when one of them has no label. */
function verdict(asked: NeighborImage, neighbor: NeighborImage): 'same' | 'other' | '' {
  if (asked.label === undefined || neighbor.label === undefined) return '';
  return asked.label === neighbor.label ? 'same' : 'other';
}

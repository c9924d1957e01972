/** How well thresholded attention covers true object masks (paper, section 4.2.2 and figure 4): Jaccard index for each class. */
import { counted, fixed } from '../../numbers/counted.ts';
import { html, type Markup } from '../markup.ts';
import type { ObjectMasks } from '../model.ts';
import { section } from './section.ts';

export function objectMaskSection({ classes }: ObjectMasks): Markup | undefined {
  if (classes.length === 0) return undefined;
  const rows = classes.map(({ name, trained, untrained, images }) => {
    const count = images !== undefined && html`<span class="count">${counted(images, 'image')}</span>`;
    const bars = [bar(trained, 'trained'), untrained !== undefined && bar(untrained, 'untrained')];
    return html`<tr><th scope="row">${name}${count}</th><td>${bars}</td></tr>
`;
  });
  return section(
    'Attention against object masks',
    'Overlap (Jaccard index) of the best head with the true mask of the object: 1 is perfect. What counts is how far the trained network is ahead of the untrained one. Other self-supervised methods reach similar values.',
    html`<table class="grid-table bars"><thead><tr><th scope="col">Class</th><th scope="col">Jaccard index</th></tr></thead><tbody>${rows}</tbody></table>`,
  );
}

function bar(index: number, network: 'trained' | 'untrained'): Markup {
  const width = Number.isFinite(index) ? Math.min(100, Math.max(0, 100 * index)).toFixed(1) : '0';
  return html`<span class="measure"><span>${network}</span><span class="track"><i class="${network}" style="width:${width}%"></i></span><span>${fixed(index, 2)}</span></span>`;
}

/** Where the network looks: a table for each image, heads down and moments of the run across (paper, figures 1 and 3). */
import { counted } from '../../numbers/counted.ts';
import { countLabel, percentLabel } from '../charts/scale.ts';
import { html, type Markup } from '../markup.ts';
import type { AttentionExample, AttentionHead, AttentionSection } from '../model.ts';
import { heatColors } from '../pictures/colormap.ts';
import { scrolling } from './scrolling.ts';
import { image, section } from './section.ts';

export function attentionSection({ maskShare, examples }: AttentionSection): Markup | undefined {
  if (examples.length === 0) return undefined;
  const share = percentLabel(maskShare).replace('.0', '');
  const hasMasks = examples.some(({ heads }) => heads.some(({ mask }) => mask !== undefined));
  const hasOthers = examples.some(({ others }) => others.length > 0);
  return section(
    'Attention',
    `Where the network looks, a row for each head${hasOthers ? '; of many, those are shown that look least at the border of the images' : ''}. Before training the maps are even, noise or position; look for heads that come to follow an object.${
      hasMasks
        ? ` The last column keeps the patches that hold ${share} of a head's attention at the end and darkens the rest.`
        : ''
    }`,
    html`<div class="scalebar"><span>no attention</span><i style="background:linear-gradient(90deg,${gradient()})"></i><span>strongest (98th percentile of the row)</span></div><div class="examples">${examples.map(example)}</div>`,
  );
}

function example({ name, label, input, steps, heads, others }: AttentionExample): Markup {
  const title = label ?? name;
  const path = label !== undefined && html`<span class="path" title="${name}">${name}</span>`;
  const more =
    others.length > 0 &&
    html`<details><summary>${counted(others.length, 'other head')}</summary>${table(steps, others)}</details>`;
  return html`<figure class="example"><figcaption>${image(input, `The image ${name}`)}<span><span class="label" title="${title}">${title}</span>${path}</span></figcaption>${table(steps, heads)}${more}</figure>
`;
}

function table(steps: readonly number[], heads: readonly AttentionHead[]): Markup {
  const hasMask = heads.some(({ mask }) => mask !== undefined);
  const columns = steps.map(
    (step, i) => html`<th scope="col">${i === 0 && steps.length > 1 ? 'step ' : ''}${countLabel(step)}</th>`,
  );
  const rows = heads.map(({ name, maps, mask }) => {
    const tiles = maps.map(
      (map, i) => html`<td>${image(map, `Attention of ${name} at step ${steps[i] ?? i}`, 'tile')}</td>`,
    );
    const last = mask ? image(mask, `What ${name} attends to, cut out of the image`) : '';
    return html`<tr><th scope="row">${name}</th>${tiles}${hasMask && html`<td class="mask">${last}</td>`}</tr>
`;
  });
  const drawn = html`<table class="maps"><thead><tr><th><span hidden>head</span></th>${columns}${hasMask && html`<th scope="col">mask</th>`}</tr></thead><tbody>${rows}</tbody></table>`;
  return scrolling('Attention maps', 3.2 + 2.8 * (steps.length + (hasMask ? 1 : 0)), drawn);
}

function gradient(): string {
  const stops = [];
  for (let i = 0; i < 256; i += 17) stops.push(`rgb(${heatColors.subarray(3 * i, 3 * i + 3).join(' ')})`);
  return stops.join(',');
}

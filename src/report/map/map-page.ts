/**
 * A map of images as one HTML file that opens without a network: small pictures on a canvas to pan and zoom, colors by class,
 * folder or cluster whose groups can be switched on and off, and several maps of the same images to switch between. A pure
 * function of its data; the script of the page is in `map-script.ts`, and may load nothing either.
 */
import { counted } from '../../numbers/counted.ts';
import { html } from '../markup.ts';
import { interactivePage } from '../page/page-frame.ts';
import type { Picture } from '../picture.ts';
import { base64 } from '../pictures/base64.ts';
import { mapScript } from './map-script.ts';

export interface MapPage {
  readonly title: string;
  /** What to look for, and what not to read into it. */
  readonly intro: string;
  /** The first is shown first. */
  readonly views: readonly {
    readonly name: string;
    /** One line about this map, such as its score. */
    readonly note?: string;
    /** [images, 2] */
    readonly positions: ArrayLike<number>;
  }[];
  readonly names: readonly string[];
  /** What the images can be colored by; the first is shown first. */
  readonly colorings: readonly MapColoring[];
  /** Small square pictures of all images, row by row in one picture. */
  readonly atlas: { readonly picture: Picture; readonly side: number; readonly columns: number };
}

export interface MapColoring {
  /** `class`, `folder`, `cluster`. */
  readonly name: string;
  readonly groups: readonly string[];
  /** Group of every image, -1 for none. */
  readonly labels: ArrayLike<number>;
}

const pageStyle = `
.groups button::before { content: ""; display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%; margin-right: 0.5em; background: var(--c, var(--mute)); }
.groups button.plain::before { content: none; }
.groups button[aria-pressed="false"] { opacity: 0.4; }
.groups { max-height: 5.6rem; overflow-y: auto; }
#frame { position: relative; }
canvas { display: block; width: 100%; height: min(72vh, 56rem, 105vw); min-height: 20rem; background: var(--raised); border: 1px solid var(--hair); border-radius: 10px; touch-action: none; cursor: grab; }
#tip { position: absolute; pointer-events: none; background: var(--paper); border: 1px solid var(--hair); border-radius: 8px; padding: 6px; font-size: 0.78rem; line-height: 1.35; max-width: 13rem; overflow-wrap: anywhere; box-shadow: 0 4px 16px rgb(0 0 0 / 0.18); }
#tip canvas { width: 96px; height: 96px; min-height: 0; border: 0; border-radius: 4px; margin-bottom: 4px; }
#note { color: var(--soft); font-size: 0.86rem; min-height: 1.4em; }
`;

/** The whole document, to be written as UTF-8. */
export function renderMapPage({ title, intro, views, names, colorings, atlas }: MapPage): string {
  const source = `data:${atlas.picture.mime};base64,${base64(atlas.picture.bytes)}`;
  const help = `A map of ${counted(names.length, 'image')}. Drag to move, wheel or pinch to zoom; on the keyboard plus, minus, arrows and 0, and n and p for the next and the previous image.`;
  return interactivePage({
    title,
    style: pageStyle,
    data: {
      views: views.map(({ name, note = '', positions }) => ({ name, note, positions: rounded(positions) })),
      names,
      colorings: colorings.map(({ name, groups, labels }) => ({ name, groups, labels: Array.from(labels) })),
      side: atlas.side,
      columns: atlas.columns,
    },
    script: mapScript,
    body: html`<header><h1>${title}</h1><p>${intro}</p></header>
<main>
<div class="bar choice" id="views" role="group" aria-label="Maps"></div>
<div class="bar choice" id="colorings" role="group" aria-label="Color by"${colorings.length < 2 && html` hidden`}><span>Color by</span></div>
<div class="bar groups" id="groups" role="group" aria-label="Groups"></div>
<p id="note"></p>
<div id="frame"><canvas id="map" tabindex="0" role="img" aria-label="${help}"></canvas><div id="tip" hidden></div></div>
<div class="bar"><button type="button" id="in">Zoom in</button><button type="button" id="out">Zoom out</button><button type="button" id="whole">Whole map</button><button type="button" class="toggle" id="pictures" aria-pressed="true">Pictures</button></div>
<p class="unseen" id="said" aria-live="polite"></p>
<img id="atlas" src="${source}" alt="" width="${atlas.picture.width}" height="${atlas.picture.height}" hidden>
</main>`,
  });
}

/** Each map into the unit square, its shape kept, four digits: what a screen can show. */
function rounded(positions: ArrayLike<number>): number[] {
  const [low, high] = [
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ];
  for (let i = 0; i < positions.length; i++) {
    low[i % 2] = Math.min(low[i % 2]!, positions[i]!);
    high[i % 2] = Math.max(high[i % 2]!, positions[i]!);
  }
  const extent = Math.max(high[0]! - low[0]!, high[1]! - low[1]!) || 1;
  return Array.from(positions, (value, i) => {
    const middle = (low[i % 2]! + high[i % 2]!) / 2;
    return Math.round(((value - middle) / extent + 0.5) * 1e4) / 1e4;
  });
}

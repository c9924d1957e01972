/**
 * A map of images as one HTML file that opens without a network: points on a canvas to pan and zoom, their pictures when there
 * is room for them or under the pointer, classes to switch on and off, and several maps of the same images to switch between.
 * A pure function of its data; the script of the page is in `map-script.ts`, and may load nothing either.
 */
import { base64 } from './base64.ts';
import { mapScript } from './map-script.ts';
import { html, Markup } from './markup.ts';
import type { Picture } from './model.ts';
import { style } from './style.ts';

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
  /** Class of every image, -1 for none. */
  readonly labels: ArrayLike<number>;
  readonly classes: readonly string[];
  /** Small square pictures of all images, row by row in one picture. */
  readonly atlas: { readonly picture: Picture; readonly side: number; readonly columns: number };
}

const pageStyle = `
body { padding-bottom: 1.5rem; }
header { padding: clamp(1rem, 3vw, 2rem) 0 0.8rem; }
header h1 { font-size: clamp(1.3rem, 1.1rem + 1.2vw, 1.9rem); }
header p { color: var(--soft); font-size: 0.9rem; max-width: 75ch; margin-top: 0.4rem; }
.bar { display: flex; flex-wrap: wrap; gap: 0.4rem; margin: 0.6rem 0; }
button { font: inherit; font-size: 0.86rem; padding: 0.35rem 0.8rem; min-height: 2.2rem; border: 1px solid var(--hair); border-radius: 2rem; background: var(--raised); color: var(--ink); cursor: pointer; }
button:focus-visible, canvas:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.views button[aria-pressed="true"] { background: var(--accent); border-color: var(--accent); color: var(--paper); }
.classes button::before { content: ""; display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%; margin-right: 0.5em; background: var(--c, var(--mute)); }
.classes button[aria-pressed="false"] { opacity: 0.4; }
.classes { max-height: 5.6rem; overflow-y: auto; }
#frame { position: relative; }
canvas { display: block; width: 100%; height: min(72vh, 56rem, 105vw); min-height: 20rem; background: var(--raised); border: 1px solid var(--hair); border-radius: 10px; touch-action: none; cursor: grab; }
#tip { position: absolute; pointer-events: none; background: var(--paper); border: 1px solid var(--hair); border-radius: 8px; padding: 6px; font-size: 0.78rem; line-height: 1.35; max-width: 13rem; overflow-wrap: anywhere; box-shadow: 0 4px 16px rgb(0 0 0 / 0.18); }
#tip canvas { width: 96px; height: 96px; min-height: 0; border: 0; border-radius: 4px; margin-bottom: 4px; }
#note { color: var(--soft); font-size: 0.86rem; min-height: 1.4em; }
`;

/** The whole document, to be written as UTF-8. */
export function renderMapPage(page: MapPage): string {
  const { title, intro, views, names, labels, classes, atlas } = page;
  const data = {
    views: views.map(({ name, note = '', positions }) => ({ name, note, positions: rounded(positions) })),
    names,
    labels: Array.from(labels),
    classes,
    side: atlas.side,
    columns: atlas.columns,
  };
  // In a script element only "</" and "<!--" have a meaning; without any "<" there is neither.
  const json = new Markup(JSON.stringify(data).replaceAll('<', '\\u003c'));
  const source = `data:${atlas.picture.mime};base64,${base64(atlas.picture.bytes)}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Markup(style + pageStyle)}</style>
</head>
<body>
<header><h1>${title}</h1><p>${intro}</p></header>
<main>
<div class="bar views" role="group" aria-label="Maps"></div>
<div class="bar classes" role="group" aria-label="Classes"></div>
<p id="note"></p>
<div id="frame"><canvas id="map" tabindex="0" role="img" aria-label="${`A map of ${names.length} images. Drag to move, wheel or pinch to zoom; plus, minus, arrows and 0 on the keyboard.`}"></canvas><div id="tip" hidden></div></div>
<div class="bar"><button type="button" id="in">Zoom in</button><button type="button" id="out">Zoom out</button><button type="button" id="whole">Whole map</button></div>
<img id="atlas" src="${source}" alt="" width="${atlas.picture.width}" height="${atlas.picture.height}" hidden>
</main>
<script type="application/json" id="data">${json}</script>
<script>${new Markup(mapScript)}</script>
</body>
</html>
`.text;
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

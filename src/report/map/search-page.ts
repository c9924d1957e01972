/**
 * What a search found as a page to go on in: one image, the images most similar to it, and a click on any of them shows the ones
 * most similar to that. One HTML file that opens without a network; a pure function of its data.
 */
import { html } from '../markup.ts';
import { interactivePage } from '../page/page-frame.ts';
import type { Picture } from '../picture.ts';
import { base64 } from '../pictures/base64.ts';
import { searchScript } from './search-script.ts';

export interface SearchPage {
  readonly title: string;
  readonly intro: string;
  /** The first is the one that was asked for. */
  readonly names: readonly string[];
  /** Neighbors of each image. */
  readonly k: number;
  /** [images, k], the nearest first. */
  readonly neighbors: ArrayLike<number>;
  /** [images, k], cosines. */
  readonly similarities: ArrayLike<number>;
  /** Small square pictures of all images, row by row in one picture. */
  readonly atlas: { readonly picture: Picture; readonly side: number; readonly columns: number };
}

const pageStyle = `
.tile { display: block; width: 100%; aspect-ratio: 1; border-radius: 8px; background-color: var(--tint); }
.shown { display: grid; grid-template-columns: minmax(6rem, 13rem) minmax(0, 1fr); gap: 1rem 1.4rem; align-items: end; margin: 1rem 0 1.6rem; }
@media (max-width: 36rem) { .shown { grid-template-columns: minmax(0, 1fr); gap: 0.6rem; } .shown .tile { max-width: 13rem; } }
.shown h2 { overflow-wrap: anywhere; }
.shown h2:focus { outline: none; }
.shown p { color: var(--soft); font-size: 0.86rem; margin-top: 0.3rem; }
.found { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 7.5rem), 1fr)); gap: 1rem 0.8rem; }
.found li { min-width: 0; }
.found button { display: block; width: 100%; padding: 0; border: 0; background: none; color: inherit; font: inherit; text-align: left; cursor: pointer; border-radius: 8px; }
.found button:hover .tile { outline: 3px solid var(--accent); outline-offset: -3px; }
.file { display: block; font-size: 0.78rem; line-height: 1.35; margin-top: 0.3rem; overflow-wrap: anywhere; }
.value { display: block; font-size: 0.78rem; color: var(--soft); }
.bar label { font-size: 0.86rem; color: var(--soft); }
.bar input { font: inherit; font-size: 0.86rem; min-height: 2.2rem; width: min(100%, 20rem); padding: 0.3rem 0.8rem; border: 1px solid var(--hair); border-radius: 2rem; background: var(--raised); color: var(--ink); }
`;

/** The whole document, to be written as UTF-8. */
export function renderSearchPage(page: SearchPage): string {
  const { title, intro, names, k, neighbors, similarities, atlas } = page;
  const { picture, side, columns } = atlas;
  const sheet = `.tile { background-image: url("data:${picture.mime};base64,${base64(picture.bytes)}"); background-size: ${100 * columns}% auto; }\n`;
  return interactivePage({
    title,
    style: pageStyle + sheet,
    data: {
      names,
      k,
      neighbors: Array.from(neighbors),
      similarities: Array.from(similarities, (value) => Math.round(1e4 * value) / 1e4),
      columns,
      rows: Math.round(picture.height / side),
    },
    script: searchScript,
    body: html`<header><h1>${title}</h1><p>${intro}</p></header>
<main>
<div class="bar"><button type="button" id="back" disabled>Back</button><button type="button" id="first">The image asked for</button><label for="name">File</label><input id="name" list="names" autocomplete="off" placeholder="a name, or a part of one"><datalist id="names"></datalist></div>
<div class="shown"><span class="tile" id="picture" role="img"></span><div><h2 id="shown" tabindex="-1"></h2><p id="what"></p></div></div>
<ol class="found" id="found"></ol>
<p class="unseen" id="said" aria-live="polite"></p>
</main>`,
  });
}

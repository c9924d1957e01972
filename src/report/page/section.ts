/** The frame every section of the report stands in, and how pictures are embedded in it. */
import { html, type Insert, type Markup, unbroken } from '../markup.ts';
import type { Picture } from '../picture.ts';
import { base64 } from '../pictures/base64.ts';

/** A titled section; `intro` says what it shows and what to look for. */
export function section(title: string, intro: string, body: Insert): Markup {
  return html`<section><div class="intro"><h2>${title}</h2>${intro !== '' && html`<p>${unbroken(intro)}</p>`}</div><div class="body">${body}</div></section>
`;
}

/** The picture as a part of the page itself. */
export function image(picture: Picture, alt: string, className = ''): Markup {
  const { mime, bytes, width, height } = picture;
  const source = `data:${mime};base64,${base64(bytes)}`;
  return html`<img${className !== '' && html` class="${className}"`} src="${source}" alt="${alt}" width="${width}" height="${height}">`;
}

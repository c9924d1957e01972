/** Tables and names on narrow screens: what is too wide scrolls and says so, and names break at their joints only. */
import { html, type Insert, Markup } from '../markup.ts';

/** Widths in rem (16 pixels) that a phone shows, and that the page shows at most. */
const PHONE = 21;
const PAGE = 52;

/**
 * Content that may be wider than the screen. The keyboard reaches it, and where it is too wide a line says that there is more.
 *
 * @param label what it is, for screen readers
 * @param width about how wide it is, rem
 */
export function scrolling(label: string, width: number, content: Insert): Markup {
  const isWide = width > PHONE;
  const hint =
    isWide &&
    html`<p class="${width > PAGE ? 'swipe always' : 'swipe'}">Wider than the screen: scroll it sideways.</p>`;
  // Where the line stands it is to be true: what could be squeezed into the screen keeps its width.
  const body = isWide ? html`<div style="min-width:${width.toFixed(1)}rem">${content}</div>` : content;
  return html`${hint}<div class="scroll" role="region" aria-label="${label}" tabindex="0">${body}</div>`;
}

/** A name that may go on in the next line after a slash, hyphen, underscore or dot, and nowhere inside a word or a number. */
export function breakable(name: string): Markup {
  const parts = name.split(/(?<=[/_-])|(?<=\.)(?!\d)/);
  return html`${parts.map((part, i) => [i > 0 && new Markup('<wbr>'), part])}`;
}

/**
 * HTML by tagged template: `html`<b>${name}</b>`` escapes everything that is put in, so that a file or class name can
 * never become markup; only what another `html` template made goes in as it is.
 */

/** Text that is safe to stand in an HTML document. `html` makes it; construct it by hand only from constants. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template; `undefined` and `false` give nothing, so that optional parts read `${x && html`...`}`. */
export type Insert = string | number | Markup | undefined | false | readonly Insert[];

/** Joins a template to markup, escaping all inserted text for element content and for quoted attributes. */
export function html(parts: TemplateStringsArray, ...inserts: readonly Insert[]): Markup {
  let text = parts[0] ?? '';
  inserts.forEach((insert, i) => {
    text += render(insert) + (parts[i + 1] ?? '');
  });
  return new Markup(text);
}

function render(insert: Insert): string {
  if (insert === undefined || insert === false) return '';
  if (insert instanceof Markup) return insert.text;
  if (typeof insert === 'string') return escapeText(insert);
  if (typeof insert === 'number') return String(insert);
  return insert.map(render).join('');
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters are not allowed in HTML at all and become the replacement character. */
function escapeText(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => entities[character] ?? '')
    .replace(/[^\P{Cc}\t\n\r]|\p{Cs}/gu, '\ufffd');
}

/** What must stay in one line: a flag with a number after it, a number with its unit, and names such as top-1 and k-NN. */
const wholes =
  /((?<![\w-])--?[a-z][\w-]*(?:[ =][\d.]*\d(?!\w))?|[\d.,]*\d (?:%|px|pixels?|ms|s|min|hours?|minutes?|seconds?|[KMG]i?B)(?!\w)|\b[\da-z]{1,3}-(?:\d+|[A-Z]{2,})\b)/;

/** Text for reading, in which no line ends within a flag (`--out_dim 4096`) or between a number and its unit. */
export function unbroken(text: string): Markup {
  const parts = text.split(wholes);
  return html`${parts.map((part, i) => (i % 2 === 1 ? html`<span class="whole">${part}</span>` : part))}`;
}

/** The title of a part of a section, and what to look for in it. */
export function heading(title: string | undefined, caption?: string): Markup {
  return html`${title !== undefined && html`<h3>${title}</h3>`}${caption !== undefined && html`<p class="hint">${unbroken(caption)}</p>`}`;
}

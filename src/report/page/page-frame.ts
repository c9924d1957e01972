/**
 * The frame of every page: a single HTML file with its style and pictures inside, and a content security policy that forbids
 * every request. Reports have no script; pages that one can do something in carry their data and their script as well.
 */
import { html, Markup } from '../markup.ts';
import { style } from './style.ts';

export interface PageParts {
  readonly title: string;
  readonly body: Markup;
  /** Rules besides the report's. */
  readonly style?: string;
}

export interface InteractivePageParts extends PageParts {
  /** What the script finds as JSON in the element `data`. */
  readonly data: unknown;
  /** Plain browser JavaScript. */
  readonly script: string;
}

/** What interactive pages share: a low header, and bars of round buttons. */
const controls = `
body { padding-bottom: 1.5rem; }
header { padding: clamp(1rem, 3vw, 2rem) 0 0.8rem; }
header h1 { font-size: clamp(1.3rem, 1.1rem + 1.2vw, 1.9rem); overflow-wrap: anywhere; }
header p { color: var(--soft); font-size: 0.9rem; max-width: 75ch; margin-top: 0.4rem; overflow-wrap: anywhere; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem; margin: 0.6rem 0; }
.bar > span { color: var(--soft); font-size: 0.86rem; margin-right: 0.2rem; }
.bar button { font: inherit; font-size: 0.86rem; padding: 0.35rem 0.8rem; min-height: 2.2rem; border: 1px solid var(--hair); border-radius: 2rem; background: var(--raised); color: var(--ink); cursor: pointer; }
.bar button:disabled { opacity: 0.45; cursor: default; }
button:focus-visible, canvas:focus-visible, input:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.choice button[aria-pressed="true"], .bar .toggle[aria-pressed="true"] { background: var(--accent); border-color: var(--accent); color: var(--paper); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`;

/** A document without scripts, to be written as UTF-8. */
export function stillPage(parts: PageParts): string {
  return frame(parts, "default-src 'none'; img-src data:; style-src 'unsafe-inline'");
}

/** A document with a script, to be written as UTF-8. */
export function interactivePage({ data, script, ...parts }: InteractivePageParts): string {
  // In a script element only "</" and "<!--" have a meaning; without any "<" there is neither.
  const json = new Markup(JSON.stringify(data).replaceAll('<', '\\u003c'));
  const body = html`${parts.body}
<script type="application/json" id="data">${json}</script>
<script>${new Markup(script)}</script>`;
  return frame(
    { ...parts, style: controls + (parts.style ?? ''), body },
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
  );
}

/** @param policy a constant: it stands in the page as it is */
function frame({ title, style: own = '', body }: PageParts, policy: string): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Markup(style + own)}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}

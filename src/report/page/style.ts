/** The page's style sheet: one calm column of text beside wide content, system fonts, light and dark by the reader's wish. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #fbfbf9; --raised: #ffffff; --ink: #1b1c20; --soft: #5d606a; --hair: #e4e3de; --grid: #ecebe6;
  --accent: #4b3fae; --s0: #4b3fae; --s1: #d2552e; --s2: #16877a; --s3: #a8791a; --s4: #b03a7c;
  --same: #16877a; --other: #d2432e; --mute: #b9b7b0; --warn: #a8690a; --tint: #f3f2ee;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131418; --raised: #1a1c21; --ink: #e9e8e4; --soft: #a0a3ad; --hair: #2c2e36; --grid: #25272e;
    --accent: #a79cff; --s0: #a79cff; --s1: #ff8f66; --s2: #4fc9b6; --s3: #e2b457; --s4: #f084ba;
    --same: #4fc9b6; --other: #ff7a66; --mute: #565963; --warn: #f0b355; --tint: #1e2026;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 0 clamp(1rem, 4vw, 3rem) 3rem; max-width: 1240px; background: var(--paper); color: var(--ink);
  font: 16px/1.55 ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word;
}
h1, h2, h3, p, ul, ol, dl, dd, figure, table { margin: 0; padding: 0; }
h1 { font-size: clamp(1.7rem, 1.2rem + 2.2vw, 2.6rem); line-height: 1.15; font-weight: 650; letter-spacing: -0.022em; text-wrap: balance; }
h2 { font-size: 1.22rem; line-height: 1.3; font-weight: 640; letter-spacing: -0.012em; }
h3 { font-size: 0.98rem; line-height: 1.35; font-weight: 620; }
h2 + p { margin-top: 0.5rem; }
ul, ol { list-style: none; }
img { display: block; max-width: 100%; height: auto; }
code { font: 0.86em/1.6 ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.eyebrow { color: var(--accent); font-size: 0.82rem; font-weight: 600; letter-spacing: 0.02em; margin-bottom: 0.6rem; }
header { padding: clamp(2rem, 6vw, 4.2rem) 0 clamp(1.6rem, 4vw, 2.6rem); }
header time { display: block; margin-top: 0.7rem; color: var(--soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 12.5rem), 1fr)); gap: 1.1rem 2rem; margin-top: 1.8rem; }
.facts > div { min-width: 0; }
.facts dt { color: var(--soft); font-size: 0.84rem; }
.facts dd { font-weight: 520; }
main > section { border-top: 1px solid var(--hair); padding: 2.1rem 0 2.5rem; }
.intro p { color: var(--soft); font-size: 0.92rem; max-width: 62ch; }
.body { margin-top: 1.4rem; min-width: 0; }
@media (min-width: 60rem) {
  main > section { display: grid; grid-template-columns: 14.5rem minmax(0, 1fr); column-gap: 3.2rem; }
  .body { margin-top: 0; }
}
.accuracy { display: grid; gap: 1rem; }
.accuracy div { display: grid; grid-template-columns: minmax(0, 1fr) auto; align-items: baseline; gap: 0.25rem 1rem; }
.accuracy dt { color: var(--soft); }
.accuracy dd { font-size: 1.15rem; font-weight: 560; }
.accuracy .lead dt { color: var(--ink); font-weight: 600; }
.accuracy .lead dd { font-size: clamp(2.4rem, 2rem + 2vw, 3.3rem); line-height: 1.05; font-weight: 640; letter-spacing: -0.03em; color: var(--accent); }
.track { display: block; height: 0.45rem; border-radius: 1rem; background: var(--grid); overflow: hidden; }
.accuracy .track { grid-column: 1 / -1; }
.track i { display: block; height: 100%; border-radius: 1rem; background: var(--mute); }
.lead .track i, .track i.trained { background: var(--accent); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18.5rem), 1fr)); gap: 2.2rem 2.4rem; }
.chart { min-width: 0; max-width: 34rem; display: flex; flex-direction: column; }
.chart figcaption { flex: 1; }
.chart p { color: var(--soft); font-size: 0.88rem; line-height: 1.5; margin-top: 0.2rem; }
.chart .empty { padding: 2.4rem 0; text-align: center; }
.chart svg { display: block; width: 100%; height: auto; margin-top: 0.7rem; overflow: visible; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin-top: 0.5rem; font-size: 0.82rem; color: var(--soft); }
.legend li::before { content: ""; display: inline-block; width: 1.1em; height: 3px; border-radius: 2px; margin-right: 0.5em; vertical-align: 0.22em; background: var(--c); }
.legend .note::before { content: none; }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); } .s4 { --c: var(--s4); }
svg text { font-size: 11.5px; fill: var(--soft); }
svg text.x { text-anchor: middle; }
svg text.y { text-anchor: end; dominant-baseline: central; }
svg text.name { text-anchor: end; }
svg text.reference { text-anchor: end; fill: var(--ink); font-weight: 560; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
svg path { fill: none; }
svg .grid { stroke: var(--grid); }
svg .base, svg .tick { stroke: var(--mute); }
svg .reference { stroke: var(--soft); stroke-dasharray: 4 4; }
svg text.reference { stroke-dasharray: none; }
svg .line { stroke: var(--c); stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
svg .dashed { stroke-dasharray: 5 4; }
svg .dotted { stroke-dasharray: 0.5 4; }
.legend .dashed::before { background: repeating-linear-gradient(90deg, var(--c) 0 4px, transparent 4px 7px); }
.legend .dotted::before { background: repeating-linear-gradient(90deg, var(--c) 0 2px, transparent 2px 5px); }
svg .faint { stroke-width: 1; opacity: 0.35; }
svg .band { fill: var(--c); opacity: 0.13; stroke: none; }
svg circle { fill: var(--c); stroke: var(--paper); stroke-width: 1; }
.hover rect { fill: transparent; }
.hover path, .hover circle { opacity: 0; pointer-events: none; }
.hover path { stroke: var(--soft); }
.hover circle { r: 4px; }
.hover:hover path, .hover:hover circle { opacity: 1; }
@media (max-width: 30rem) { svg text { font-size: 13px; } }
.examples { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 2.4rem; }
.example { min-width: 0; max-width: 34rem; }
.example figcaption { display: flex; align-items: center; gap: 0.9rem; margin-bottom: 0.8rem; min-width: 0; }
.example figcaption img { width: 4.6rem; height: 4.6rem; object-fit: cover; border-radius: 6px; }
.example figcaption span { min-width: 0; overflow: hidden; text-overflow: ellipsis; }
.label { display: block; font-weight: 600; overflow: hidden; text-overflow: ellipsis; }
.path { display: block; color: var(--soft); font-size: 0.8rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.swipe { display: none; color: var(--soft); font-size: 0.8rem; margin-bottom: 0.4rem; }
.swipe.always { display: block; }
table { border-collapse: collapse; width: 100%; text-align: left; }
.maps { table-layout: fixed; border-collapse: separate; border-spacing: 3px; }
.maps th { font-weight: 450; font-size: 0.74rem; color: var(--soft); white-space: nowrap; }
.maps thead th { text-align: center; padding-bottom: 0.1rem; line-height: 1.3; vertical-align: bottom; }
.maps th:first-child { width: 3.2rem; }
.maps td { padding: 0; min-width: 2.6rem; }
.maps img { width: 100%; aspect-ratio: 1; border-radius: 3px; }
.maps .tile { image-rendering: pixelated; }
.scalebar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 0.7rem; margin-bottom: 1.5rem; font-size: 0.82rem; color: var(--soft); }
.scalebar i { width: 8rem; height: 0.6rem; border-radius: 1rem; }
.queries { display: grid; gap: 1.3rem; }
.query { display: grid; grid-template-columns: 5.4rem minmax(0, 1fr); gap: 0.5rem 1rem; padding-bottom: 1.3rem; border-bottom: 1px solid var(--hair); }
.query:last-child { border-bottom: 0; padding-bottom: 0; }
.query > div { min-width: 0; }
.query > .strips { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.7rem 1.6rem; }
@media (min-width: 48rem) { .query > .strips { grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); } }
.query h3 { font-size: 0.78rem; font-weight: 500; color: var(--soft); margin-bottom: 0.35rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.strip { display: grid; grid-template-columns: repeat(var(--k), minmax(0, 1fr)); gap: 6px; max-width: calc(var(--k) * 5.4rem); }
.strip li, .query .asked { min-width: 0; font-size: 0.72rem; line-height: 1.35; color: var(--soft); text-align: center; }
.strip img, .asked img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 6px; margin-bottom: 0.25rem; }
.strip .same img { outline: 3px solid var(--same); outline-offset: -3px; }
.strip .other img { outline: 3px dashed var(--other); outline-offset: -3px; }
.cut { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: normal; }
.gallery .cut { -webkit-line-clamp: 3; }
.cut.file { overflow-wrap: anywhere; }
.key { display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; margin-bottom: 1.2rem; font-size: 0.82rem; color: var(--soft); }
.key i { display: inline-block; width: 1em; height: 1em; border-radius: 3px; vertical-align: -0.15em; margin-right: 0.5em; border: 3px solid var(--same); }
.key .other i { border: 3px dashed var(--other); }
.grid-table th, .grid-table td { padding: 0.6rem 1rem 0.6rem 0; border-bottom: 1px solid var(--hair); vertical-align: top; font-size: 0.92rem; }
.grid-table thead th { color: var(--soft); font-weight: 500; font-size: 0.82rem; padding-top: 0; }
.grid-table tbody th { font-weight: 560; }
.grid-table tr > :last-child { padding-right: 0; }
.grid-table tbody tr:last-child > * { border-bottom: 0; }
.whole, .recipe th { white-space: nowrap; }
.recipe td { overflow-wrap: anywhere; }
.reason { color: var(--soft); min-width: 12rem; }
.bars td { width: 68%; }
.measure { display: grid; grid-template-columns: 5.2rem minmax(0, 1fr) 2.4rem; gap: 0.8rem; align-items: center; }
.measure span:first-child { color: var(--soft); font-size: 0.82rem; }
.measure span:last-child { text-align: right; }
.count { display: block; color: var(--soft); font-weight: 400; font-size: 0.82rem; }
.command { display: block; padding: 1rem 1.2rem; background: var(--tint); border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; -webkit-user-select: all; }
.fixed { margin: 0.9rem 0 0.4rem; color: var(--soft); font-size: 0.92rem; }
.command span { display: inline-block; max-width: 100%; }
.blocks { display: grid; gap: 2.2rem; }
.blocks > * { min-width: 0; }
.blocks h3 { margin-bottom: 0.7rem; }
.blocks h4 { margin: 0 0 0.4rem; font-size: 0.82rem; font-weight: 500; color: var(--soft); }
.blocks .hint { color: var(--soft); font-size: 0.88rem; margin: -0.35rem 0 0.9rem; max-width: 62ch; }
.blocks small { color: var(--soft); font-size: 0.8rem; font-weight: 450; letter-spacing: 0; margin-left: 0.4rem; }
.group + .group { margin-top: 1.1rem; }
.compact { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: 1.1rem 1.6rem; }
.compact .group + .group { margin-top: 0; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(4.6rem, 1fr)); gap: 6px; }
.gallery li { min-width: 0; font-size: 0.72rem; line-height: 1.35; color: var(--soft); text-align: center; }
.gallery img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 6px; margin-bottom: 0.2rem; }
.gallery.large { grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: 8px; align-items: start; }
.gallery.large img { aspect-ratio: auto; object-fit: contain; }
.gallery .tile { image-rendering: pixelated; }
.gallery .same img { outline: 3px solid var(--same); outline-offset: -3px; }
.gallery .other img { outline: 3px dashed var(--other); outline-offset: -3px; }
.matrix { width: auto; font-size: 0.78rem; border-collapse: separate; border-spacing: 2px; }
.matrix th { font-weight: 450; color: var(--soft); white-space: nowrap; padding-right: 0.5rem; }
.matrix tbody th { position: sticky; left: 0; background: var(--paper); }
.matrix thead th { height: 5.5rem; vertical-align: bottom; padding: 0; }
.matrix th span { display: inline-block; max-width: 9rem; overflow: hidden; text-overflow: ellipsis; vertical-align: bottom; }
.matrix thead span { max-width: none; max-height: 9rem; writing-mode: vertical-rl; transform: rotate(180deg); }
.matrix td { min-width: 2rem; padding: 0.25rem 0.3rem; text-align: right; border-radius: 3px; background: color-mix(in srgb, var(--other) var(--share), var(--tint)); }
.matrix td.right { background: color-mix(in srgb, var(--same) var(--share), var(--tint)); }
.scatter { max-width: 40rem; }
@media (min-width: 48rem) {
  .blocks:has(> .scatter + .scatter) { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .blocks > :not(.scatter) { grid-column: 1 / -1; }
  .blocks > .scatter { display: flex; flex-direction: column; }
  .blocks > .scatter figcaption { flex: 1; }
}
.scatter svg { display: block; width: 100%; height: auto; margin-top: 0.7rem; background: var(--raised); border: 1px solid var(--hair); border-radius: 8px; }
.scatter circle { stroke-width: 0.5; fill-opacity: 0.8; }
.legend.dots li::before { width: 0.7em; height: 0.7em; border-radius: 50%; vertical-align: 0; }
.g { --c: var(--mute); } .g0 { --c: #4b6bd6; } .g1 { --c: #e0802c; } .g2 { --c: #2f9e62; } .g3 { --c: #d2443e; } .g4 { --c: #8a63c7; }
.g5 { --c: #9a6a4b; } .g6 { --c: #d867a9; } .g7 { --c: #7d838c; } .g8 { --c: #b3a323; } .g9 { --c: #22a5b3; }
details { margin-top: 2rem; }
summary { cursor: pointer; color: var(--accent); font-weight: 560; font-size: 0.92rem; }
details[open] summary { margin-bottom: 1.4rem; }
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 4px; }
.findings { display: grid; gap: 1rem; }
.findings li { min-width: 0; overflow-wrap: anywhere; border-left: 3px solid var(--c); padding: 0.1rem 0 0.1rem 1.1rem; max-width: 72ch; }
.findings .ok { --c: var(--same); } .findings .info { --c: var(--mute); } .findings .warning { --c: var(--warn); } .findings .error { --c: var(--other); }
.severity { display: block; font-size: 0.78rem; font-weight: 600; color: var(--c); }
.findings .info .severity { color: var(--soft); }
.findings p { margin-top: 0.25rem; font-size: 0.94rem; }
.advice { color: var(--soft); }
footer { border-top: 1px solid var(--hair); padding-top: 1.2rem; color: var(--soft); font-size: 0.82rem; }
footer ul { display: flex; flex-wrap: wrap; gap: 0.2rem 1.4rem; }
@media (max-width: 36rem) {
  .recipe thead { display: none; }
  .recipe tr { display: grid; grid-template-columns: 1fr auto; gap: 0 1rem; padding: 0.7rem 0; border-bottom: 1px solid var(--hair); }
  .recipe th, .recipe td { padding: 0; border: 0; }
  .recipe .reason { grid-column: 1 / -1; margin-top: 0.15rem; }
  .swipe { display: block; }
  .strip { grid-template-columns: repeat(auto-fill, minmax(4.4rem, 1fr)); gap: 4px; }
  .compact { grid-template-columns: 1fr; }
  .strip li { font-size: 0.68rem; }
  .query { grid-template-columns: 4.2rem minmax(0, 1fr); gap: 0.5rem 0.8rem; }
  .recipe tbody tr:last-child { border-bottom: 0; }
  .measure { grid-template-columns: 4.6rem minmax(0, 1fr) 2.2rem; gap: 0.5rem; }
}
@media print { figure, tr, .query, .findings li { break-inside: avoid; } }
`;

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { html } from '../../../src/report/markup.ts';
import type { Report } from '../../../src/report/model.ts';
import { renderReport } from '../../../src/report/page/html.ts';
import { elementNames } from './html-checker.ts';
import { sampleReport } from './sample.ts';

const headings = (page: string) => [...page.matchAll(/<h2>([^<]*)<\/h2>/g)].map(([, heading]) => heading);

const elements = (page: string) => elementNames(page).filter((name) => name !== 'span' && name !== 'wbr');

describe('the report', () => {
  it('is one well-formed page with every section in order', () => {
    const page = renderReport(sampleReport());
    const names = elementNames(page);
    expect(names.slice(0, 3)).toEqual(['html', 'head', 'meta']);
    expect(names.filter((name) => name === 'h1' || name === 'main' || name === 'footer')).toEqual([
      'h1',
      'main',
      'footer',
    ]);
    expect(headings(page)).toEqual([
      'k-NN accuracy',
      'Diagnosis',
      'The run',
      'Attention',
      'Nearest neighbors',
      'Attention against object masks',
      'Recipe',
      'Run it again',
    ]);
    expect(page).toContain('<time datetime="2026-03-04T05:06:07.000Z">2026-03-04, 05:06 UTC</time>');
  });

  it('asks for nothing outside itself: no scripts, no addresses, and a policy that forbids requests', () => {
    const page = renderReport(sampleReport());
    expect(page).not.toMatch(/https?:|\/\/[a-z]|@import|url\(|<script|<link|<iframe| on[a-z]+=/i);
    expect(page).toContain(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"`);
    const sources = [...page.matchAll(/src="([^"]*)"/g)].map(([, source]) => source);
    expect(new Set(sources)).toEqual(new Set(['data:image/png;base64,iVBORw==']));
  });

  it('shows hostile names as text', () => {
    for (const hostile of [
      `<script>alert(1)</script>`,
      `"><img src=x onerror=alert(1)>`,
      `' onload='x`,
      '</style></title>',
    ]) {
      const page = renderReport(sampleReport(hostile));
      // A command's words are spans and names may break after their joints, and hostile names have other numbers of both.
      expect(elements(page)).toEqual(elements(renderReport(sampleReport())));
      expect(page).not.toContain(hostile);
    }
    const page = renderReport(sampleReport('<b>&"\''));
    expect(page).toContain('<title>A run on &lt;b&gt;&amp;&quot;&#39;</title>');
  });

  it('is well-formed whatever the names are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const page = renderReport(sampleReport(name));
        elementNames(page);
        expect(new TextDecoder().decode(new TextEncoder().encode(page))).toBe(page); // no lone surrogates
        expect(page).not.toMatch(/[^\P{Cc}\t\n\r]/u);
      }),
      { numRuns: 50 },
    );
  });

  it('leaves out what there are no data for', () => {
    const page = renderReport({ title: 'Nothing yet' });
    elementNames(page);
    expect(headings(page)).toEqual([]);
    expect(page).not.toMatch(/<section|<img|<svg|<time|NaN|undefined/);
  });

  it.each([
    'accuracy',
    'curves',
    'attention',
    'neighbors',
    'objectMasks',
    'findings',
    'commands',
    'recipe',
    'facts',
    'versions',
    'finishedAt',
  ] as const)('is well-formed and loses one section at most without %s', (key) => {
    const { [key]: _, ...rest } = sampleReport();
    const page = renderReport(rest);
    elementNames(page);
    expect(page).not.toMatch(/NaN|undefined/);
    const lost = headings(renderReport(sampleReport())).length - headings(page).length;
    expect(lost).toBe(['facts', 'versions', 'finishedAt'].includes(key) ? 0 : 1);
  });

  it('leaves out sections that are there but empty, save the diagnosis, which says that nothing was found', () => {
    const empty: Report = {
      title: 'Empty',
      recipe: [],
      accuracy: { neighbors: 20, bankImages: 10, testImages: 10 },
      curves: { measures: [] },
      attention: { maskShare: 0.6, examples: [] },
      neighbors: { queries: [] },
      objectMasks: { classes: [] },
      findings: [],
      versions: [],
    };
    const page = renderReport(empty);
    expect(headings(page)).toEqual(['Diagnosis']);
    expect(page).toContain('Nothing was found.');
  });

  it('shows only those accuracies that were measured', () => {
    const page = renderReport({
      title: 'Half',
      accuracy: { trained: 0.5, chance: 0.1, neighbors: 20, bankImages: 50000, testImages: 400 },
    });
    const terms = [...page.matchAll(/<dt>([^<]*)<\/dt><dd>([^<]*)<\/dd>/g)].map(([, name, value]) => [
      name,
      value,
    ]);
    expect(terms).toEqual([
      ['Trained network', '50.0\u202f%'],
      ['Guessing', '10.0\u202f%'],
    ]);
    expect(page).toContain(
      '400 test images whose class is told by their 20 nearest neighbors among 50\u202f000 images',
    );
  });

  it('frames neighbors by class where there are labels, says it in words too, and frames nothing without labels', () => {
    const page = renderReport(sampleReport());
    expect(page.match(/<li class="same">/g)).toHaveLength(1);
    expect(page.match(/<li class="other">/g)).toHaveLength(3); // two neighbors and the key
    expect(page).toContain('alt="Neighbor 1, horse/1.png: horse, same class"');
    expect(page).toContain('alt="Neighbor 2, boat/1.png: boat, another class"');
    const picture = { mime: 'image/png' as const, bytes: new Uint8Array(3), width: 1, height: 1 };
    const image = { picture, name: 'a.png' };
    const unlabeled = renderReport({
      title: 'No labels',
      neighbors: { queries: [{ query: image, trained: [image] }] },
    });
    expect(unlabeled).not.toMatch(/class="(same|other|key)"|another class|Untrained/);
  });

  it('has the whole names of classes where they may be cut', () => {
    const name = 'a class with a name that is far too long for a tile';
    const page = renderReport(sampleReport(name));
    expect(page).toContain(`<span class="cut" title="${name}: ${name}/1.png">`);
    expect(page).toContain(`<span class="cut" title="${name}">`);
    expect(page).toContain(`<span class="label" title="${name}">`);
    expect(page).toContain('<summary>1 other head</summary>');
  });

  it('gives every image an alternative text and the tables their scopes', () => {
    const page = renderReport(sampleReport());
    const images = page.match(/<img [^>]*>/g) ?? [];
    expect(images.length).toBe(12);
    for (const tag of images) expect(tag).toMatch(/ alt="[^"]{5,}"/);
    expect(page).toContain(
      '<th scope="col">step 0</th><th scope="col">12\u202f000</th><th scope="col">mask</th>',
    );
    expect(page).toContain('alt="Attention of head 2 at step 12000"');
    expect(page).toContain('patches that hold 60\u202f% of');
  });
});

describe('html templates', () => {
  it('escape texts, keep markup, join lists and drop what is absent', () => {
    const inner = html`<b title="${'"'}">${'<&>'}</b>`;
    expect(html`${inner}${[1, 'a<', undefined, [inner]]}${false}`.text).toBe(
      '<b title="&quot;">&lt;&amp;&gt;</b>1a&lt;<b title="&quot;">&lt;&amp;&gt;</b>',
    );
  });

  it('replace what may not stand in a document', () => {
    expect(html`${'a\0b\x1b\ud800c\td\u{1f40e}'}`.text).toBe('a\ufffdb\ufffd\ufffdc\td\u{1f40e}');
  });
});

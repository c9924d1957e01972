import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { matrixSvg, scoresSvg } from '../../src/report/charts/block-svg.ts';
import { chartSvg, scatterSvg } from '../../src/report/charts/standalone-svg.ts';
import { writeFigures } from '../../src/run/figures-node.ts';
import { RunFolder } from '../../src/run/run-folder-node.ts';
import { dino } from '../cli/command.ts';
import { photos, trainedOn } from '../cli/tiny-network.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { elementNames } from '../report/page/html-checker.ts';

describe('dino report --figures', () => {
  it('writes every figure of the report as a file that can be opened, with its caption', async () => {
    const images = await photos(['a', 'b'], 8);
    const run = await trainedOn(images, 'vit');
    expect((await dino('eval', 'cluster', run, '--images', images, '--no-report')).code).toBe(0);
    const mapped = await dino('map', run, images, '--iterations', '260', '--no-report');
    expect(mapped.code).toBe(0);
    const said = await dino('report', run, '--figures');
    expect(said).toMatchObject({ code: 0 });
    const folder = join(run, 'figures');
    const files = readdirSync(folder).sort();
    expect(said.out).toContain(`Wrote ${files.length - 1} figures`);
    const captions = readFileSync(join(folder, 'captions.md'), 'utf8');
    for (const file of files) {
      if (file === 'captions.md') continue;
      expect(captions).toContain(`## ${file}`);
      const { width = 0, height = 0 } = await sharp(join(folder, file)).metadata();
      expect(Math.min(width, height)).toBeGreaterThan(50);
    }
    for (const part of [
      '-loss.svg',
      '-map-of-the-features-t-sne-trained-network.svg',
      '-neighbors.png',
      '-clusters-nmi.svg',
    ])
      expect(files.some((file) => file.endsWith(part))).toBe(true);
    expect(files.some((file) => file.includes('clusters-the-groups'))).toBe(true);
  });
});

describe('the pictures of an evaluation in a file', () => {
  it('have the frames that their caption speaks of: solid green, dashed red, none', async () => {
    const folder = RunFolder.create(join(temporaryFolder(), 'run'));
    const gray = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#808080' } })
      .png()
      .toBuffer();
    const picture = { mime: 'image/png' as const, bytes: gray, width: 8, height: 8 };
    const tiles = [
      { picture, name: 'query' },
      { picture, name: 'right', mark: 'same' as const },
      { picture, name: 'wrong', mark: 'other' as const },
    ];
    const blocks = [{ kind: 'tiles' as const, title: 'Queries', groups: [{ tiles }] }];
    const [file = ''] = await writeFigures(folder, {
      title: 'frames',
      evaluations: [{ title: 'Retrieval', intro: '', blocks }],
    });
    const { data, info } = await sharp(folder.file(`figures/${file}`))
      .raw()
      .toBuffer({ resolveWithObject: true });
    const colors = (tile: number): string[] => {
      const row = Array.from({ length: 120 }, (_, i) => {
        const at = ((6 + 2) * info.width + 6 + tile * 134 + 4 + i) * info.channels;
        return `#${data.subarray(at, at + 3).toString('hex')}`;
      });
      return [...new Set(row)].filter((color) => ['#808080', '#16877a', '#d2432e'].includes(color)).sort();
    };
    expect([0, 1, 2].map(colors)).toEqual([['#808080'], ['#16877a'], ['#808080', '#d2432e']]);
  });

  it('are said to show masks and untrained neighbors only where they do', async () => {
    const folder = RunFolder.create(join(temporaryFolder(), 'run'));
    const bytes = await sharp({ create: { width: 2, height: 1, channels: 3, background: '#808080' } })
      .png()
      .toBuffer();
    const picture = { mime: 'image/png' as const, bytes, width: 2, height: 1 };
    const heads = [{ name: 'head 1', maps: [picture] }];
    const image = { picture, name: 'a.png' };
    await writeFigures(folder, {
      title: 'pictures',
      attention: { maskShare: 0.6, examples: [{ name: 'a', input: picture, steps: [3], heads, others: [] }] },
      neighbors: { queries: [{ query: image, trained: [image] }] },
    });
    const captions = folder.readText('figures/captions.md');
    expect(captions).toContain(
      'Where the network looks, a row for each head: the image, the maps after step 3. Look for heads',
    );
    expect(captions).toContain('the others are its nearest neighbors. Look for');
  });
});

describe('a figure in a file of its own', () => {
  it('is well-formed, escapes its texts, and holds its colors', () => {
    const chart = chartSvg({
      title: 'Loss & <more>',
      caption: 'What to look for, in a sentence that is long enough to be broken into a second line of text.',
      xName: 'step',
      series: [
        { name: 'one', x: [0, 1, 2], y: [3, 2, 1] },
        { name: 'two', x: [0, 1, 2], y: [1, 2, 3] },
      ],
    });
    expect(elementNames(chart)).toContain('svg');
    expect(chart).toContain('xmlns="http://www.w3.org/2000/svg"');
    expect(chart).toContain('Loss &amp; &lt;more&gt;');
    expect(chart).toContain('.line.s0{stroke:#4b3fae}');
    expect(chart).not.toContain('var(');
    expect(chart.match(/<text x="8"/g)).toHaveLength(2);
    const scatter = scatterSvg({ kind: 'scatter', groups: ['cat'], points: [{ x: 1, y: 2, group: 0 }] });
    expect(scatter).toContain('<circle class="g0"');
  });

  it('shows bars as long as their scores, and cells as dark as their share of the row', () => {
    const bars = scoresSvg({
      kind: 'scores',
      title: 'Accuracy',
      unit: ' %',
      top: 100,
      rows: [
        { name: 'trained', value: 50, low: 40, high: 60 },
        { name: 'none <', value: Number.NaN },
      ],
    });
    expect(elementNames(bars)).toContain('svg');
    const widths = [...bars.matchAll(/<rect [^>]*width="([\d.]+)" height="10" fill="([^"]+)"/g)];
    expect(widths.map(([, width, fill]) => [Number(width), fill])).toEqual([
      [404, '#ecebe6'],
      [202, '#4b3fae'],
      [404, '#ecebe6'],
      [0, '#b9b7b0'],
    ]);
    expect(bars).toContain('50.0 % (40.0 to 60.0)');
    expect(bars).toContain('none &lt;');
    const long = 'a class with a name that is far too long for its row';
    const cut = matrixSvg({ kind: 'matrix', labels: [long, 'b'], counts: [3, 1, 0, 0] });
    expect(cut.match(new RegExp(`<title>${long}</title>${long.slice(0, 21)}…`, 'g'))).toHaveLength(2);
    const matrix = matrixSvg({ kind: 'matrix', labels: ['a', 'b'], counts: [3, 1, 0, 0] });
    expect(elementNames(matrix)).toContain('svg');
    expect([...matrix.matchAll(/fill-opacity="([\d.]+)"/g)].map(([, opacity]) => opacity)).toEqual([
      '0.765',
      '0.295',
      '0.060',
      '0.060',
    ]);
  });

  it('shades bands, and gives a line and its name one color where another line has nothing to draw', () => {
    const chart = chartSvg({
      title: 'k',
      xName: 'step',
      series: [
        { name: 'none', x: [1, 2], y: [Number.NaN, Number.NaN] },
        { name: 'first', x: [1, 2], y: [1, 2], low: [0, 1], high: [2, 3] },
        { name: 'second', x: [1, 2], y: [2, 1] },
      ],
    });
    expect(chart).toContain('.band.s0{fill:#4b3fae}');
    expect(chart).toContain('<path class="band s0"');
    expect(chart).toMatch(/<circle class="s0"[^>]*\/><text [^>]*>first<\/text>/);
    expect(chart).toMatch(/<circle class="s1"[^>]*\/><text [^>]*>second<\/text>/);
    expect(chart).not.toContain('>none<');
  });

  it('is not made where there is nothing to draw', () => {
    const nothing = { title: 'k', xName: 'step', series: [{ name: 'k', x: [1], y: [Number.NaN] }] };
    expect(() => chartSvg(nothing)).toThrow('"k" has no finite value to draw');
  });
});

import { describe, expect, it } from 'vitest';
import { evaluationSection } from '../../../src/report/page/draw-blocks.ts';
import { breakable, scrolling } from '../../../src/report/page/scrolling.ts';
import { style } from '../../../src/report/page/style.ts';

describe('what is wider than a phone', () => {
  it('scrolls, is reached by the keyboard, and says so', () => {
    expect(scrolling('Matrix', 10, 'x').text).toBe(
      '<div class="scroll" role="region" aria-label="Matrix" tabindex="0">x</div>',
    );
    expect(scrolling('Matrix', 30, 'x').text).toMatch(/^<p class="swipe">Wider than the screen/);
    expect(scrolling('Matrix', 90, 'x').text).toMatch(/^<p class="swipe always">/);
    const matrix = (classes: number) =>
      evaluationSection({
        title: 't',
        intro: 'i',
        blocks: [
          {
            kind: 'matrix',
            labels: Array.from({ length: classes }, (_, i) => `class ${i}`),
            counts: new Int32Array(classes * classes),
          },
        ],
      }).text;
    expect(scrolling('Matrix', 30, 'x').text).toContain('<div style="min-width:30.0rem">x</div>');
    expect(matrix(3)).toContain('<th scope="row" title="class 1"><span>class 1</span></th>');
    expect(matrix(3)).toContain('<th scope="col" title="class 1"><span>class 1</span></th>');
    expect(matrix(3)).not.toContain('class="swipe"');
    expect(matrix(10)).toContain('class="swipe"');
  });

  it('breaks names at their joints and nowhere inside a word', () => {
    expect(breakable('n0144/English_springer-<2>.jpg').text).toBe(
      'n0144/<wbr>English_<wbr>springer-<wbr>&lt;2&gt;.<wbr>jpg',
    );
    expect(breakable('tench').text).toBe('tench');
    expect(breakable('agreement 0.981').text).toBe('agreement 0.981');
    const [, cut = ''] = /\n\.cut \{([^}]*)\}/.exec(style) ?? [];
    expect(cut).toContain('overflow-wrap: normal');
    expect(cut).not.toContain('hyphens');
  });
});

/** Texts as wide as the terminal. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { commandLines, renderHelp } from '../../../src/cli/terminal/help.ts';
import { textWidth, wrap, wrapBehind } from '../../../src/cli/terminal/wrap.ts';

it('are 80 to 100 columns wide, and 100 in a file', () => {
  expect([40, 80, 93, 200].map((columns) => textWidth({ columns }))).toEqual([80, 80, 93, 100]);
  expect(textWidth(Object.create(null))).toBe(100);
});

it('are broken between words', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('overlong word', 3)).toEqual(['overlong', 'word']);
  expect(wrapBehind('  --lr  0.1  ', 'as long as the recipe takes it', 34)).toEqual([
    '  --lr  0.1  as long as the recipe',
    '             takes it',
  ]);
});

it('a help fits 80 columns, but for commands that are to be copied', () => {
  const sentence =
    'the network: small, a small one; large, a large one that takes longer and needs more memory';
  const help = renderHelp(
    {
      usage: [`dino ${'<run> '.repeat(13)}[flags]`],
      about: 'What it does. '.repeat(9).trim(),
      examples: [[`dino ${'word '.repeat(20)}end`, 'an example']],
      groups: [
        { title: 'Flags', fields: { aVeryLongNameOfAFlagThatIsGiven: z.string().describe(sentence) } },
      ],
    },
    80,
  );
  const lines = help.split('\n').filter((line) => !line.includes('word'));
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(lines.slice(-3).map((line) => line.replace(' '.repeat(34), ''))).toEqual([
    'the network: small, a small one; large, a',
    'large one that takes longer and needs more',
    'memory',
  ]);
  expect(
    commandLines(
      [
        ['dino a', 'one two three four'],
        ['dino train', 'five'],
      ],
      34,
    ),
  ).toBe('  dino a      one two three four\n  dino train  five');
});

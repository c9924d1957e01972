/** `--help` of every command: groups, what each flag takes, its default, and examples that are read without complaint. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evaluations, tools } from '../../src/cli/evaluations/index.ts';
import { type CommandName, examples } from '../../src/cli/examples.ts';
import { recipeDefaults } from '../../src/cli/train/recipe-defaults.ts';
import { optionFields, trainGroups } from '../../src/train/config.ts';
import { isForeign } from '../../src/train/contradictions.ts';
import { dino } from './command.ts';

const evaluationNames: readonly string[] = evaluations.map(({ name }) => name);

/** The words that call a command. */
const wordsOf = (name: CommandName): string[] => (evaluationNames.includes(name) ? ['eval', name] : [name]);

const names = Object.keys(examples) as CommandName[];

describe.each(names.filter((name) => name !== 'eval'))('the help of %s', (name) => {
  it('has three examples, groups, and a sentence and a value for every flag', async () => {
    const { code, out } = await dino(...wordsOf(name), '--help');
    expect(code).toBe(0);
    const [usage = '', ...sections] = out.trimEnd().split('\n\n');
    expect(usage).toMatch(new RegExp(`^dino ${wordsOf(name).join(' ')} `));
    expect(sections[1]).toMatch(/^Examples(\n {2}dino .+\n {6}\S.+){3}$/);
    const groups = sections.slice(2);
    expect(groups.length).toBeGreaterThan(0);
    for (const group of groups) expect(group).toMatch(/^[A-Z][a-z ,]+\n {2}--/);
    const flags = groups
      .join('\n')
      .split(/\n(?= {2}--)/)
      .slice(1);
    expect(flags.length).toBeGreaterThan(0);
    for (const flag of flags)
      expect(flag).toMatch(/^ {2}--[a-z_]+( <[a-z0-9|_]+>)*( \.\.\.)?\s+[a-zA-Z'0-9].{3,}/);
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('is the same by -h, and by "help" in front', async () => {
    const [long, short, front] = [
      await dino(...wordsOf(name), '--help'),
      await dino(...wordsOf(name), '-h'),
      await dino('help', ...wordsOf(name)),
    ];
    expect(short).toEqual(long);
    expect(front).toEqual(long);
  });
});

describe('the examples', () => {
  it.each(Object.values(examples).flatMap((each) => each.map(([command]) => command)))(
    '%s',
    async (command) => {
      const [first, ...words] = command.split(' ');
      expect(first).toBe('dino');
      // Flags and words are checked before the help is shown.
      const { code, err } = await dino(...words, '--help');
      expect(err).toBe('');
      expect(code).toBe(0);
    },
  );

  it('are there for every evaluation and tool', () => {
    for (const { name } of [...evaluations, ...tools]) expect(examples[name]).toHaveLength(3);
  });
});

describe('the help of train', () => {
  it('has every option in one group', () => {
    const grouped = trainGroups('dino').flatMap(({ fields }) => Object.keys(fields));
    const known = Object.keys(optionFields()).filter(
      (name) => !isForeign(name, { arch: 'vit', method: 'dino' }),
    );
    expect(new Set(grouped).size).toBe(grouped.length);
    expect(grouped).toEqual(expect.arrayContaining(known));
  });

  it('says what the recipes take: one value for both, one for each, or on what it depends', () => {
    expect(recipeDefaults('dino')('studentTemp')).toBe('default: 0.1');
    expect(recipeDefaults('dino')('colorJitter')).toBe('default: 0.4 0.4 0.2 0.1');
    expect(recipeDefaults('dino')('outDim')).toBe('auto: 256; paper: 65536');
    expect(recipeDefaults('dino')('globalCropsSize')).toBe('auto: fits images and budget; paper: 224');
    expect(recipeDefaults('dino')('threads')).toBe('default: one for each core');
    // Only a ViT has patches, and only the automatic recipe trains something else.
    expect(recipeDefaults('dino')('patchSize')).toBe('paper: 16');
    expect(recipeDefaults('dino')('widths')).toBe('auto: 32 64 128');
    expect(recipeDefaults('dino')('microBatch')).toBeUndefined();
  });
});

it('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  for (const word of ['--version', '-v', 'version'])
    expect(await dino(word)).toMatchObject({ code: 0, out: `dino-ts ${version}\n` });
});

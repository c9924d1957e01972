/** What holds for every method that is registered: its options, its part of the recipes, and the flags that its sentences name. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { recipeDefaults } from '../../src/cli/train/recipe-defaults.ts';
import { capitalized } from '../../src/eval/statement.ts';
import { definitions, methodNamed } from '../../src/method/registry.ts';
import { architectures } from '../../src/train/architectures.ts';
import { cropRecipeOf, methodOf } from '../../src/train/build.ts';
import { optionFields, parseConfig, type TrainOptions } from '../../src/train/config.ts';
import { isForeign } from '../../src/train/contradictions.ts';
import { examinePlan } from '../../src/train/examine-plan.ts';
import { fromFlag, toFlag } from '../../src/train/option-names.ts';
import { Plan } from '../../src/train/plan.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';
import type { RunFacts } from '../../src/train/recipe-parts.ts';

const names = definitions().map(({ name }) => name);

/** What a method cannot do without. */
const needed: Readonly<Record<string, TrainOptions>> = {
  distill: {
    teacher: 'dino_vits16',
    teacherNetwork: {
      ...{ kind: 'vit', imageSize: 32, patchSize: 4, channels: 3 },
      ...{ dim: 16, depth: 1, heads: 2, mlpRatio: 4 },
    },
    teacherFingerprint: 'a',
  },
};

const facts: readonly RunFacts[] = [
  { images: 60, imageSide: 32, channels: 3, cores: 2, readMilliseconds: 1, steps: 40 },
  { images: 300_000, imageSide: 600, channels: 3, cores: 16, readMilliseconds: 20, begins: 'backbone' },
  { images: 5000, imageSide: 64, channels: 3, cores: 4, readMilliseconds: 1, begins: 'checkpoint' },
];

describe.each(names)('the recipes of %s', (method) => {
  it.each(['auto', 'paper'] as const)('%s gives a whole config, with a reason for every value', (recipe) => {
    const given: TrainOptions = { ...needed[method], method, recipe };
    for (const each of facts) {
      const { config, choices } = chooseRecipe(given, each);
      expect(parseConfig(config)).toEqual(config);
      for (const { name, value, reason } of choices) {
        expect(value, name).not.toBe('');
        expect(reason.trim().length, `the reason for ${name} ${value}`).toBeGreaterThan(3);
      }
      // All that decides the run was given or chosen, and nothing was chosen that says nothing.
      const said = new Set([...Object.keys(given), ...choices.map(({ name }) => name)]);
      const own = methodNamed(method).groups.flatMap(({ fields }) => Object.keys(fields));
      const spans = methodNamed(method).spans.flat();
      for (const name of own.filter((name) => !spans.includes(name))) expect([...said]).toContain(name);
      for (const span of methodNamed(method).spans)
        expect(
          span.filter((name) => said.has(name)),
          span.join(),
        ).toHaveLength(1);
      for (const { name } of choices) expect(isForeign(name, config), name).toBe(false);
      expect(() => methodOf(config)).not.toThrow();
      expect(cropRecipeOf(config).globalCrops).toBeGreaterThan(0);
    }
  });

  it('suggests values for options that there are, of their types', () => {
    for (const recipe of ['auto', 'paper'] as const) {
      const suggestions = methodNamed(method).suggest({
        ...{ recipe, images: 500, network: 'vit', local: 16, wholeBatch: true },
        ...{ batch: 64, steps: 300, warmup: 30 },
      });
      for (const [name, [value]] of Object.entries(suggestions)) {
        expect(optionFields(), name).toHaveProperty(name);
        expect(optionFields()[name]!.safeParse(value).success, `${name} ${String(value)}`).toBe(true);
      }
    }
  });

  it('schedules the numbers that its objective asks for, to the last step', () => {
    const { config } = chooseRecipe({ ...needed[method], method, steps: 40 }, facts[0]!);
    const plan = new Plan(config, 40, 1);
    const { scalars, name } = methodOf(config);
    expect(name).toBe(method);
    for (const step of [0, 1, 39]) {
      const at = plan.at(step);
      for (const scalar of scalars) expect(at.scalars[scalar], scalar).toBeGreaterThan(0);
      expect(at.teacherMomentum >= 0 && at.teacherMomentum <= 1).toBe(true);
    }
    expect(plan.at(20).teacherMomentum > 0).toBe(methodNamed(method).hasTeacher);
  });

  it('has nothing to say against its own automatic settings', () => {
    const [few, , images] = facts;
    for (const each of [few!, images!]) {
      const { config } = chooseRecipe({ ...needed[method], method }, { ...each, images: 5000 });
      expect(examinePlan({ config, steps: 1000, stepsPerEpoch: 40 })).toEqual([]);
    }
  });
});

/** Files whose sentences are said to users of a method. */
function filesOf(method: string): string[] {
  const all = readdirSync(new URL('../../src/method', import.meta.url));
  const own = all.filter((file) => file === `${method}.ts` || file.startsWith(`${method}-`));
  return [...own, ...(shared[method] ?? [])];
}
const shared: Readonly<Record<string, readonly string[]>> = {
  dino: ['prototype-options.ts', 'sinkhorn.ts'],
  dinov2: [
    'prototype-options.ts',
    'dino-health.ts',
    'koleo.ts',
    'block-masks.ts',
    'hidden-patches.ts',
    'ibot-loss.ts',
  ],
};

describe.each(names)('the sentences of %s', (method) => {
  it('name flags that it has', () => {
    const files = filesOf(method);
    expect(files).toEqual(
      expect.arrayContaining([`${method}.ts`, `${method}-options.ts`, `${method}-health.ts`]),
    );
    for (const file of files) {
      const text = readFileSync(new URL(`../../src/method/${file}`, import.meta.url), 'utf8');
      for (const [flag] of text.matchAll(/--[a-z][a-z_0-9]*/g)) {
        const name = fromFlag(flag.slice(2));
        expect(optionFields(), `${flag} in ${file}`).toHaveProperty(name);
        const says = architectures.some((arch) => !isForeign(name, { arch, method }));
        expect(says, `${flag} in ${file} says something to ${method}`).toBe(true);
      }
    }
  });
});

describe('the registry', () => {
  it('takes the same values for options of one name in all methods', () => {
    const seen = new Map<string, string>();
    for (const { groups } of definitions())
      for (const { fields } of groups)
        for (const [name, type] of Object.entries(fields)) {
          expect(type.description ?? '', name).not.toBe('');
          const { description: _, ...schema } = z.toJSONSchema(type);
          const values = JSON.stringify(schema);
          expect(seen.get(name) ?? values, name).toBe(values);
          seen.set(name, values);
        }
  });

  it.each(names)(
    '%s shows every option that it keeps, but for what is found of a frozen network',
    (method) => {
      const { groups, stored, frozen, spans, meaningless, shaping, label, paper, about } =
        methodNamed(method);
      const shown = groups.flatMap(({ fields }) => Object.keys(fields));
      const found = frozen === undefined ? [] : [`${frozen}Network`, `${frozen}Fingerprint`];
      expect([...shown, ...found].sort()).toEqual(Object.keys(stored.shape).sort());
      for (const name of [...spans.flat(), ...shaping]) expect(stored.shape).toHaveProperty(name);
      for (const name of meaningless) expect(optionFields(), name).toHaveProperty(name);
      expect(label).toMatch(/^([a-z]|[A-Z].*[A-Z])/); // a word, or letters that stand for some
      expect(paper).toMatch(/ (19|20)\d\d$/);
      expect(about).toMatch(/^[a-zA-Z].*[^.]$/);
    },
  );
});

describe.each(names)('docs/methods.md on %s', (method) => {
  it('has every option with what the recipes take, and what the help says of it', () => {
    const text = readFileSync(new URL('../../docs/methods.md', import.meta.url), 'utf8');
    const rows = new Map(
      text.split('\n## ').flatMap((section) => {
        const [title = ''] = section.split('\n');
        return title === capitalized(methodNamed(method).label) ? tableOf(section) : [];
      }),
    );
    const fields = Object.assign({}, ...methodNamed(method).groups.map((group) => group.fields));
    expect([...rows.keys()]).toEqual(Object.keys(fields).map((name) => `--${toFlag(name)}`));
    for (const [name, type] of Object.entries<z.ZodType>(fields))
      expect(rows.get(`--${toFlag(name)}`)).toEqual([
        type.description,
        (recipeDefaults(method)(name) ?? 'has to be given').replace('default: ', ''),
      ]);
  });
});

/** Flags in the first column of a table, with its other columns. */
function tableOf(section: string): [flag: string, columns: string[]][] {
  return section.split('\n').flatMap((line) => {
    const [, flag, ...columns] = /^\| `(--[a-z_]+)` *\| (.*?) *\| (.*?) *\|$/.exec(line) ?? [];
    return flag === undefined ? [] : [[flag, columns]];
  });
}

/**
 * Recipes: the values a user does not give. `paper` is the official `main_dino.py`. `auto` fits them to the images and the
 * budget, and says why in a line each; the reasons rest on the measurements in docs/recipes.md.
 */
import { DEFAULT_METHOD } from '../method/registry.ts';
import { parseConfig, type TrainConfig, type TrainOptions } from './config.ts';
import { isForeign } from './contradictions.ts';
import { spanIsGiven } from './option-spans.ts';
import { auto } from './recipe-auto.ts';
import { paper } from './recipe-paper.ts';
import type { RunFacts } from './recipe-parts.ts';

/** A value that the recipe chose, and why. */
export interface Choice {
  readonly name: string;
  readonly value: string;
  readonly reason: string;
}

export interface Recipe {
  readonly config: TrainConfig;
  /** Every value that the user did not give, with its reason. */
  readonly choices: readonly Choice[];
}

/** The value of an option as it is written behind its flag. */
export function optionText(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : String(value);
}

/**
 * Fills in what the options leave open.
 *
 * @throws ZodError if an option makes no sense; UnknownMethodError
 */
export function chooseRecipe(options: TrainOptions, facts: RunFacts): Recipe {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const suggest = options.recipe === 'paper' ? paper : auto;
  const suggestions = suggest(options, facts, options.method ?? DEFAULT_METHOD);
  const open = Object.entries(suggestions).filter(([name]) => !(name in given) && !spanIsGiven(name, given));
  const chosen = Object.fromEntries(open.map(([name, [value]]) => [name, value]));
  const { ranks = 1 } = facts;
  const config = parseConfig({ recipe: 'auto', ...chosen, ...given, ...(ranks > 1 ? { ranks } : {}) });
  return {
    config,
    choices: open
      .filter(([name]) => !isForeign(name, config))
      .map(([name, [value, reason]]) => ({
        name,
        value: optionText(value),
        reason,
      })),
  };
}

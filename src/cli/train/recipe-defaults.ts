/** What the recipes take for a flag that is not given, in words: for the help, which knows no images. */
import type { Suggestions } from '../../method/definition.ts';
import { methodNamed } from '../../method/registry.ts';
import { isForeign } from '../../train/contradictions.ts';
import { auto } from '../../train/recipe-auto.ts';
import { paper } from '../../train/recipe-paper.ts';
import type { RunFacts } from '../../train/recipe-parts.ts';

/** Two runs that have nothing in common: what a recipe takes for both, it takes for all. */
const runs: readonly [RunFacts, RunFacts] = [
  { images: 500, imageSide: 28, channels: 1, cores: 2, readMilliseconds: 1, steps: 300 },
  { images: 300_000, imageSide: 600, channels: 3, cores: 16, readMilliseconds: 20, steps: 90_000 },
];

const recipes = (method: string) =>
  [
    { name: 'auto', arch: methodNamed(method).usualArch ?? 'hybrid', suggest: auto },
    { name: 'paper', arch: 'vit_small', suggest: paper },
  ] as const;

/** Longer reasons explain a value, shorter ones say what it follows. */
const SHORT_REASON = 32;

/** @returns "auto: 3, paper: 10"; undefined where no recipe has a say */
export function recipeDefault(option: string, method: string): string | undefined {
  const found = recipes(method).flatMap(({ name, arch, suggest }) => {
    const [a, b] = runs.map((facts): Suggestions[string] | undefined => suggest({}, facts, method)[option]);
    if (a === undefined || b === undefined || isForeign(option, { arch, method })) return [];
    if (String(a[0]) === String(b[0])) return [{ name, says: String(a[0]).replaceAll(',', ' ') }];
    const follows = a[1] === b[1] && a[1].length <= SHORT_REASON;
    return [{ name, says: follows ? a[1] : 'fits images and budget' }];
  });
  const [first, second] = found;
  if (first === undefined) return undefined;
  if (second !== undefined && first.says === second.says) return `default: ${first.says}`;
  return found.map(({ name, says }) => `${name}: ${says}`).join('; ');
}

/** What the recipes take for a flag that is not given, in words: for the help, which knows no images. */
import type { Suggestions } from '../../method/definition.ts';
import { architectures } from '../../train/architectures.ts';
import { isForeign } from '../../train/contradictions.ts';
import { auto } from '../../train/recipe-auto.ts';
import { paper } from '../../train/recipe-paper.ts';
import type { RunFacts } from '../../train/recipe-parts.ts';

/** Two runs that have nothing in common: what a recipe takes for both, it takes for all. */
const runs: readonly RunFacts[] = [
  { images: 500, imageSide: 28, channels: 1, cores: 2, readMilliseconds: 1, steps: 300 },
  { images: 300_000, imageSide: 600, channels: 3, cores: 16, readMilliseconds: 20, steps: 90_000 },
];

const recipes = { auto, paper } as const;

/** Longer reasons explain a value, shorter ones say what it follows. */
const SHORT_REASON = 32;

/** @returns for an option "auto: 3, paper: 10"; undefined where no recipe has a say */
export function recipeDefaults(method: string): (option: string) => string | undefined {
  const tables = Object.entries(recipes).map(([name, suggest]) => ({
    name,
    suggested: runs.map((facts) => suggest({}, facts, method)),
  }));
  return (option) => {
    const found = tables.flatMap(({ name, suggested }) => {
      const says = sayingOf(option, suggested, method);
      return says === undefined ? [] : [{ name, says }];
    });
    const [first, second] = found;
    if (first === undefined) return undefined;
    if (second !== undefined && first.says === second.says) return `default: ${first.says}`;
    return found.map(({ name, says }) => `${name}: ${says}`).join('; ');
  };
}

function sayingOf(option: string, suggested: readonly Suggestions[], method: string): string | undefined {
  const [a, b] = suggested.map((values) => values[option]);
  const arch = architectures.find((each) => each === suggested[0]?.arch?.[0]);
  if (a === undefined || b === undefined || arch === undefined || isForeign(option, { arch, method }))
    return undefined;
  if (String(a[0]) === String(b[0])) return String(a[0]).replaceAll(',', ' ');
  return a[1] === b[1] && a[1].length <= SHORT_REASON ? a[1] : 'fits images and budget';
}

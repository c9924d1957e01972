/** hf_key_map.json: the names of every layout, family by family, against our tables. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  huggingFaceDinov2,
  huggingFaceVit,
  type Layout,
  officialDinov2,
  officialLayout,
} from '../src/weights/layouts.ts';
import type { FileReport } from './checks.ts';
import { Comparison } from './comparison.ts';

export const KEY_MAP = 'hf_key_map.json';

const schema = z.object({
  families: z.record(
    z.string(),
    z.looseObject({
      rules: z.array(z.looseObject({ official: z.string(), hf: z.union([z.string(), z.array(z.string())]) })),
    }),
  ),
});

export function checkKeyMap(path: string): FileReport {
  const comparison = new Comparison();
  try {
    const { families } = schema.parse(JSON.parse(readFileSync(path, 'utf8')));
    for (const [family, { rules }] of Object.entries(families)) {
      const dinov2 = family.startsWith('dinov2');
      const ours = namesOf(dinov2 ? huggingFaceDinov2 : huggingFaceVit);
      const official = namesOf(dinov2 ? officialDinov2 : officialLayout);
      for (const rule of rules) {
        const wanted = [rule.hf].flat().join(' ');
        comparison.identical(
          'names',
          `${family} ${rule.official}`,
          [ours.get(rule.official) === wanted],
          [true],
        );
        comparison.identical(
          'official names',
          rule.official,
          [official.get(rule.official) === rule.official],
          [true],
        );
      }
      const covered = new Set(rules.map((rule) => rule.official));
      const needed = (dinov2 ? huggingFaceDinov2 : huggingFaceVit).rules.filter(
        ({ optional }) => optional !== true,
      );
      for (const { official: name } of needed)
        comparison.identical('nothing more', `${family} ${name}`, [covered.has(name)], [true]);
    }
  } catch (error) {
    return {
      kind: 'error',
      fixture: KEY_MAP,
      message: error instanceof Error ? error.message : String(error),
    };
  }
  return { kind: 'checked', fixture: KEY_MAP, rows: comparison.rows, unread: [] };
}

/** Foreign names by official ones. */
function namesOf({ rules }: Layout): Map<string, string> {
  return new Map(rules.map(({ official, foreign }) => [official, [foreign].flat().join(' ')]));
}

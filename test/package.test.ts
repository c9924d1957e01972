/** What an installation does: no package runs a script, so that nothing is fetched besides the packages themselves. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';

const read = (name: string) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));

it('package-lock.json marks no package whose install script npm would run (npx tsx scripts/unmark-lock.ts)', () => {
  const schema = z.object({
    packages: z.record(z.string(), z.looseObject({ hasInstallScript: z.boolean().optional() })),
  });
  const { packages } = schema.parse(read('package-lock.json'));
  expect(Object.keys(packages)).toContain('node_modules/onnxruntime-node');
  expect(Object.keys(packages).filter((name) => packages[name]?.hasInstallScript === true)).toEqual([]);
});

it('no setting in .npmrc is needed, of which npm would warn before each command', () => {
  expect(existsSync(new URL('../.npmrc', import.meta.url))).toBe(false);
});

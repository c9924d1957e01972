/** The version of this package, as its package.json says. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const schema = z.object({ name: z.string(), version: z.string() });

/** @returns "dino-ts 0.1.0" */
export function packageVersion(): string {
  // Two folders up from src/cli and from dist/cli alike.
  const file = new URL('../../package.json', import.meta.url);
  const { name, version } = schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  return `${name} ${version}`;
}

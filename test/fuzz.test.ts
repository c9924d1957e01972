/** The first of the damaged files of `npm run fuzz`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readers } from '../fuzz/readers.ts';
import { runOne } from '../fuzz/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'dino-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each(readers)('damaged files of $name are refused in a sentence, or read', async (reader) => {
  let refused = 0;
  for (let number = 0; number < 200; number++) {
    const { fault, loaded } = await runOne(reader, 1, number, folder);
    expect(fault, `seed 1, number ${number}`).toBeUndefined();
    if (!loaded) refused++;
  }
  expect(refused).toBeGreaterThan(20);
});

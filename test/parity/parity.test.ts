import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkFile, checks, passes } from '../../parity/checks.ts';

const golden = new URL('../golden/', import.meta.url);
const files = readdirSync(golden).filter((file) => file.endsWith('.safetensors'));
const read = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(file, golden)));

describe('the library agrees with the official code', () => {
  for (const file of files) {
    const name = file.replace('.safetensors', '');
    if (!(name in checks)) continue;
    test(`on ${name}`, async () => {
      const report = await checkFile(read(file), name);
      if (report.kind !== 'checked') throw new Error(`${name}: ${report.kind}`);
      expect(report.rows.length).toBeGreaterThan(0);
      expect(report.rows.filter((row) => !row.ok)).toEqual([]);
    });
  }
});

/** The file with one float of the last tensor's data changed. */
function damaged(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  new DataView(copy.buffer).setFloat32(copy.length - 4 - (copy.length % 4), 1e6, true);
  return copy;
}

describe('a check can fail', () => {
  for (const name of ['head', 'loss', 'vit_forward', 'knn']) {
    test(`on ${name} with one altered number`, async () => {
      const report = await checkFile(damaged(read(`${name}.safetensors`)), name);
      expect(passes(report)).toBe(false);
    });
  }
  test('on a file that is cut off', async () => {
    const bytes = read('head.safetensors');
    const report = await checkFile(bytes.subarray(0, bytes.length >> 1), 'head');
    expect(report.kind).toBe('error');
    expect(passes(report)).toBe(false);
  });
});

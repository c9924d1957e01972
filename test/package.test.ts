/**
 * What an installation does: no package runs a script, so that nothing is fetched besides the packages themselves. And what the
 * entries of the package promise.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
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

it('what dino devices --install cpu compiles is in the package', () => {
  const { files } = z.object({ files: z.array(z.string()) }).parse(read('package.json'));
  expect(files).toContain('native');
  for (const file of ['plugin.cc', 'stub/mlir/IR/BuiltinOps.h'])
    expect(existsSync(new URL(`../native/pjrt-cpu/${file}`, import.meta.url))).toBe(true);
});

describe('the entries of the package', () => {
  const entries = z.object({ exports: z.record(z.string(), z.object({ default: z.string() })) });
  const sourceOf = (built: string): string =>
    fileURLToPath(new URL(`../${built.replace('./dist/', 'src/').replace('.js', '.ts')}`, import.meta.url));
  const { exports } = entries.parse(read('package.json'));

  it('are files', () => {
    expect(Object.keys(exports)).toEqual(['.', './node', './eval', './graph']);
    for (const { default: built } of Object.values(exports)) expect(existsSync(sourceOf(built))).toBe(true);
  });

  it.each(['.', './eval', './graph'])('%s bundles for a browser, without anything of Node', async (name) => {
    const { outputFiles, metafile } = await build({
      entryPoints: [sourceOf(exports[name]!.default)],
      ...{ bundle: true, platform: 'browser', format: 'esm', write: false, metafile: true },
      logLevel: 'silent', // what cannot be resolved, such as node:fs, is thrown
    });
    expect(Object.keys(metafile.inputs).filter((file) => file.includes('-node.ts'))).toEqual([]);
    expect(outputFiles[0]!.text).not.toMatch(/\b(Buffer|process)\.|\brequire\(/);
  });
});

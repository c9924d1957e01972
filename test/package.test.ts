/** What an installation does: no package runs a script, so that nothing is fetched besides the packages themselves. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { forUsers, lockText, markedPackages, parseLock, withoutMarks } from '../scripts/lock-file.ts';

const text = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8');

describe('package-lock.json', () => {
  it('marks no package whose install script npm would run (npx tsx scripts/unmark-lock.ts takes marks out)', () => {
    expect(markedPackages(parseLock(text))).toEqual([]);
  });

  it('is written back as npm writes it', () => {
    expect(lockText(parseLock(text))).toBe(text);
  });

  it('needs no setting in .npmrc, of which npm would warn', () => {
    expect(existsSync(new URL('../.npmrc', import.meta.url))).toBe(false);
  });
});

describe('the lock of those who install the package', () => {
  it('has the packages that are needed, without marks', () => {
    const lock = parseLock(
      JSON.stringify({
        name: 'a',
        lockfileVersion: 3,
        packages: {
          '': { name: 'a', dependencies: { b: '1' }, devDependencies: { c: '1' } },
          'node_modules/b': { version: '1.0.0', hasInstallScript: true, license: 'MIT' },
          'node_modules/c': { version: '1.0.0', dev: true, hasInstallScript: true },
        },
      }),
    );
    expect(markedPackages(lock)).toEqual(['node_modules/b', 'node_modules/c']);
    expect(withoutMarks(lock).packages['node_modules/c']).toEqual({ version: '1.0.0', dev: true });
    expect(forUsers(lock)).toEqual({
      name: 'a',
      lockfileVersion: 3,
      packages: {
        '': { name: 'a', dependencies: { b: '1' } },
        'node_modules/b': { version: '1.0.0', license: 'MIT' },
      },
    });
    expect(Object.keys(forUsers(parseLock(text)).packages)).toContain('node_modules/onnxruntime-node');
    expect(Object.keys(forUsers(parseLock(text)).packages)).not.toContain('node_modules/vitest');
  });
});

/**
 * Makes `npx dino` work inside this checkout: npm links the commands of dependencies, but not a package's own, and would
 * install the package anew at each call. Does nothing where the folder of commands is missing.
 */
import { chmodSync, existsSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (relative: string): string => fileURLToPath(new URL(`../${relative}`, import.meta.url));

if (existsSync(path('node_modules/.bin')) && process.platform !== 'win32') {
  chmodSync(path('dist/cli/main.js'), 0o755);
  rmSync(path('node_modules/.bin/dino'), { force: true });
  symlinkSync('../../dist/cli/main.js', path('node_modules/.bin/dino'));
}

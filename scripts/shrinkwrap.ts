/**
 * Before packing: writes npm-shrinkwrap.json, which gives those who install the package the versions that were tested, and none
 * of their install scripts (see `lock-file.ts`). After packing, called with --remove: takes it away again, as npm would
 * prefer it to package-lock.json.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { forUsers, lockText, parseLock } from './lock-file.ts';

const lock = new URL('../package-lock.json', import.meta.url);
const shrinkwrap = new URL('../npm-shrinkwrap.json', import.meta.url);

if (process.argv.includes('--remove')) rmSync(shrinkwrap, { force: true });
else writeFileSync(shrinkwrap, lockText(forUsers(parseLock(readFileSync(lock, 'utf8')))));

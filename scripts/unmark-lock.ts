/** Takes the marks of install scripts out of package-lock.json; npm calls it whenever it has changed node_modules. */
import { readFileSync, writeFileSync } from 'node:fs';
import { lockText, markedPackages, parseLock, withoutMarks } from './lock-file.ts';

const file = new URL('../package-lock.json', import.meta.url);
const lock = parseLock(readFileSync(file, 'utf8'));
if (markedPackages(lock).length > 0) writeFileSync(file, lockText(withoutMarks(lock)));

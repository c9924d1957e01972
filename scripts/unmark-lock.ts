/**
 * Takes the marks of install scripts out of package-lock.json. No dependency needs its script, and that of onnxruntime-node
 * fetches files for CUDA that nothing here uses. npm 10 and 11 run the scripts of marked packages; newer ones ask `allowScripts`
 * in package.json. Changing dependencies may bring marks back: a test notices, and this takes them out again.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const text = readFileSync(file, 'utf8');
const unmarked: unknown = JSON.parse(text, (name, value: unknown) =>
  name === 'hasInstallScript' ? undefined : value,
);
writeFileSync(file, `${JSON.stringify(unmarked, null, 2)}\n`);

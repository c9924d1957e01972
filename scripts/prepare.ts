/**
 * Builds after `npm ci`. npm asks for this again when `npx dino` is first called in a checkout, to link its command: by
 * then it is built, and nobody should wait for that twice.
 */
import { execSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

if (process.env.npm_command !== 'exec' || !existsSync(command))
  execSync('npm run build', { stdio: 'inherit' });

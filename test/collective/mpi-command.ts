/** One rank of a `dino` command, which leaves its process id and may be told to fail when a file is there. */
import { existsSync, writeFileSync } from 'node:fs';
import { runCommand } from '../../src/cli/command.ts';

const rank = process.env.OMPI_COMM_WORLD_RANK ?? process.env.RANK ?? '0';
const {
  RANK_FOLDER: folder,
  FAILING_RANK: failing,
  FAILS_WITH: file = '',
  RANK_DIRECTORY: directory,
} = process.env;
if (directory !== undefined) process.chdir(directory);
if (folder !== undefined) writeFileSync(`${folder}/pid${rank}`, String(process.pid));
if (failing === rank)
  setInterval(() => {
    if (existsSync(file)) throw new Error('The disk went away');
  }, 500);
process.exitCode = await runCommand(process.argv.slice(2));

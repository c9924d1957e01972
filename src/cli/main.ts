#!/usr/bin/env node
import { apart } from './apart.ts';
import { runCommand } from './command.ts';
/** The `dino` command. */
import { workingDirectory } from './place.ts';
import { watchOutput } from './terminal/closed-output.ts';

watchOutput();
process.exitCode = await runCommand(process.argv.slice(2), { ...workingDirectory, apart });

#!/usr/bin/env node
/** The `dino` command. */
import { watchOutput } from './closed-output.ts';
import { runCommand } from './command.ts';

watchOutput();
process.exitCode = await runCommand(process.argv.slice(2));

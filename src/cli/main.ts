#!/usr/bin/env node
import { runCommand } from './command.ts';
/** The `dino` command. */
import { watchOutput } from './terminal/closed-output.ts';

watchOutput();
process.exitCode = await runCommand(process.argv.slice(2));

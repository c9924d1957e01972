#!/usr/bin/env node
/** The `dino` command. */
import { runCommand } from './command.ts';

process.exitCode = await runCommand(process.argv.slice(2));

#!/usr/bin/env node
/** The `dino` command. One file a subcommand; this one only chooses, and turns errors into one line and an exit code. */
import { ZodError } from 'zod';
import { explainIssue } from '../train/config.ts';
import { evaluateCommand } from './eval.ts';
import { editDistance, UsageError } from './flags.ts';
import { quickstart } from './quickstart.ts';
import { train, trainHelp } from './train.ts';

const help = `dino: self-distillation with no labels (DINO), in TypeScript

  dino train <source> [flags]              train on images
  dino train --resume <run>                go on with a run
  dino eval knn <run> --train <source> --test <source>
                                           accuracy of nearest neighbours on the features
  dino quickstart [folder]                 a few minutes on generated scenes or your folder, with a report

  dino <command> --help                    all flags of a command

Exit codes: 0 done, 1 an error, 2 a mistake on the command line, 3 the training failed (NaN), 130 stopped and saved.`;

const commands: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  train,
  eval: evaluateCommand,
  quickstart,
};

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    console.log(rest[0] === 'train' ? trainHelp : help);
    return 0;
  }
  const command = commands[name];
  if (command === undefined) {
    const nearest = Object.keys(commands).find((known) => editDistance(known, name) <= 2);
    throw new UsageError(
      `There is no command "${name}".${nearest === undefined ? ' --help lists them.' : ` Did you mean ${nearest}?`}`,
    );
  }
  return command(rest);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof ZodError) console.error(`error: ${explainIssue(error, () => undefined)}.`);
  else console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof UsageError || error instanceof ZodError ? 2 : 1;
}

/** Chooses the command, and turns errors into one line and an exit code. One file a command stands beside this one. */
import { launchedAs } from '../collective/launcher.ts';
import { devices } from './devices/devices.ts';
import { evaluateCommand } from './eval.ts';
import { evaluations, tools } from './evaluations/index.ts';
import { exitCodes } from './exit-codes.ts';
import { exportCommand } from './export/export.ts';
import { inspect } from './inspect.ts';
import { type Command, type Place, workingDirectory } from './place.ts';
import { quickstart } from './quickstart/quickstart.ts';
import { report } from './report.ts';
import { runEvaluation } from './run-evaluation.ts';
import { ablate } from './study/ablate.ts';
import { compare } from './study/compare.ts';
import { tellError } from './tell-error.ts';
import { suggestCommand } from './terminal/command-hint.ts';
import { UsageError } from './terminal/flags.ts';
import { commandLines } from './terminal/help.ts';
import { textWidth, wrap } from './terminal/wrap.ts';
import { train } from './train/train.ts';
import { packageVersion } from './version.ts';

const help = (): string => `dino: self-distillation with no labels (DINO), in TypeScript

${commandLines([
  ['dino train <source> [flags]', 'train on images'],
  ['dino train --resume <run>', 'go on with a run'],
  ['dino train <source> --init <weights>', "begin with weights: of a run, official ones, Hugging Face's"],
  ['dino compare <source> --methods <names>', 'train one network by several methods, side by side'],
  ['dino ablate <source>', 'train with one component after the other left out'],
  ['dino eval <name> <run> [flags]', 'measure what it learned; dino eval --help lists the evaluations'],
  ...tools.map(({ name, usage, summary }) => [`dino ${name} ${usage}`, summary] as const),
  ['dino report <run> [<run> ...]', "the run's report.html again; of several runs a comparison too"],
  ['dino export <run> --to <target>', 'the network for transformers, transformers.js, ONNX, PyTorch or timm'],
  ['dino inspect <file>', 'which network a file of weights holds, and what does not fit'],
  ['dino devices [source]', 'what there is to compute with, and how fast it is; --install fetches a plugin'],
  ['dino quickstart [folder]', 'a few minutes on generated scenes or your folder, with a report'],
])}

${commandLines([
  ['dino <command> --help', 'all flags of a command, with examples'],
  ['dino --version', 'the version'],
])}

${paragraph('Where a run is asked for, a file of weights, a Hugging Face folder or a known name (dino_vits16, facebook/dino-vits16) does as well.')}

${paragraph(`Exit codes: ${exitCodes.done} done, ${exitCodes.error} an error, ${exitCodes.mistake} a mistake on the command line, ${exitCodes.failed} the training failed (NaN), ${exitCodes.stopped} stopped and saved.`)}`;

const paragraph = (text: string): string => wrap(text, textWidth(process.stdout)).join('\n');

const commands: Readonly<Record<string, Command>> = {
  train,
  compare,
  ablate,
  eval: evaluateCommand,
  quickstart,
  inspect,
  devices,
  export: exportCommand,
  report,
  ...Object.fromEntries(
    tools.map((tool): [string, Command] => [
      tool.name,
      (args, place) => runEvaluation(tool, `dino ${tool.name}`, args, place),
    ]),
  ),
};

/**
 * Runs the `dino` command.
 *
 * @param args the words after `dino`
 * @returns the exit code
 */
export async function runCommand(args: readonly string[], place: Place = workingDirectory): Promise<number> {
  try {
    return await dispatch(args, place);
  } catch (error) {
    return tellError(error);
  }
}

async function dispatch(args: readonly string[], place: Place): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--version' || name === '-v' || name === '-V' || name === 'version') {
    console.log(packageVersion());
    return 0;
  }
  const isHelp = name === undefined || name === '--help' || name === '-h' || name === 'help';
  if (isHelp && rest.length > 0) return dispatch([...rest, '--help'], place);
  if (isHelp) {
    console.log(help());
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  const { rank = 0, size = 1 } = launchedAs(process.env) ?? {};
  if (command !== undefined && command !== train && size > 1) {
    if (rank > 0) return exitCodes.mistake;
    throw new UsageError(
      `The command dino ${name} works in one process: start it alone, without mpirun or torchrun; only dino train shares its work.`,
    );
  }
  if (command !== undefined)
    return command(rest.length === 1 && rest[0] === 'help' ? ['--help'] : rest, place);
  if (name.startsWith('-'))
    throw new UsageError(
      `The command comes before its flags, and ${name} is none: dino train ${name} …, say. --help lists the commands.`,
    );
  const known = [...Object.keys(commands), ...evaluations.map((evaluation) => `eval ${evaluation.name}`)];
  const meant = suggestCommand(name, known);
  throw new UsageError(
    `There is no command "${name}".${meant === undefined ? ' --help lists them.' : ` Did you mean dino ${meant}?`}`,
  );
}

/** `dino eval <name> <run>`: evaluations of a run's teacher. */
import { evaluations, tools } from './evaluations/index.ts';
import { examples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import type { Place } from './place.ts';
import { runEvaluation } from './run-evaluation.ts';
import { suggestCommand } from './terminal/command-hint.ts';
import { UsageError } from './terminal/flags.ts';
import { commandLines } from './terminal/help.ts';

const help = (): string => `dino eval <name> <run> [flags]

${commandLines(evaluations.map(({ name, summary }) => [name, summary]))}

  dino eval <name> --help    its flags

Examples
${examples.eval.map(([command, what]) => `  ${command}\n      ${what}`).join('\n')}`;

/** @returns the exit code */
export async function evaluateCommand(args: readonly string[], place: Place): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h') {
    console.log(help());
    return name === undefined ? exitCodes.mistake : exitCodes.done;
  }
  const evaluation = evaluations.find((known) => known.name === name);
  if (evaluation !== undefined) return runEvaluation(evaluation, `dino eval ${name}`, rest, place);
  const known = [...evaluations.map((each) => `eval ${each.name}`), ...tools.map((tool) => tool.name)];
  const meant = suggestCommand(name, known);
  throw new UsageError(
    `There is no evaluation "${name}"; there are: ${evaluations.map((each) => each.name).join(', ')}.${meant === undefined ? '' : ` Did you mean dino ${meant}?`}`,
  );
}

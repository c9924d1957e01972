/** `dino eval <name> <run>`: evaluations of a run's teacher. */
import { evaluations } from './evaluations/index.ts';
import { editDistance, UsageError } from './flags.ts';
import { runEvaluation } from './run-evaluation.ts';

const width = Math.max(...evaluations.map(({ name }) => name.length));

const help = `dino eval <name> <run> [flags]

${evaluations.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

  dino eval <name> --help    its flags`;

/** @returns the exit code */
export async function evaluateCommand(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h') {
    console.log(help);
    return name === undefined ? 2 : 0;
  }
  const evaluation = evaluations.find((known) => known.name === name);
  if (evaluation !== undefined) return runEvaluation(evaluation, `dino eval ${name}`, rest);
  const nearest = evaluations.find((known) => editDistance(known.name, name) <= 2);
  throw new UsageError(
    `There is no evaluation "${name}"; there are: ${evaluations.map((known) => known.name).join(', ')}.${nearest === undefined ? '' : ` Did you mean ${nearest.name}?`}`,
  );
}

/** `dino report <run>`: the run's report again, from everything that its folder holds by now. */
import { RunFolder } from '../train/run-folder-node.ts';
import { parseFlags, UsageError } from './flags.ts';
import { writeRunReport } from './write-report.ts';

const help = `dino report <run>

Writes report.html anew: curves, the doctor's findings, attention over time, neighbours, and every evaluation that was run.`;

/** @returns the exit code */
export async function report(args: readonly string[]): Promise<number> {
  const { positionals, switches } = parseFlags(args, { fields: {}, switches: ['help'] });
  const [run] = positionals;
  if (switches.has('help')) {
    console.log(help);
    return 0;
  }
  if (run === undefined) throw new UsageError('Which run? dino report <run>');
  const folder = RunFolder.open(run);
  await writeRunReport(folder);
  console.log(`Wrote ${folder.file('report.html')}.`);
  return 0;
}

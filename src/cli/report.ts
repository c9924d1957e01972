/** `dino report <run>`: the run's report again, from everything that its folder holds by now. */
import { RunFolder } from '../train/run-folder-node.ts';
import { examples } from './examples.ts';
import { writeFigures } from './figures.ts';
import { parseFlags, UsageError } from './flags.ts';
import { helpSwitch, renderHelp } from './help.ts';
import { writeRunReport } from './write-report.ts';

const help = renderHelp({
  usage: ['dino report <run> [--figures]'],
  about:
    "Writes report.html anew: curves, the doctor's findings, attention over time, neighbors, and every evaluation that was run.",
  examples: examples.report,
  groups: [
    {
      title: 'Flags',
      switches: {
        figures: 'also writes its figures into figures/: SVG of the charts, PNG of the pictures, captions.md',
        ...helpSwitch,
      },
    },
  ],
});

/** @returns the exit code */
export async function report(args: readonly string[]): Promise<number> {
  const { positionals, switches } = parseFlags(args, { fields: {}, words: 1, switches: ['figures', 'help'] });
  const [run] = positionals;
  if (switches.has('help')) {
    console.log(help);
    return 0;
  }
  if (run === undefined) throw new UsageError('Which run? dino report <run>');
  const folder = RunFolder.open(run);
  const shown = await writeRunReport(folder);
  console.log(`Wrote ${folder.file('report.html')}.`);
  if (switches.has('figures')) {
    const files = await writeFigures(folder, shown);
    console.log(`Wrote ${files.length} figures into ${folder.file('figures')}.`);
  }
  return 0;
}

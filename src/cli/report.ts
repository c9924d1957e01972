/** `dino report <run>`: the run's report again, from everything that its folder holds by now; of several runs a comparison too. */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../files/make-folder-node.ts';
import { counted } from '../numbers/counted.ts';
import { type ComparedRun, renderComparison } from '../report/page/comparison.ts';
import { writeFigures } from '../run/figures-node.ts';
import { RunFolder } from '../run/run-folder-node.ts';
import { examples } from './examples.ts';
import { reportShown } from './report-shown.ts';
import { parseFlags, UsageError } from './terminal/flags.ts';
import { helpSwitch, renderHelp } from './terminal/help.ts';

const fields = {
  output: z
    .string()
    .describe('file of the comparison; comparison-<names of the runs>.html in this folder unless given'),
};

const help = renderHelp({
  usage: ['dino report <run> [<run> ...] [flags]'],
  about:
    "Writes report.html anew: curves, the doctor's findings, attention over time, neighbors, and every evaluation that was run. Of several runs it also writes one page that shows them beside each other: a table of scores, their curves laid over each other, and what they were trained with where that differs.",
  examples: examples.report,
  groups: [
    {
      title: 'Flags',
      fields,
      switches: {
        figures:
          'also writes the figures of each report into figures/: SVG of the charts, PNG of the pictures, captions.md',
        ...helpSwitch,
      },
    },
  ],
});

/** @returns the exit code */
export async function report(args: readonly string[]): Promise<number> {
  const { positionals, values, switches } = parseFlags(args, { fields, switches: ['figures', 'help'] });
  if (switches.has('help')) {
    console.log(help);
    return 0;
  }
  const { output } = z.object(fields).partial().parse(values);
  if (positionals.length === 0) throw new UsageError('Which run? dino report <run> [<run> ...]');
  if (positionals.length === 1 && output !== undefined)
    throw new UsageError('--output is the file of a comparison: give two runs or more, or leave it out.');
  if (output !== undefined && statSync(output, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(
      `${output} is a folder: give the file of the comparison, such as ${join(output, 'comparison.html')}.`,
    );
  const paths = positionals.map((path) => resolve(path));
  const twice = positionals.find((_, i) => paths.indexOf(paths[i] ?? '') !== i);
  if (twice !== undefined) throw new UsageError(`${twice} is given twice: a comparison needs each run once.`);
  const folders = positionals.map((path) => RunFolder.open(path));
  const file = output ?? comparisonFile(positionals);
  const page = resolve(file);
  const runs: ComparedRun[] = [];
  for (const [i, folder] of folders.entries()) {
    const shown = await reportShown(folder);
    const own = folder.file('report.html');
    console.log(`Wrote ${own}.`);
    if (switches.has('figures')) {
      const files = await writeFigures(folder, shown);
      console.log(`Wrote ${counted(files.length, 'figure')} into ${folder.file('figures')}.`);
    }
    runs.push({ name: nameOf(positionals, i), address: addressOf(own, page), report: shown });
  }
  if (runs.length > 1) {
    makeFolder(dirname(page));
    const isReplaced = existsSync(page);
    writeFileSync(page, renderComparison(runs));
    console.log(
      `Wrote ${file}: ${counted(runs.length, 'run')} beside each other${isReplaced ? ', in place of what the file held before' : ''}.`,
    );
  }
  return 0;
}

/** More letters than this are no name. */
const LONGEST = 80;

/** A name that tells the runs, of letters that all file systems take. */
export function comparisonFile(given: readonly string[]): string {
  const names = given.map((_, i) =>
    nameOf(given, i)
      .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
      .replaceAll(/^-|-$/g, ''),
  );
  const all = names.join('-');
  const short = `${names[0]?.slice(0, LONGEST)}-and-${given.length - 1}-more`;
  return `comparison-${all.length <= LONGEST ? all : short}.html`;
}

/** The folder's own name, or the path as it was given where two folders have one name. */
function nameOf(given: readonly string[], run: number): string {
  const names = given.map((path) => basename(resolve(path)));
  const name = names[run] ?? '';
  return names.filter((each) => each === name).length > 1 ? (given[run] ?? '') : name;
}

/** How a page in one place links to a file in another. */
function addressOf(file: string, page: string): string {
  return relative(dirname(page), resolve(file)).split(sep).map(encodeURIComponent).join('/');
}

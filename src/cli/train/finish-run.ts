/** What follows a training session: the report, a line that says what there is, and the exit code. */
import type { Source } from '../../data/source.ts';
import { counted } from '../../numbers/counted.ts';
import { BEST, LAST } from '../../run/checkpoint-files.ts';
import { keepPeakMemory } from '../../run/peak-memory.ts';
import type { RunFolder } from '../../run/run-folder-node.ts';
import { exitCodes } from '../exit-codes.ts';
import { reportShown } from '../report-shown.ts';
import type { Outcome } from './show-session.ts';

/** @returns the exit code */
export async function finishRun(folder: RunFolder, outcome: Outcome, source: Source): Promise<number> {
  keepPeakMemory(folder, process.resourceUsage().maxRSS * 1024);
  if (outcome !== 'stopped' && folder.has(LAST)) {
    await reportShown(folder, { source });
    const best = folder.has(BEST) ? `, ${BEST}` : '';
    if (folder.has('skipped.txt')) {
      const count = folder.readText('skipped.txt').trimEnd().split('\n').length;
      console.error(
        `${counted(count, 'file was', 'files were')} left out; ${folder.file('skipped.txt')} says why.`,
      );
    }
    console.error(`${folder.path}: report.html, ${LAST}${best}, log.txt`);
  }
  return outcome === 'finished' ? exitCodes.done : exitCodes[outcome];
}

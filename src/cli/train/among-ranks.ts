/** `mpirun -n 4 npx dino train …`, or torchrun, or srun: one command line in several processes, of which the first does what it says and the others follow. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Collective, CollectiveError } from '../../collective/collective.ts';
import { joinRanks } from '../../collective/join-ranks-node.ts';
import { isMpi, launchedAs } from '../../collective/launcher.ts';
import { gathered } from '../../collective/messages.ts';
import { coresOfRank, shareOfCores } from '../../collective/mpi-node.ts';
import { TcpRanks } from '../../collective/tcp-node.ts';
import { counted } from '../../numbers/counted.ts';
import { followInNode } from '../../run/follow-node.ts';
import { Ranks } from '../../run/ranks.ts';
import { exitCodes } from '../exit-codes.ts';
import { tellError } from '../tell-error.ts';
import { shellWords } from '../terminal/shell-words.ts';
import { packageVersion } from '../version.ts';

/** Milliseconds. */
const PATIENCE = 3000;

/** What ranks have in common. */
interface Introduction {
  readonly host: string;
  readonly version: string;
  readonly command: string;
}

/**
 * Does the work as rank 0, with the others behind it, or follows rank 0; a process that is alone has nobody behind it.
 *
 * @returns the exit code
 */
export async function amongRanks(
  args: readonly string[],
  work: (ranks: Ranks | undefined) => Promise<number>,
): Promise<number> {
  const collective = await joined(args);
  if (collective === undefined) return exitCodes.error;
  if (collective.size === 1) return work(undefined);
  const { rank } = collective;
  const fatal = (error: unknown): void => {
    tellError(error, `rank ${rank} (${hostname()})`);
    collective.abort(exitCodes.error);
  };
  process.on('uncaughtException', fatal).on('unhandledRejection', fatal);
  try {
    const difference = await introduced(collective, args);
    if (difference !== undefined) {
      if (rank === 0) tellError(new CollectiveError(difference));
      await collective.dispose();
      return exitCodes.mistake;
    }
    if (rank === 0) return await lead(new Ranks(collective), work);
    const code = await followInNode(collective);
    await collective.dispose();
    return code;
  } catch (error) {
    fatal(error);
    return exitCodes.error;
  }
}

/** @returns undefined where this rank does not find the others, which it has said then */
async function joined(args: readonly string[]): Promise<Collective | undefined> {
  try {
    return await joinRanks(distUrlOf(args));
  } catch (error) {
    const { rank = 0, by = 'MPI' } = launchedAs(process.env) ?? {};
    // Of many ranks that MPI does not bring together the first one says so: its end is that of all.
    if (isMpi(by) && rank > 0) await sleep(PATIENCE);
    if (isMpi(by)) throw error;
    tellError(error, `rank ${rank} (${hostname()})`);
    return undefined;
  }
}

/** Where ranks meet has to be known before the flags are read, of which rank 0 alone speaks. */
function distUrlOf(args: readonly string[]): string | undefined {
  const at = args.findIndex((word) => /^--dist[_-]url(=|$)/.test(word));
  return at < 0 ? undefined : (/=(.*)/.exec(args[at] ?? '')?.[1] ?? args[at + 1]);
}

/** What differs from rank to rank: the flag that older launchers of PyTorch give to each. */
const LOCAL_RANK = /^--local[_-]rank=/;

async function lead(ranks: Ranks, work: (ranks: Ranks) => Promise<number>): Promise<number> {
  let code: number = exitCodes.error;
  try {
    code = await work(ranks);
  } catch (error) {
    code = tellError(error);
    // Others may wait in the middle of a step.
    if (ranks.hasBegun || error instanceof CollectiveError) ranks.collective.abort(code);
  }
  await ranks.end(code);
  return code;
}

/** @returns a sentence on the first rank that does not fit */
async function introduced(collective: Collective, args: readonly string[]): Promise<string | undefined> {
  const command = shellWords(args.filter((word) => !LOCAL_RANK.test(word)));
  const own: Introduction = { host: hostname(), version: packageVersion(), command };
  const all = await gathered(collective, own);
  const [first = own] = all;
  const versions = all.findIndex(({ version }) => version !== first.version);
  if (versions > 0)
    return `Rank ${versions} (${all[versions]?.host}) is of version ${all[versions]?.version}, rank 0 of ${first.version}: install the same on all machines.`;
  const commands = all.findIndex(({ command }) => command !== first.command);
  if (commands > 0)
    return `Rank ${commands} (${all[commands]?.host}) was started with dino train ${all[commands]?.command}, rank 0 with dino train ${first.command}: start all with the same options.`;
  if (collective.rank === 0) {
    const machines = new Set(all.map(({ host }) => host)).size;
    const [cores, share] = [coresOfRank(), shareOfCores()];
    const place = collective instanceof TcpRanks ? `; they meet at ${collective.meetsAt}` : '';
    console.error(
      `${collective.size} ranks on ${counted(machines, 'machine')}, this one with ${counted(cores, 'core')}${place}.`,
    );
    if (2 * cores <= share)
      console.error(
        `The launcher bound this rank to ${counted(cores, 'core')} of the ${share} that it could have: with --bind-to none (mpirun) or --cpus-per-task ${share} (srun) it has them all.`,
      );
  }
  return undefined;
}

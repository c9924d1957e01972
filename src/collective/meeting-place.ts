/** Where ranks that no MPI brings together meet: at a port of rank 0's machine, which the environment names. */
import { CollectiveError } from './collective.ts';
import { type Environment, isMpi, launchedAs, numberIn } from './launcher.ts';

/** One rank, and where it finds the others. */
export interface MeetingPlace {
  readonly rank: number;
  readonly size: number;
  /** Its number among the ranks of its machine, where that is said. */
  readonly local: number | undefined;
  /** Ranks on its machine, where that is said. */
  readonly here: number | undefined;
  /** Of rank 0's machine. */
  readonly host: string;
  readonly port: number;
  /** What the ranks of this run know and others do not. */
  readonly token: string;
  /** How long ranks wait for each other at the start. */
  readonly seconds: number;
}

/** The port of torchrun. */
const PORT = 29500;
/** Five minutes: machines of a cluster do not start at once. */
const SECONDS = 300;

/**
 * @param distUrl `tcp://host:port` in place of MASTER_ADDR and MASTER_PORT
 * @returns undefined for a process that is alone or that MPI started
 * @throws CollectiveError for variables that contradict each other
 */
export function meetingPlace(environment: Environment, distUrl?: string): MeetingPlace | undefined {
  const given = distUrl === undefined || distUrl === 'env://' ? undefined : parsed(distUrl);
  const launched = launchedAs(environment);
  if (launched !== undefined && isMpi(launched.by)) return undefined;
  if (launched?.rank === undefined || launched.size === undefined) {
    const size = numberIn(environment, 'WORLD_SIZE') ?? 1;
    const host = given?.host ?? environment.MASTER_ADDR;
    if (size > 1 && host !== undefined)
      throw new CollectiveError(
        `Several ranks are to meet at ${host}, and nothing says which one this is: set RANK and WORLD_SIZE, as torchrun does.`,
      );
    return undefined;
  }
  const { rank, size, here, by } = launched;
  if (rank < 0 || rank >= size)
    throw new CollectiveError(`RANK is ${rank} and WORLD_SIZE ${size}: ranks count from 0 to ${size - 1}.`);
  const { MASTER_ADDR: master, SLURM_JOB_ID: job, SLURM_STEP_ID: step } = environment;
  const nodes = environment.SLURM_STEP_NODELIST ?? environment.SLURM_JOB_NODELIST;
  const host = given?.host ?? master ?? (by === 'Slurm' ? firstHost(nodes) : undefined);
  if (host === undefined || host === '')
    throw new CollectiveError(
      `This is rank ${rank} of ${size}, and nothing says where rank 0 is: set MASTER_ADDR and MASTER_PORT, or give --dist_url tcp://host:port.`,
    );
  const port = given?.port ?? portIn(environment, by === 'Slurm');
  // Whoever does not set one is kept apart from other runs by what the launcher calls this one.
  const { TORCHELASTIC_RUN_ID: run, TORCHELASTIC_RESTART_COUNT: attempt } = environment;
  const names = by === 'Slurm' ? [job, step] : [run, attempt];
  return {
    rank,
    size,
    here,
    local: numberIn(environment, by === 'Slurm' ? 'SLURM_LOCALID' : 'LOCAL_RANK'),
    host,
    port,
    token: environment.DINO_RUN_TOKEN ?? ['dino', ...names, port].join('/'),
    seconds: numberIn(environment, 'DINO_RANK_TIMEOUT') ?? SECONDS,
  };
}

function portIn(environment: Environment, bySlurm: boolean): number {
  const { MASTER_PORT: text } = environment;
  if (text === undefined && bySlurm) {
    // Below the ports that systems hand out, another one for each step.
    const [job = 0, step = 0] = ['SLURM_JOB_ID', 'SLURM_STEP_ID'].map((name) => numberIn(environment, name));
    return 20000 + ((job + 101 * step) % 10000);
  }
  const port = checkedPort(text ?? String(PORT), `MASTER_PORT ${text}`);
  // Where torchrun shares its own store it holds the port itself.
  if (environment.TORCHELASTIC_USE_AGENT_STORE !== 'True') return port;
  return port === 65535 ? port - 1 : port + 1;
}

function checkedPort(text: string, name: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new CollectiveError(`${name} is no port: give a number from 1 to 65535.`);
  return port;
}

function parsed(distUrl: string): { readonly host: string; readonly port: number } {
  const [, host, port] = /^tcp:\/\/(\[[^\]]+\]|[^:/]+):([^/?]+)\/?$/.exec(distUrl) ?? [];
  if (host === undefined || port === undefined)
    throw new CollectiveError(
      `--dist_url ${distUrl} names no place to meet: give tcp://host:port, or env:// for MASTER_ADDR and MASTER_PORT.`,
    );
  return { host: host.replace(/^\[|\]$/g, ''), port: checkedPort(port, `The port of --dist_url ${distUrl}`) };
}

/** The first host of a list such as `node[03-05,7],gpu1`. */
function firstHost(list = ''): string | undefined {
  return list.replace(/\[([^\],-]+)[^\]]*\]/g, '$1').split(',')[0];
}

/** Our side of the line protocol (bench/peer/protocol.py): JSON commands on standard input, JSON answers on standard output. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

type Command = Readonly<Record<string, unknown>>;

/** @param setup prepares the work; what it returns is repeated and timed */
export async function serve(setup: (command: Command) => Promise<() => Promise<unknown>>): Promise<void> {
  let work: (() => Promise<unknown>) | undefined;
  const answer = async (command: Command): Promise<unknown> => {
    switch (command.cmd) {
      case 'setup':
        work = await setup(command);
        return { ok: true, versions: { node: process.version } };
      case 'run': {
        if (work === undefined) throw new Error('run before setup');
        const ms: number[] = [];
        let result: unknown;
        for (let i = 0; i < Number(command.n ?? 1); i++) {
          const start = performance.now();
          result = await work();
          ms.push(performance.now() - start);
        }
        return { ms, ...(isNumbers(result) ? { result } : {}) };
      }
      case 'memory':
        return { peakMb: peakMb() };
      default:
        throw new Error(`there is no command ${String(command.cmd)}`);
    }
  };
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      console.log(JSON.stringify(await answer(JSON.parse(line))));
    } catch (error) {
      console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
    }
  }
}

/** What a repetition may return to be compared with the peer's: a few numbers by name. */
function isNumbers(value: unknown): value is Record<string, number> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype &&
    Object.values(value).every((each) => typeof each === 'number' && Number.isFinite(each))
  );
}

/** Peak resident memory of this process in MB (10^6 bytes). */
function peakMb(): number {
  try {
    const line = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
    if (line !== null) return (Number(line[1]) * 1024) / 1e6;
  } catch {
    // Not Linux: the process's own count.
  }
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}

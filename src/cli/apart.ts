/** A command in a process of its own, so that what it takes of the memory is its own, and is given back at its end. */
import { spawn } from 'node:child_process';

/** How such a command ended. */
export interface Ended {
  /** Undefined where a signal ended it. */
  readonly code: number | undefined;
  /** Whether this process was asked to stop meanwhile. */
  readonly asked: boolean;
}

/**
 * Runs `dino` with these words as this process was started; what it says on standard error is seen. A terminal interrupts both
 * processes at once; what ends this one alone is passed on.
 */
export async function apart(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let asked = false;
  const interrupt = (): void => {
    asked = true;
  };
  const end = (signal: NodeJS.Signals): void => {
    asked = true;
    child.kill(signal);
  };
  process.on('SIGINT', interrupt);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    return { code: code ?? undefined, asked };
  } finally {
    process.off('SIGINT', interrupt);
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.off(signal, end);
  }
}

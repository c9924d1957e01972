/** Following rank 0 in Node: images by their path; a signal asks all ranks to stop after their step. */
import type { Collective } from '../collective/collective.ts';
import { TcpRanks } from '../collective/tcp-node.ts';
import type { DeviceChoice } from '../train/device-fields.ts';
import { follow } from './follow.ts';
import { nodeMachine } from './machine-node.ts';
import { openAcross } from './open-across-node.ts';
import { openRequested } from './open-recorded-node.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** @returns the exit code of rank 0 */
export async function followInNode(collective: Collective): Promise<number> {
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  for (const signal of signals) process.on(signal, interrupt);
  try {
    const { engine, loadBatches } = nodeMachine;
    const devices =
      collective instanceof TcpRanks
        ? { openDevices: (choice: DeviceChoice) => openAcross(choice, collective) }
        : {};
    const { signal } = abort;
    return await follow({ collective, engine, loadBatches, open: openRequested, ...devices, signal });
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}

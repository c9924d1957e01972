/**
 * Rank 0 trains as a process alone does: it reads the command line, chooses, measures, evaluates and writes. The other ranks wait for its
 * orders (`follow.ts`): which images to open, and to take part in steps until those have ended.
 */

import type { Collective } from '../collective/collective.ts';
import { broadcastFloats, gathered, shared } from '../collective/messages.ts';
import type { Source, SourceOptions } from '../data/source.ts';
import { asFloats } from '../engine/values.ts';
import { OptionError } from '../method/option-error.ts';
import { counted } from '../numbers/counted.ts';
import type { TrainConfig } from '../train/config.ts';
import type { DeviceChoice } from '../train/device-fields.ts';
import type { TrainedLoop } from '../train/loop.ts';
import type { Pace } from '../train/plan.ts';
import { namedValues, type TrainState } from '../train/state.ts';
import type { Trainer } from '../train/trainer.ts';
import { fingerprint } from './fingerprint.ts';

/** Which images, in plain data. */
export interface SourceRequest extends SourceOptions {
  readonly path: string;
  /** Generated scenes instead. */
  readonly scenes?: { readonly count: number; readonly seed: number; readonly size: number } | undefined;
}

/** What a rank sees of its images, or why it does not. */
export interface Seen {
  readonly images: number;
  readonly fingerprint: string;
  readonly error?: string;
}

export type Order =
  | { readonly do: 'open'; readonly source: SourceRequest }
  | { readonly do: 'open devices'; readonly choice: DeviceChoice }
  | {
      readonly do: 'train';
      readonly config: TrainConfig;
      readonly schedule: {
        readonly steps: number;
        readonly stepsPerEpoch: number;
        readonly paces: readonly Pace[];
      };
      readonly fromStep: number;
      /** Whether it is another trainer than before. */
      readonly isNew: boolean;
      /** Names and lengths of what a frozen network has. */
      readonly frozen: readonly (readonly [name: string, length: number])[];
    }
  | { readonly do: 'end'; readonly code: number };

/** What rank 0 has of the others. */
export class Ranks {
  readonly collective: Collective;
  /** Whether the others may wait in the middle of a step, or of something else that this rank takes part in. */
  hasBegun = false;
  #trainer: Trainer | undefined;

  constructor(collective: Collective) {
    this.collective = collective;
  }

  get size(): number {
    return this.collective.size;
  }

  /** @throws Error naming the rank that sees other images than rank 0 */
  async open(request: SourceRequest, source: Source): Promise<void> {
    await this.#order({ do: 'open', source: request });
    const own = seen(source);
    for (const [rank, other] of (await gathered<Seen>(this.collective, own)).entries()) {
      if (other.error !== undefined) throw new Error(`Rank ${rank} cannot open the images: ${other.error}`);
      if (other.images !== own.images)
        throw new Error(
          `Rank ${rank} sees ${counted(other.images, 'image')}, rank 0 ${own.images}: give all machines the same images at ${request.path}.`,
        );
      if (other.fingerprint !== own.fingerprint)
        throw new Error(
          `Rank ${rank} sees as many images as rank 0, but other ones: give all machines the same images at ${request.path}.`,
        );
    }
  }

  /** The others open their devices while this rank does. */
  async openDevices<T>(choice: DeviceChoice, own: () => Promise<T>): Promise<T> {
    await this.#order({ do: 'open devices', choice });
    try {
      return await own();
    } catch (error) {
      // What does not fit all of them is refused before any of them begins.
      this.hasBegun ||= !(error instanceof OptionError);
      throw error;
    }
  }

  /** The others take part from here on, beginning with what this rank's trainer is. */
  async begin({ trainer, config, plan, fromStep }: TrainedLoop): Promise<void> {
    const { scheduleSteps: steps, stepsPerEpoch, paces } = plan;
    this.hasBegun = true;
    await this.#order({
      do: 'train',
      config,
      schedule: { steps, stepsPerEpoch, paces },
      fromStep,
      isNew: trainer !== this.#trainer,
      frozen: [...trainer.frozen].map(([name, { length }]) => [name, length]),
    });
    this.#trainer = trainer;
    for (const values of trainer.frozen.values()) await broadcastFloats(this.collective, values);
    await shareState(this.collective, trainer.state);
  }

  /** The others end. */
  async end(code: number): Promise<void> {
    await this.#order({ do: 'end', code });
    await this.collective.dispose();
  }

  async #order(order: Order): Promise<void> {
    await shared(this.collective, order);
  }
}

export function seen(source: Source): Seen {
  return { images: source.length, fingerprint: fingerprint(source) };
}

/** Rank 0's state becomes that of all. */
export async function shareState(collective: Collective, state: TrainState): Promise<void> {
  for (const { buffer } of namedValues(state)) {
    const values = asFloats(await buffer.read());
    await broadcastFloats(collective, values);
    buffer.write(values);
  }
  const { counts } = state.update;
  for (const [name, count] of await shared(collective, [...counts])) counts.set(name, count);
}

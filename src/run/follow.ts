/** What the ranks after the first do: they train as rank 0 says (`ranks.ts`), and write nothing. */

import type { Collective } from '../collective/collective.ts';
import { broadcastFloats, gathered, shared } from '../collective/messages.ts';
import type { Source } from '../data/source.ts';
import type { Engine } from '../engine/engine.ts';
import { trainerOptionsOf } from '../train/build.ts';
import type { DeviceChoice } from '../train/device-fields.ts';
import { trainLoop } from '../train/loop.ts';
import { Plan } from '../train/plan.ts';
import { Trainer } from '../train/trainer.ts';
import type { Machine } from './machine.ts';
import { type Order, type Seen, type SourceRequest, seen, shareState } from './ranks.ts';

export interface FollowOptions extends Pick<Machine, 'engine' | 'loadBatches'> {
  readonly collective: Collective;
  open(request: SourceRequest): Source;
  /** Opens this rank's share of devices that all ranks compute on. */
  openDevices?(choice: DeviceChoice): Promise<Engine | undefined>;
  /** Asks all ranks to stop after their step. */
  readonly signal?: AbortSignal;
}

/** Follows rank 0 to its end. @returns its exit code */
export async function follow(options: FollowOptions): Promise<number> {
  const { collective } = options;
  let source: Source | undefined;
  let { engine } = options;
  let trainer: Trainer | undefined;
  try {
    for (;;) {
      const order = await shared<Order | undefined>(collective, undefined);
      if (order === undefined) continue;
      if (order.do === 'end') return order.code;
      if (order.do === 'open devices') {
        engine = (await options.openDevices?.(order.choice)) ?? engine;
        continue;
      }
      if (order.do === 'open') {
        const found = opened(options, order.source);
        source = 'length' in found ? found : undefined;
        await gathered<Seen>(
          collective,
          'length' in found ? seen(found) : { images: 0, fingerprint: '', error: found.message },
        );
        continue;
      }
      if (source === undefined) throw new Error('Rank 0 asks for training before it says on which images.');
      const { config, schedule, fromStep } = order;
      const frozen = new Map(order.frozen.map(([name, length]) => [name, new Float32Array(length)]));
      for (const values of frozen.values()) await broadcastFloats(collective, values);
      if (order.isNew) {
        await trainer?.dispose();
        trainer = await Trainer.create({
          ...trainerOptionsOf(config, engine.replicas),
          engine,
          frozen,
          collective,
        });
      }
      if (trainer === undefined) throw new Error('Rank 0 goes on with a trainer that there is not.');
      await shareState(collective, trainer.state);
      const plan = new Plan(config, schedule.steps, schedule.stepsPerEpoch, schedule.paces);
      const { loadBatches, signal } = options;
      const loop = { trainer, source, config, plan, loadBatches, fromStep };
      for await (const _ of trainLoop(signal === undefined ? loop : { ...loop, signal }));
    }
  } finally {
    await trainer?.dispose();
  }
}

function opened({ open }: FollowOptions, request: SourceRequest): Source | Error {
  try {
    return open(request);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** A short training of each method lowers its loss and groups generated scenes better than the untrained network does. */
import { describe, expect, it } from 'vitest';
import { scenesSource } from '../../src/data/scenes-source.ts';
import { openFrozen } from '../../src/run/frozen-network-node.ts';
import type { Session } from '../../src/run/session.ts';
import type { SessionEvent } from '../../src/run/session-events.ts';
import type { TrainOptions } from '../../src/train/config.ts';
import { follow, startRun } from './tiny-run.ts';

const source = scenesSource({ count: 600, seed: 2, size: 24 });

const short: TrainOptions = {
  ...{ globalCropsSize: 16, evalSize: 24, batchSizePerGpu: 32, steps: 120, evalEvery: 1000 },
  ...{ threads: 1, numWorkers: 0, seed: 1 },
};
const convnet: TrainOptions = { arch: 'convnet', widths: [16, 32], blocks: [1] };
const hybrid: TrainOptions = { arch: 'hybrid', widths: [16, 32], blocks: [0, 1], heads: 6, stemStride: 2 };
const vit: TrainOptions = { arch: 'vit', dim: 32, depth: 2, heads: 2, patchSize: 4 };
const projections: TrainOptions = { projectionHiddenDim: 64, projectionDim: 32 };

/** Mean loss of the first and of the last ten steps, and 20-NN before and after. */
function learned(events: readonly SessionEvent[]): { loss: [number, number]; knn: number[] } {
  const losses = events.flatMap((event) => (event.type === 'step' ? [event.loss] : []));
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    loss: [mean(losses.slice(0, 10)), mean(losses.slice(-10))],
    knn: events.flatMap((event) => (event.type === 'observed' ? [event.observation.knn ?? Number.NaN] : [])),
  };
}

async function trained(options: TrainOptions): Promise<{ session: Session; events: SessionEvent[] }> {
  const frozen = await openFrozen(options, (given) => Promise.resolve(given));
  const session = await startRun({ ...short, ...options }, { source, frozen });
  return { session, events: await follow(session) };
}

interface Training {
  readonly method: string;
  readonly options: TrainOptions;
  /** What is to be left of the loss at its end. */
  readonly share: number;
  /** Whether features have to group scenes after so few steps: tasks on patches teach that later. */
  readonly groups: boolean;
}

const prototypes: TrainOptions = { outDim: 64, headHiddenDim: 64, headBottleneckDim: 32 };
const trainings: readonly Training[] = [
  { method: 'dino', options: { ...hybrid, ...prototypes, steps: 250 }, share: 0.9, groups: true },
  { method: 'byol', options: { ...convnet, ...projections }, share: 0.6, groups: true },
  { method: 'simclr', options: { ...convnet, ...projections }, share: 0.9, groups: true },
  { method: 'mae', options: { ...vit, decoderDim: 32, decoderHeads: 2 }, share: 0.6, groups: false },
  {
    method: 'dinov2',
    options: { ...vit, ...prototypes, localCropsNumber: 0 },
    share: 0.8,
    groups: false,
  },
];

/** Points of 20-NN, of 120 images in ten classes. */
const MORE = 5;

describe('a short training', () => {
  it.each(trainings)('of $method', async ({ method, options, share, groups }) => {
    const { events } = await trained({ ...options, method });
    const { loss, knn } = learned(events);
    expect(loss[1]).toBeLessThan(share * loss[0]);
    if (groups) expect(knn.at(-1)!).toBeGreaterThan(knn[0]! + MORE);
  });

  it('of a smaller student by a teacher that was just trained', async () => {
    const teacher = await trained({ ...convnet, ...projections, method: 'simclr' });
    const student: TrainOptions = { arch: 'convnet', widths: [8, 16], blocks: [1] };
    const { events } = await trained({ ...student, method: 'distill', teacher: teacher.session.folder.path });
    const { loss, knn } = learned(events);
    expect(loss[1]).toBeLessThan(0.6 * loss[0]);
    expect(knn.at(-1)!).toBeGreaterThan(knn[0]! + MORE);
  });
});

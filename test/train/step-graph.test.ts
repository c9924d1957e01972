/** What a step takes of a method, and what of a method it refuses. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { gather, mul, reshape, scale, sum } from '../../src/graph/index.ts';
import { dropPathInput } from '../../src/method/drop-path-input.ts';
import type { Method, Objective, ObjectiveInputs } from '../../src/method/method.ts';
import { dropPathRates } from '../../src/model/backbone.ts';
import { Random } from '../../src/random/random.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { tinyVit } from '../model/tiny-networks.ts';

/** One weight for each of five kinds; the kind of each image enters as a whole number. The loss is the sum of what is chosen. */
function chooser(objective?: (inputs: ObjectiveInputs) => Objective): Method {
  return {
    name: 'chooser',
    views: [{ size: 1, count: 1 }],
    stateShapes: {},
    sampleInputs: {
      kind: {
        dtype: 'i64',
        shape: (images) => [images],
        values: ({ start, images }) =>
          BigInt64Array.from({ length: images }, (_, i) => BigInt([4, 0, 4, 2][start + i]!)),
      },
    },
    scalars: [],
    loss: { caption: '' },
    measures: [],
    hints: { alike: '' },
    examine: () => ({ severity: 'ok', title: '', detail: '' }),
    isLastLayer: () => false,
    objective:
      objective ??
      (({ student, sample, crops, images, batch }) => {
        const weights = student.param('weights', [5], () => Float32Array.of(1, 2, 3, 4, 5));
        const pixels = reshape(crops(0), [images]);
        const loss = scale(sum(mul(gather(weights, sample('kind'), 0), pixels)), 1 / batch);
        return { loss, sums: {}, nextState: () => ({}), measures: {} };
      }),
  };
}

const sizes = { channels: 1, batchSize: 4 } as const;

describe('a step', () => {
  it.each([4, 2, 1])('feeds whole numbers with each image, in micro-batches of %i', async (microBatch) => {
    const trainer = await Trainer.create({
      ...{ method: chooser(), engine: ortNode, ...sizes, microBatch, optimizer: 'sgd', seed: 0 },
      engineOptions: { threads: 1 },
    });
    onTestFinished(() => trainer.dispose());
    const pixels = [1, 10, 100, 1000];
    const { loss } = await trainer.accumulate((_, start, end, into) => into.set(pixels.slice(start, end)), {
      step: 0,
      lr: 1,
      weightDecay: 0,
      clip: 0,
      teacherMomentum: 0,
      freezeLastLayer: false,
      scalars: {},
    });
    expect(loss).toBe((5 + 10 + 500 + 3000) / 4);
    const gradient = hostFloats(trainer.updater.gradients.get('weights')!);
    expect([...gradient]).toEqual([2.5, 0, 250, 0, 25.25]);
    // No teacher: what is shown is the student.
    expect([...(await trainer.evaluatedWeights()).get('weights')!]).toEqual([1, 2, 3, 4, 5]);
  });

  it.each([
    ['a scalar', 'chooser declares no scalar "rate".', ({ scalar }: ObjectiveInputs) => scalar('rate')],
    ['a state', 'chooser declares no state "center".', ({ state }: ObjectiveInputs) => state('center')],
    [
      'a sample input',
      'chooser has no sample input "mask".',
      ({ sample }: ObjectiveInputs) => sample('mask'),
    ],
  ] as const)('refuses %s that the method does not declare', (_, message, ask) => {
    const method = chooser((inputs) => ({
      loss: sum(ask(inputs)),
      ...{ sums: {}, nextState: () => ({}), measures: {} },
    }));
    expect(() => traceStep({ method, ...sizes })).toThrow(message);
  });

  it('refuses a next state without a place, and a teacher with more than its student has', () => {
    const chosen = chooser();
    const placeless = chooser((inputs) => ({
      ...chosen.objective(inputs),
      nextState: () => ({ center: inputs.crops(0) }),
    }));
    expect(() => traceStep({ method: placeless, ...sizes })).toThrow('chooser declares no state "center".');
    const larger = chooser((inputs) => {
      const extra = inputs.teacher.param('extra', [1], () => new Float32Array(1));
      const { loss, ...others } = chosen.objective(inputs);
      return { ...others, loss: sum(mul(loss, extra)) };
    });
    expect(() => traceStep({ method: larger, ...sizes })).toThrow(
      'The teacher of chooser has "extra", which its student lacks.',
    );
  });
});

it('drop path is drawn by image: the factors of a batch are those of its parts, view after view', () => {
  const { values, shape } = dropPathInput(dropPathRates({ ...tinyVit, depth: 3 }, 0.5), 2);
  const random = (image: number): Random => new Random(1, 'drop', image);
  const [whole, first, last] = [
    values({ start: 0, images: 4, random }),
    values({ start: 0, images: 1, random }),
    values({ start: 1, images: 3, random }),
  ];
  const [rows = 0] = shape(4);
  expect(rows).toBe(4); // the first of three blocks has a rate of 0
  const kinds = new Set<unknown>();
  for (let row = 0; row < rows; row++)
    for (let view = 0; view < 2; view++)
      for (let image = 0; image < 4; image++) {
        const part = image === 0 ? first[row * 2 + view] : last[(row * 2 + view) * 3 + image - 1];
        const value = whole[(row * 2 + view) * 4 + image];
        expect(value, `${row} ${view} ${image}`).toBe(part);
        kinds.add(value);
      }
  expect(kinds.size).toBeGreaterThan(2); // some are dropped, the others scaled by two rates
});

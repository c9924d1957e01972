import { describe, expect, it } from 'vitest';
import { stagedEngine } from '../../src/collective/staged-engine.ts';
import { evaluate, runOnArrays } from '../../src/engine/arrays.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import * as g from '../../src/graph/index.ts';
import { Random } from '../../src/random/random.ts';
import { copyingEngine } from '../engine/copying-engine.ts';
import { onRanks } from './local-collective.ts';

const R = 3;
const values = (name: string, length: number): Float32Array => {
  const random = new Random(1, name);
  return Float32Array.from({ length }, () => random.between(-1, 1));
};

/** The results of each rank on inputs of its own. */
function run(
  results: g.Results,
  inputs: (rank: number) => Record<string, Float32Array>,
  engine: Engine = ortNode,
) {
  return onRanks(R, async (collective) => {
    const program = await stagedEngine(engine, collective).load(results, { threads: 1 });
    const found = await evaluate(program, inputs(collective.rank));
    await program.dispose();
    return found;
  });
}

const close = (found: Float32Array | undefined, wanted: ArrayLike<number>): void => {
  expect(found?.length).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) expect(found?.[i]).toBeCloseTo(wanted[i]!, 5);
};

describe.each([ortNode, copyingEngine])('a staged engine, $name', (engine) => {
  const x = g.input('x', [2, 2]);
  const own = (rank: number): number[] => [0, 1, 2, 3].map((i) => 10 * rank + i);

  it('sums, gathers and scatters over the ranks', async () => {
    const wide = g.concat([x, x, x], 0);
    const results = {
      sum: g.sumAcross(x, R),
      gather: g.gatherAcross(x, R),
      scatter: g.scatterAcross(wide, R),
      own: x,
    };
    const found = await run(results, (rank) => ({ x: Float32Array.from(own(rank)) }), engine);
    for (const [rank, { sum, gather, scatter, own: kept }] of found.entries()) {
      close(sum, [30, 33, 36, 39]);
      close(gather, [...own(0), ...own(1), ...own(2)]);
      close(scatter, [30, 33, 36, 39]);
      close(kept, own(rank));
    }
  });

  it('carries values from stage to stage, through meetings of meetings', async () => {
    const mean = g.scale(g.sumAcross(g.sum(x), R), 1 / (4 * R));
    const centered = g.sub(x, mean);
    const variance = g.scale(g.sumAcross(g.sumOfSquares(centered), R), 1 / (4 * R));
    const result = g.div(centered, g.sqrt(variance));
    const found = await run({ result, mean }, (rank) => ({ x: Float32Array.from(own(rank)) }), engine);
    const all = [0, 1, 2].flatMap(own);
    const m = all.reduce((a, b) => a + b) / all.length;
    const v = all.reduce((a, b) => a + (b - m) ** 2, 0) / all.length;
    for (const [rank, each] of found.entries()) {
      close(each.mean, [m]);
      close(
        each.result,
        own(rank).map((value) => (value - m) / Math.sqrt(v)),
      );
    }
  });

  it('updates a buffer in place that later stages read', async () => {
    const results = { next: g.shift(x, 1), total: g.add(x, g.sumAcross(x, R)) };
    const found = await onRanks(R, async (collective) => {
      const program = await stagedEngine(engine, collective).load(results, { threads: 1 });
      const [state, total] = [Float32Array.from(own(collective.rank)), new Float32Array(4)];
      await runOnArrays(program, { x: state }, { next: state, total });
      return { state, total };
    });
    for (const [rank, { state, total }] of found.entries()) {
      close(
        state,
        own(rank).map((value) => value + 1),
      );
      close(
        total,
        own(rank).map((value, i) => value + 30 + 3 * i),
      );
    }
  });
});

it('programs in which nobody meets, and those of one rank, are the engine’s own', async () => {
  const x = g.input('x', [2]);
  expect(g.sumAcross(x, 1)).toBe(x);
  expect(g.gatherAcross(x, 1)).toBe(x);
  expect(g.scatterAcross(x, 1)).toBe(x);
  expect(g.splitStages({ y: g.shift(x, 1) })).toHaveLength(1);
  expect(() => g.scatterAcross(x, 3)).toThrow('scatterAcross near "x": cannot share 2 rows out to 3 ranks');
});

describe('gradients of the sum of all ranks’ losses', () => {
  /** A loss that depends on all ranks in every way; each rank weighs it by its own numbers. */
  const loss = (x: g.Tensor, w: g.Tensor, ranks: number): g.Tensor => {
    const all = g.gatherAcross(g.square(x), ranks); // [2R, 2]
    const sums = g.sumAcross(g.tanh(x), ranks); // [2, 2]
    const part = g.scatterAcross(g.mul(all, g.expand(g.slice(w, 0, 0, 1), [2 * ranks, 2])), ranks); // [2, 2]
    return g.add(g.sum(g.mul(g.mul(sums, x), w)), g.sum(g.exp(g.mul(part, w))));
  };
  const x = g.input('x', [2, 2]);
  const w = g.input('w', [2, 2]);

  it('agree with central differences', async () => {
    const value = loss(x, w, R);
    const [gradient] = g.gradients(value, [x]);
    const inputs = (rank: number) => ({ x: values(`x${rank}`, 4), w: values(`w${rank}`, 4) });
    const found = await run({ gradient: gradient! }, inputs);
    const total = async (changed: number, at: number, by: number): Promise<number> => {
      const moved = await run({ value }, (rank) => {
        const own = inputs(rank);
        if (rank === changed) own.x[at]! += by;
        return own;
      });
      return moved.reduce((sum, { value: each }) => sum + (each?.[0] ?? Number.NaN), 0);
    };
    for (const rank of [0, 2])
      for (const at of [0, 3]) {
        const difference = ((await total(rank, at, 0.01)) - (await total(rank, at, -0.01))) / 0.02;
        expect(found[rank]?.gradient?.[at]).toBeCloseTo(difference, 2);
      }
  });

  it('batch norm over three ranks is batch norm of all their rows, forward and backward', async () => {
    const [rows, channels] = [4, 5];
    const weights = { w: values('w', channels), b: values('b', channels), t: values('t', channels) };
    const results = (n: number, ranks: number): g.Results => {
      const [x, w, b] = [g.input('x', [n, channels]), g.input('w', [channels]), g.input('b', [channels])];
      const { y, statistics } = g.batchNormTrain(x, w, b, 1e-3, ranks);
      const value = g.sum(g.mul(g.square(y), g.input('t', [channels])));
      const [dx, dw, db] = g.gradients(value, [x, w, b]);
      return { y, dx: dx!, dw: dw!, db: db!, ...statistics };
    };
    const all = values('x', R * rows * channels);
    const size = rows * channels;
    const program = await ortNode.load(results(R * rows, 1), { threads: 1 });
    const whole = await evaluate(program, { x: all, ...weights });
    const found = await run(results(rows, R), (rank) => ({
      x: all.subarray(rank * size, (rank + 1) * size),
      ...weights,
    }));
    for (const [rank, each] of found.entries()) {
      for (const name of ['y', 'dx'])
        close(each[name], whole[name]!.subarray(rank * size, (rank + 1) * size));
      for (const name of ['mean', 'variance']) close(each[name], whole[name]!);
    }
    for (const name of ['dw', 'db'])
      close(
        found.reduce(
          (sum, each) => sum.map((value, i) => value + each[name]![i]!),
          new Float32Array(channels),
        ),
        whole[name]!,
      );
  });
});

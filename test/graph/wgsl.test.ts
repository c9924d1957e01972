/** WGSL programs: what goes together into one kernel, where values lie, what is refused. Values are compared where there is a device. */
import { describe, expect, it, test } from 'vitest';
import * as g from '../../src/graph/index.ts';
import { placeSpans } from '../../src/graph/targets/wgsl/memory.ts';
import { contiguous, reshapedStrides } from '../../src/graph/targets/wgsl/views.ts';
import { dino } from '../../src/method/dino.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { gridVit, tinyHead } from '../model/tiny-networks.ts';

const compiled = (results: g.Results, limits?: g.WgslLimits): g.WgslProgram =>
  g.wgsl(limits).compile(results);
const titles = (results: g.Results): string[] => compiled(results).kernels.map(({ title }) => title);

const x = g.input('x', [64, 128]);
const row = g.input('row', [128]);
const weight = g.input('weight', [256, 128]);

describe('one kernel is', () => {
  it('a chain of elementwise operations, whatever is broadcast or transposed in it', () => {
    const y = g.transpose(g.input('y', [128, 64]));
    expect(titles({ z: g.tanh(g.add(g.mul(x, row), y)) })).toEqual(['mul, add, tanh']);
  });

  it('a softmax', () => {
    expect(titles({ y: g.softmax(x) })).toEqual(['max, sub, exp, sum, div']);
  });

  it('a layer norm with what is added before it', () => {
    const sum = g.add(x, g.input('y', [64, 128]));
    expect(titles({ sum, y: g.layerNorm(sum, row, row, 1e-6) })).toHaveLength(1);
  });

  it('a linear layer with bias, GELU and residual', () => {
    const hidden = g.gelu(g.add(g.linear(x, weight), g.input('bias', [256])));
    expect(titles({ y: g.add(hidden, g.input('residual', [64, 256])) })).toHaveLength(1);
  });

  it('a convolution: its windows are read where they are', () => {
    const image = g.input('image', [2, 8, 8, 4]);
    expect(titles({ y: g.conv2d(image, g.input('k', [6, 4, 3, 3]), { padding: 1 }) })).toEqual(['product']);
  });

  it('what does not wait for each other', () => {
    const y = g.input('y', [300]);
    expect(titles({ a: g.softmax(x), b: g.exp(y) })).toEqual(['max, sub, exp, sum, div | exp']);
  });
});

test('attention takes three kernels forward, without a transposition', () => {
  const part = (name: string): g.Tensor => g.input(name, [65, 8, 128]);
  expect(titles({ y: g.attention(part('q'), part('k'), part('v'), 4).context }).length).toBeLessThanOrEqual(
    4,
  );
});

test('what is needed after it was joined to by another is stored, and no kernel waits for itself', () => {
  const total = g.sum(x, { axes: [1], keep: true });
  const scaled = g.div(x, g.sum(g.mul(total, total)));
  expect(titles({ y: g.mul(scaled, g.exp(x)) }).length).toBeGreaterThan(1);
});

describe('places', () => {
  it('are shared by an input and the result of its name, unless it is read later', () => {
    const state = g.input('state', [64, 128]);
    const inPlace = compiled({ state: g.add(state, x) });
    expect(inPlace.places.filter(({ kind }) => kind !== 'constants')).toEqual([
      { kind: 'output', name: 'state' },
      { kind: 'input', name: 'x' },
    ]);
    expect([inPlace.before, inPlace.after]).toEqual([[], []]);
    expect(inPlace.inPlace).toEqual(new Set(['state']));
    // Every element of the product reads a row of the old state.
    const read = compiled({ state: g.linear(state, g.input('square', [128, 128])) });
    expect(read.after).toHaveLength(1);
    expect(read.places.some(({ kind }) => kind === 'memory')).toBe(true);
  });

  it('keep to the number of buffers that a kernel may see', () => {
    const many = Array.from({ length: 20 }, (_, i) => g.input(`x${i}`, [4, i + 1]));
    const { kernels, before } = compiled({ y: g.concat(many, 1) });
    expect(Math.max(...kernels.map(({ bindings }) => bindings.length))).toBeLessThanOrEqual(8);
    expect(before.length).toBeGreaterThan(10);
  });

  it('in memory are shared by values that are not needed at one time', () => {
    const span = (words: number, first: number, last: number) => ({ words, first, last });
    const { placed, pieces } = placeSpans([span(100, 0, 1), span(50, 1, 2), span(100, 2, 3)], 1000);
    expect(placed.map(({ word }) => word)).toEqual([0, 100, 0]);
    expect(pieces).toEqual([152]);
    expect(placeSpans([span(800, 0, 1), span(800, 0, 1)], 1000).pieces).toEqual([800, 800]);
  });
});

describe('refused is', () => {
  it('an input of two shapes', () => {
    expect(() => compiled({ y: g.add(g.input('x', [2]), g.sum(g.input('x', [3]))) })).toThrow(
      'input "x" is used with shapes [2] and [3]',
    );
  });

  it('a value that no kernel can see as a whole', () => {
    const large = g.exp(g.input('large', [2 ** 12, 2 ** 14]));
    expect(() => compiled({ y: large })).toThrow(
      'a value of [4096, 16384] takes 256 MiB, and a kernel sees at most 128 MiB',
    );
  });

  it('what several processes do together, and float16', () => {
    expect(() => compiled({ y: g.sumAcross(x, 2) })).toThrow('a WebGPU device trains alone');
    expect(() => compiled({ y: g.cast(x, 'f16') })).toThrow('there are no kernels for float16 yet');
  });
});

test('strides say a reshape where they can', () => {
  expect(reshapedStrides([4, 6], contiguous([4, 6]), [2, 2, 3, 2])).toEqual([12, 6, 2, 1]);
  expect(reshapedStrides([4, 6], [1, 4], [24])).toBeUndefined();
  expect(reshapedStrides([4, 1, 6], [6, 0, 1], [1, 24, 1])?.[1]).toBe(1);
  expect(reshapedStrides([3, 5], [0, 1], [3, 1, 5])).toEqual([0, 5, 1]);
});

test('the text of a small kernel', () => {
  const { kernels } = compiled({ y: g.add(g.mul(g.input('x', [2, 3]), g.input('w', [3])), g.scalar(0.5)) });
  expect(kernels[0]?.code).toBe(`@group(0) @binding(0) var<uniform> words: array<vec4<u32>, 1>;
@group(0) @binding(1) var<storage, read> m1: array<u32>;
@group(0) @binding(2) var<storage, read> m2: array<u32>;
@group(0) @binding(3) var<storage, read_write> m3: array<u32>;
fn part0(tile: u32, thread: u32) {
  let at = tile * 64u + thread;
  if (at >= 6u) { return; }
  let v0 = bitcast<f32>(m1[at]);
  let v1 = at % 3u;
  let v2 = bitcast<f32>(m2[v1]);
  let v3 = v0 * v2;
  let v4 = v3 + 0.5f;
  m3[at] = bitcast<u32>(v4);
}
@compute @workgroup_size(64) fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let tile = group.x + group.y * 65535u;
  part0(tile, thread);
}
`);
});

test('a step takes few kernels', () => {
  const settings = { viewSizes: [16, 16, 8], studentTemp: 0.1, centerMomentum: 0.9, dropPathRate: 0 };
  const method = dino({ backbone: gridVit, head: tinyHead, ...settings });
  const { results } = traceStep({ method, channels: 3, batchSize: 2 });
  const { kernels, primitives } = compiled(results);
  expect(primitives).toBeGreaterThan(1000);
  expect(kernels.length).toBeLessThan(KERNELS);
});

/** What such a step takes, and a little more. */
const KERNELS = 90;

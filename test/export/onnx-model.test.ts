import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import { linearFeature } from '../../src/eval/classify/linear-features.ts';
import { onnxModel } from '../../src/export/onnx-model.ts';
import { toHalf, toQuantized } from '../../src/export/onnx-precision.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { untrainedWeights } from '../../src/features/network-weights.ts';
import { encodeOnnx, type OnnxGraph } from '../../src/graph/targets/onnx/onnx-file.ts';
import { type BackboneConfig, imageFeature } from '../../src/model/backbone.ts';
import { attentionHeads } from '../../src/model/places.ts';
import { vit } from '../../src/model/vit.ts';
import { Random } from '../../src/random/random.ts';
import { expectValidOnnx } from '../graph/onnx-checker.ts';
import { tinyResnet, tinyXcit } from '../model/tiny-networks.ts';

const vitConfig = {
  kind: 'vit',
  imageSize: 32,
  patchSize: 8,
  channels: 3,
  dim: 24,
  depth: 3,
  heads: 3,
  mlpRatio: 4,
} as const;
const hybrid = {
  kind: 'convnet',
  channels: 3,
  widths: [8, 16, 24],
  blocks: [0, 1, 1],
  stemStride: 2,
  stem: 'conv',
  heads: 5,
} as const;
const dinov2 = { ...vitConfig, layerScale: true, maskToken: true } as const;
const networks: readonly (readonly [string, BackboneConfig])[] = [
  ['ViT', vitConfig],
  ['ViT with a convolutional stem', { ...vitConfig, stem: 'conv' }],
  ['gray ViT with another eps', { ...vitConfig, channels: 1, eps: 1e-12 }],
  ['convnet', { kind: 'convnet', channels: 3, widths: [8, 16, 24], blocks: [2, 2, 2], stemStride: 4 }],
  ['hybrid', hybrid],
  ['hybrid with a stem of patches', { ...hybrid, stem: 'patch' }],
  ['ResNet of bottlenecks', tinyResnet],
  ['ResNet of basic blocks', { ...tinyResnet, block: 'basic', width: 8, blocks: [1, 2, 1] }],
  ['XCiT', tinyXcit],
  ['XCiT with patches of 16', { ...tinyXcit, patchSize: 16, tokensNorm: false }],
  ['DINOv2', dinov2],
  ['DINOv2 with SwiGLU', { ...dinov2, swiglu: true, mlpRatio: 8 / 3 }],
  ['DINOv2 with registers', { ...dinov2, registers: 4, positions: { offset: 0, antialias: true } }],
];

/** Weights as training leaves them: no norm is the identity, no running statistic what it began as. */
function shaken(config: BackboneConfig): Map<string, Float32Array> {
  const random = new Random(5, 'shaken');
  return new Map(
    [...untrainedWeights(config, 32, 3)].map(([name, values]) => [
      name,
      values.map((value) =>
        name.endsWith('running_var') ? 0.5 + random.uniform() : value * 1.2 + 0.04 * random.normal(),
      ),
    ]),
  );
}

async function run(graph: OnnxGraph, pixels: Float32Array, shape: readonly number[]) {
  const session = await InferenceSession.create(encodeOnnx(graph), { logSeverityLevel: 3 });
  return session.run({ pixel_values: new Tensor('float32', pixels, shape) });
}

const noise = (count: number): Float32Array => {
  const random = new Random(1, 'pixels');
  return Float32Array.from({ length: count }, () => random.normal());
};

/** Relative to the largest value. */
function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  const largest = Array.from(b).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / largest;
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
    Array.from(x).reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

describe.each(networks)('%s as an ONNX model', (title, config) => {
  const weights = shaken(config);
  const backbone = new FrozenBackbone(config, 32, ortNode, { threads: 1 });

  it.each([
    [1, 32, 32],
    [3, 48, 48],
    [2, 64, 16],
    [2, 16, 64],
    [1, 39, 54], // with pixels left over
  ])('gives our features for a batch of %i images of %i x %i pixels', async (batch, height, width) => {
    const pixels = noise(batch * config.channels * height * width);
    const given = await run(onnxModel(config, weights).graph, pixels, [
      batch,
      config.channels,
      height,
      width,
    ]);
    const view = { pixels, height, width };
    const ours = await backbone.compute('feature', weights, view, (scope, x) => ({
      feature: imageFeature(scope, x, config, 'eval'),
    }));
    const { pooler_output: pooled, last_hidden_state: tokens } = given;
    expect(largestDifference(pooled!.data as Float32Array, ours.feature)).toBeLessThan(1e-5);
    expect(tokens!.dims).toEqual([batch, tokens!.dims[1], pooled!.dims[1]]);
    if (config.kind !== 'vit') {
      const places = await backbone.placeTokens(weights, view);
      const shown = tokens!.data as Float32Array;
      const [count, dim] = [places.length / backbone.dim / batch, backbone.dim];
      if (config.kind !== 'xcit') expect(largestDifference(shown, places)).toBeLessThan(1e-5);
      else
        for (let image = 0; image < batch; image++) {
          const [start, end] = [image * (count + 1) * dim, (image + 1) * (count + 1) * dim];
          const patches = places.subarray(image * count * dim, (image + 1) * count * dim);
          expect(largestDifference(shown.subarray(start + dim, end), patches)).toBeLessThan(1e-5);
          const cls = ours.feature.subarray(image * dim, (image + 1) * dim);
          expect(largestDifference(shown.subarray(start, start + dim), cls)).toBeLessThan(1e-5);
        }
      return;
    }
    if ((config.registers ?? 0) > 0) {
      const { all } = await backbone.compute('tokens', weights, view, (scope, x) => ({
        all: vit(scope, x, config).tokens,
      }));
      expect(largestDifference(tokens!.data as Float32Array, all)).toBeLessThan(1e-5);
      return;
    }
    const [all = new Float32Array()] = await backbone.tokens(weights, view);
    expect(largestDifference(tokens!.data as Float32Array, all)).toBeLessThan(1e-5);
  });

  it('passes the checker of ONNX in every precision', () => {
    const model = onnxModel(config, weights, { attentions: attentionHeads(config) > 0 });
    for (const [name, graph] of [
      ['float32', model.graph],
      ['float16', toHalf(model)],
      ['8 bits', toQuantized(model)],
    ] as const)
      expectValidOnnx(`${title} ${name}`, encodeOnnx(graph));
  });

  it('keeps its features in float16 and, nearly, in 8 bits', async () => {
    const pixels = noise(4 * config.channels * 40 * 40);
    const shape = [4, config.channels, 40, 40];
    const model = onnxModel(config, weights);
    const feature = async (graph: OnnxGraph) =>
      (await run(graph, pixels, shape)).pooler_output!.data as Float32Array;
    const full = await feature(model.graph);
    expect(cosine(full, await feature(toHalf(model)))).toBeGreaterThan(0.99999);
    expect(cosine(full, await feature(toQuantized(model)))).toBeGreaterThan(0.995);
  });
});

describe('an ONNX model', () => {
  const weights = shaken(vitConfig);
  const [batch, size, patches] = [2, 32, 16];
  const pixels = noise(batch * 3 * size * size);

  it('gives the attention of every block', async () => {
    const given = await run(onnxModel(vitConfig, weights, { attentions: true }).graph, pixels, [
      batch,
      3,
      size,
      size,
    ]);
    const maps = Array.from({ length: 3 }, (_, i) => given[`attentions.${i}`]!);
    for (const map of maps) {
      expect(map.dims).toEqual([batch, 3, patches + 1, patches + 1]);
      const rows = map.data as Float32Array;
      for (let start = 0; start < rows.length; start += patches + 1)
        expect(rows.subarray(start, start + patches + 1).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    }
    const backbone = new FrozenBackbone(vitConfig, size, ortNode, { threads: 1 });
    const ours = await backbone.attention(weights, pixels); // [batch, heads, patches] of the class token
    const last = maps[2]!.data as Float32Array;
    const theirs = Array.from({ length: ours.length }, (_, i) => {
      const [row, patch] = [Math.floor(i / patches), i % patches];
      return last[row * (patches + 1) ** 2 + 1 + patch]!;
    });
    expect(largestDifference(theirs, ours)).toBeLessThan(1e-6);
    // Also in float16, where other nodes read the maps too.
    const half = toHalf(onnxModel(vitConfig, weights, { attentions: true }));
    const { 'attentions.2': again } = await run(half, pixels, [batch, 3, size, size]);
    expect(cosine(last, again!.data as Float32Array)).toBeGreaterThan(0.99999);
  });

  it.each([
    [32, 32],
    [44, 36], // 11 x 9 places, over which the 6 x 5 of the smaller map are spread
  ])('gives where the heads of a hybrid look in %i x %i pixels', async (height, width) => {
    const own = shaken(hybrid);
    const view = { pixels: noise(batch * 3 * height * width), height, width };
    const model = onnxModel(hybrid, own, { attentions: true });
    const { 'attentions.0': map } = await run(model.graph, view.pixels, [batch, 3, height, width]);
    expect(map!.dims).toEqual([batch, 5, (height / 4) * (width / 4)]);
    const ours = await new FrozenBackbone(hybrid, 32, ortNode, { threads: 1 }).attention(own, view);
    expect(largestDifference(map!.data as Float32Array, ours)).toBeLessThan(1e-6);
  });

  it('gives the logits of a classifier', async () => {
    const classifier = { classes: ['a', 'b'], weight: noise(48), bias: Float32Array.of(1, -1) };
    const graph = onnxModel(vitConfig, weights, { classifier }).graph;
    const { logits } = await run(graph, pixels, [batch, 3, size, size]);
    const { pooler_output: pooled } = await run(onnxModel(vitConfig, weights).graph, pixels, [
      batch,
      3,
      size,
      size,
    ]);
    const features = pooled!.data as Float32Array;
    const expected = Array.from({ length: batch * 2 }, (_, i) => {
      const [image, c] = [Math.floor(i / 2), i % 2];
      let sum = classifier.bias[c]!;
      for (let d = 0; d < 24; d++) sum += features[image * 24 + d]! * classifier.weight[c * 24 + d]!;
      return sum;
    });
    expect(largestDifference(logits!.data as Float32Array, expected)).toBeLessThan(1e-4);
  });

  it.each([
    { lastBlocks: 2, meanPatchToken: false },
    { lastBlocks: 1, meanPatchToken: true },
  ])('gives the logits of a classifier of other features (%j)', async (feature) => {
    const classifier = { classes: ['a', 'b'], feature, weight: noise(96), bias: Float32Array.of(1, -1) };
    const [height, width] = [40, 24];
    const view = { pixels: noise(batch * 3 * height * width), height, width };
    const { graph } = onnxModel(vitConfig, weights, { classifier });
    const { logits } = await run(graph, view.pixels, [batch, 3, height, width]);
    expect(logits!.dims).toEqual([batch, 2]);
    const backbone = new FrozenBackbone(vitConfig, size, ortNode, { threads: 1 });
    const { read } = await backbone.compute('feature', weights, view, (scope, x) => ({
      read: linearFeature(vitConfig, feature).trace(scope, x),
    }));
    const expected = Array.from({ length: batch * 2 }, (_, i) => {
      const [image, c] = [Math.floor(i / 2), i % 2];
      let sum = classifier.bias[c]!;
      for (let d = 0; d < 48; d++) sum += read[image * 48 + d]! * classifier.weight[c * 48 + d]!;
      return sum;
    });
    expect(largestDifference(logits!.data as Float32Array, expected)).toBeLessThan(1e-5);
  });

  it('keeps the classifier of a convolutional net as it is in the 8-bit model, which is a copy then', () => {
    const classifier = { classes: ['a', 'b'], weight: noise(80), bias: Float32Array.of(1, -1) };
    const model = onnxModel(hybrid, shaken(hybrid), { classifier });
    expect(toQuantized(model).nodes).toEqual(model.graph.nodes);
  });

  it('says what cannot be exported', () => {
    const convnet = { kind: 'convnet', channels: 3, widths: [8], blocks: [1], stemStride: 2 } as const;
    expect(() => onnxModel(convnet, shaken(convnet), { attentions: true })).toThrow('no attention maps');
    const others = new Map(weights);
    others.delete('blocks.1.norm1.weight');
    expect(() => onnxModel(vitConfig, others)).toThrow('The weights lack blocks.1.norm1.weight');
    const large = new Map(weights).set('norm.bias', new Float32Array(24).fill(1e5));
    expect(() => toHalf(onnxModel(vitConfig, large))).toThrow(/norm.bias holds 100000/);
  });
});

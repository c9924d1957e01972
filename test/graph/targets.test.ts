/**
 * Every op means the same taken apart into primitives, as ONNX Runtime's own kernels compute it and as any runtime does: values
 * and gradients.
 * The primitives alone are what other targets are tested against.
 */
import { describe, expect, test } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import * as g from '../../src/graph/index.ts';
import * as activation from '../../src/graph/ops/activation.ts';
import * as attention from '../../src/graph/ops/attention.ts';
import * as convolution from '../../src/graph/ops/convolution.ts';
import * as depthwise from '../../src/graph/ops/depthwise.ts';
import * as elementwise from '../../src/graph/ops/elementwise.ts';
import * as layout from '../../src/graph/ops/layout.ts';
import * as leaf from '../../src/graph/ops/leaf.ts';
import * as normalize from '../../src/graph/ops/normalize.ts';
import * as patches from '../../src/graph/ops/patches.ts';
import * as pooling from '../../src/graph/ops/pooling.ts';
import * as product from '../../src/graph/ops/product.ts';
import * as reduce from '../../src/graph/ops/reduce.ts';
import * as select from '../../src/graph/ops/select.ts';
import { decompose } from '../../src/graph/passes/decompose.ts';
import { topological } from '../../src/graph/traverse.ts';
import { classifier } from '../../src/method/classifier.ts';
import { dino } from '../../src/method/dino.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { gridVit, tinyHead, tinyHybrid, tinyResnet, tinyXcit } from '../model/tiny-networks.ts';
import { others, smooth, valuesFor, wide, withGradients } from './op-examples.ts';
import { interpret } from './stablehlo-interpreter.ts';

async function run(target: typeof g.onnxCpu, results: g.Results): Promise<Record<string, Float32Array>> {
  const program = await ortNode.loadOnnx(target.compile(results), { threads: 1 });
  try {
    return await evaluate(program, valuesFor(program.inputs));
  } finally {
    await program.dispose();
  }
}

async function expectSame(results: g.Results, tolerance = 1e-5): Promise<void> {
  const apart = await run(g.onnxPrimitives, results);
  const text = g.stableHlo().compile(results);
  const ways = {
    [g.onnxCpu.name]: await run(g.onnxCpu, results),
    [g.onnxPortable.name]: await run(g.onnxPortable, results),
    StableHLO: interpret(text, valuesFor(text.inputs)),
  };
  for (const [way, own] of Object.entries(ways)) {
    for (const [name, values] of Object.entries(apart)) {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
      const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - own[name]![i]!)), 0);
      expect(worst / largest, `${name}, ${way}`).toBeLessThan(tolerance);
      expect(values.every(Number.isFinite), name).toBe(true);
    }
  }
}

describe('taken apart into primitives and by kernels for compounds', () => {
  test.each(Object.entries(smooth))('%s has the same values and gradients', async (_, result) => {
    await expectSame(withGradients(result));
  });

  test('the largest elements and their positions', async () => {
    const { values, positions } = g.topK(wide, 2);
    await expectSame({ values, positions: g.cast(positions, 'f32') });
  });

  test.each(Object.entries(smooth))(
    '%s has the slices of its values, however they are computed',
    async (_, y) => {
      const slices = y.shape.flatMap((size, axis) => (size > 1 ? [g.slice(y, axis, 1, size)] : []));
      for (const slice of slices) {
        const [moved = slice] = g.hoistSlices([slice]);
        const { wanted, got } = await run(g.onnxCpu, {
          wanted: g.scale(slice, 1.5),
          got: g.scale(moved, 1.5),
        });
        const largest = wanted!.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
        for (const [i, value] of wanted!.entries())
          expect(Math.abs(value - got![i]!) / largest, `${slice.shape} ${i}`).toBeLessThan(1e-5);
      }
    },
  );

  test('every op is here', () => {
    const modules = [
      activation,
      attention,
      convolution,
      depthwise,
      elementwise,
      layout,
      leaf,
      normalize,
      patches,
      pooling,
      product,
      reduce,
      select,
    ];
    const all = modules.flatMap((module) =>
      Object.entries(module).flatMap(([name, op]) => (/^[a-zA-Z]+Op$/.test(name) ? [op] : [])),
    );
    const seen = new Set<unknown>(topological([...Object.values(smooth), ...others]).map(({ op }) => op));
    expect(all.length).toBeGreaterThan(40);
    expect(all.filter((op) => !seen.has(op)).map((op) => (typeof op === 'object' ? op.name : op))).toEqual(
      [],
    );
  });

  const settings = { viewSizes: [16, 16, 8], studentTemp: 0.1, centerMomentum: 0.9, dropPathRate: 0 };
  const methods = {
    'DINO on a ViT': dino({ backbone: gridVit, head: tinyHead, ...settings }),
    'DINO on a hybrid with Sinkhorn centering': dino({
      ...{ backbone: tinyHybrid, head: tinyHead, ...settings },
      centering: 'sinkhorn',
    }),
    'DINO on a ResNet': dino({ backbone: tinyResnet, head: tinyHead, ...settings }),
    'DINO on an XCiT with drop path': dino({
      ...{ backbone: { ...tinyXcit, patchSize: 4 }, head: tinyHead, ...settings },
      dropPathRate: 0.1,
    }),
    'a classifier': classifier({
      backbone: gridVit,
      classes: 3,
      size: 16,
      labelSmoothing: 0.1,
      dropPathRate: 0.1,
      label: (i) => i % 3,
    }),
  };
  test.each(Object.entries(methods))('a whole step of %s is the same', async (_, method) => {
    const { results } = traceStep({ method, channels: 3, batchSize: 2 });
    // The interpreter sums in float64; float32 alone is up to 2.2e-4 away from it.
    await expectSame(results, 5e-4);
  });
});

test('what is left after taking apart is a short list of primitives', () => {
  const { results } = traceStep({
    method: dino({
      backbone: {
        kind: 'vit',
        imageSize: 8,
        patchSize: 4,
        channels: 3,
        dim: 4,
        depth: 1,
        heads: 1,
        mlpRatio: 2,
      },
      head: { outDim: 4, hiddenDim: 4, bottleneckDim: 4, layers: 2, useBn: true, normLastLayer: true },
      ...{ viewSizes: [8, 8], studentTemp: 0.1, centerMomentum: 0.9, dropPathRate: 0.1 },
    }),
    channels: 3,
    batchSize: 2,
  });
  const all = decompose([...Object.values(smooth), ...Object.values(results), ...others], () => false);
  expect([...new Set(topological(all).map(({ op }) => op.name))].sort()).toEqual([
    ...['add', 'cast', 'concat', 'constant', 'div', 'equal', 'erf', 'exp', 'expand', 'gather', 'greater'],
    ...['input', 'log', 'max', 'maximum', 'mul', 'neg', 'pad', 'product', 'reshape', 'scatterAdd', 'slice'],
    ...['sqrt', 'sub', 'sum', 'tanh', 'topK', 'transpose', 'where'],
  ]);
});

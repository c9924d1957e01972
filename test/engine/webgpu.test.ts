/** WebGPU: kernels of our own beside ONNX Runtime, where there is a device (or SwiftShader). */
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { runOnArrays } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { openWebGpu } from '../../src/engine/webgpu/dawn-node.ts';
import * as g from '../../src/graph/index.ts';
import { dino } from '../../src/method/dino.ts';
import type { Method } from '../../src/method/method.ts';
import { Random } from '../../src/random/random.ts';
import { traceStep } from '../../src/train/step-graph.ts';
import { type CropSource, Trainer } from '../../src/train/trainer.ts';
import { smooth, wide, withGradients } from '../graph/op-examples.ts';
import { gridVit, tinyHead, tinyHybrid, tinyResnet, tinyXcit } from '../model/tiny-networks.ts';
import { expectClose, expectSameStep, methodNames, run, tinyStep } from './beside-ort.ts';
import { webGpu } from './webgpu-device.ts';

if (webGpu.missing !== undefined) test.skip(webGpu.missing, () => {});

/** Large enough for the kernels that share work among the threads of a workgroup. */
const a = g.input('a', [4, 70, 90]);
const b = g.input('b', [4, 90, 130]);
const long = g.input('long', [300, 130]);
const large: Readonly<Record<string, g.Tensor>> = {
  'products in tiles': g.matmul(a, b),
  'products in tiles, both transposed': g.matmul(g.input('at', [4, 90, 70]), g.input('bt', [4, 130, 90]), {
    transA: true,
    transB: true,
    alpha: 0.3,
  }),
  'products of whole tiles, with what follows': g.gelu(
    g.add(g.gemm(g.input('p', [128, 96]), g.input('q', [128, 96]), { transB: true }), g.input('bias', [128])),
  ),
  'products in tiles of values computed as they are read': g.gemm(
    g.reshape(g.unfold(g.input('pixels', [2, 20, 20, 8]), { kernel: 3, padding: 1 }), [800, 72]),
    g.input('kernel', [48, 72]),
    { transB: true },
  ),
  'a product whose long sum is split': g.gemm(g.input('x', [2400, 40]), g.input('y', [2400, 36]), {
    transA: true,
  }),
  'rows by several lanes': g.softmax(long),
  'rows by several lanes, twice': g.layerNorm(long, g.input('w', [130]), g.input('c', [130]), 1e-6),
  'columns by several lanes': g.sub(long, g.max(long, { axes: [0], keep: true })),
  'a long sum to one number': g.sum(g.square(g.input('much', [150, 400]))),
  'sums over axes that are apart': g.sum(a, { axes: [0, 2] }),
};

/** SwiftShader compiles slowly, more so where other work runs beside it. */
const SLOW = 600_000;

const small = { head: tinyHead, studentTemp: 0.1, centerMomentum: 0.9, dropPathRate: 0 } as const;
const backbones = { ResNet: tinyResnet, XCiT: { ...tinyXcit, patchSize: 4 } } as const;
const trained: Readonly<Record<string, Method>> = {
  'DINO on a ViT': dino({ ...small, backbone: gridVit, viewSizes: [16, 16, 8, 8], dropPathRate: 0.2 }),
  'DINO on a hybrid with Sinkhorn centering': dino({
    ...{ ...small, backbone: tinyHybrid, viewSizes: [16, 16] },
    centering: 'sinkhorn',
  }),
};

describe.each(webGpu.engines)('$name', (engine) => {
  test.each(Object.entries(smooth))('%s has the values and gradients of ONNX Runtime', async (_, result) => {
    const results = withGradients(result);
    expectClose(await run(engine, results), await run(ortNode, results), 2e-5);
  });

  // Longer sums round more.
  test.each(Object.entries(large))(
    '%s: values and gradients are those of ONNX Runtime',
    async (_, result) => {
      const results = withGradients(result);
      expectClose(await run(engine, results), await run(ortNode, results), 1e-4);
    },
  );

  it('finds the largest elements and their positions', async () => {
    const { values, positions } = g.topK(wide, 2);
    const results = { values, positions: g.cast(positions, 'f32') };
    expectClose(await run(engine, results), await run(ortNode, results), 1e-6);
  });

  test.each(methodNames)(
    'computes a whole step of %s',
    async (name) => {
      await expectSameStep(engine, await tinyStep(name), 1e-3);
    },
    SLOW,
  );

  test.each(Object.entries(backbones))(
    'computes a whole step of DINO on a %s',
    async (_, backbone) => {
      const method = dino({ ...small, backbone, viewSizes: [16, 16, 8] });
      await expectSameStep(engine, traceStep({ method, channels: 3, batchSize: 2 }).results, 1e-3);
    },
    SLOW,
  );

  it.each(Object.entries(trained))(
    'trains %s for ten steps as the processor does',
    async (_, method) => {
      const told = { method, channels: 3, batchSize: 4, optimizer: 'adamw', seed: 3 } as const;
      const host = await Trainer.create({ ...told, engine: ortNode, engineOptions: { threads: 1 } });
      const device = await Trainer.create({ ...told, engine });
      onTestFinished(() => Promise.all([host.dispose(), device.dispose()]).then(() => {}));
      expect(device.isOneProgram).toBe(true);
      for (let step = 0; step < 10; step++) {
        const crops: CropSource = (group, _start, _end, into) => {
          const random = new Random(9, 'crops', step, group);
          for (let i = 0; i < into.length; i++) into[i] = random.normal();
        };
        const settings = {
          ...{ step, lr: 0.002, weightDecay: 0.04, clip: 3, teacherMomentum: 0.9, freezeLastLayer: step < 2 },
          scalars: { teacherTemp: 0.05 },
        };
        const [wanted, got] = [await host.step(crops, settings), await device.step(crops, settings)];
        expect(Math.abs(got.loss - wanted.loss) / wanted.loss, `step ${step}`).toBeLessThan(1e-3);
        expect(got.isApplied).toBe(true);
      }
    },
    SLOW,
  );

  const type = { dtype: 'f32', shape: [3] } as const;

  it('leaves an input alone that is not updated in place', async () => {
    const total = g.input('total', [3]);
    const program = await engine.load({ total: g.add(total, g.input('x', [3])) });
    const [a, b] = [engine.upload(Float32Array.of(1, 2, 3), type), engine.allocate(type)];
    const x = engine.upload(Float32Array.of(10, 20, 30), type);
    await program.run({ total: a, x }, { total: b });
    expect([...(await a.read())]).toEqual([1, 2, 3]);
    expect([...(await b.read())]).toEqual([11, 22, 33]);
    await program.run({ total: a, x }, { total: a });
    expect([...(await a.read())]).toEqual([11, 22, 33]);
    for (const buffer of [a, b, x]) buffer.dispose();
    await expect(program.run({ total: a, x }, { total: a })).rejects.toThrow('The buffer was disposed of.');
    await program.dispose();
    await expect(program.run({ total: b, x }, { total: b })).rejects.toThrow('The program was disposed of');
  });

  it('reads what it was given, whatever takes its place', async () => {
    const [x, y] = [g.input('x', [3]), g.input('y', [3])];
    // x becomes y reversed and y becomes x: each is needed after the other was written.
    const program = await engine.load({ x: g.gather(y, g.indices([2, 1, 0]), 0), y: x, z: g.sub(x, y) });
    const [one, two] = [
      engine.upload(Float32Array.of(1, 2, 3), type),
      engine.upload(Float32Array.of(10, 20, 30), type),
    ];
    const z = engine.allocate(type);
    await program.run({ x: one, y: two }, { x: one, y: two, z });
    expect([...(await one.read())]).toEqual([30, 20, 10]);
    expect([...(await two.read())]).toEqual([1, 2, 3]);
    expect([...(await z.read())]).toEqual([-9, -18, -27]);
    // Buffers that change places between input and output.
    await program.run({ x: one, y: two }, { x: two, y: one, z });
    expect([...(await two.read())]).toEqual([3, 2, 1]);
    expect([...(await one.read())]).toEqual([30, 20, 10]);
    await program.dispose();
  });

  it('normalizes a value over itself, which other threads still read', async () => {
    const x = g.input('x', [4, 200]);
    const program = await engine.load({ x: g.softmax(x), y: g.transpose(x) });
    const other = await ortNode.load({ x: g.softmax(x) });
    onTestFinished(() => Promise.all([program.dispose(), other.dispose()]).then(() => {}));
    const values = Float32Array.from({ length: 800 }, (_, i) => Math.sin(i));
    const [got, wanted, y] = [values.slice(), new Float32Array(800), new Float32Array(800)];
    await runOnArrays(program, { x: got }, { x: got, y });
    await runOnArrays(other, { x: values }, { x: wanted });
    expectClose({ got }, { got: wanted }, 1e-5);
    expect(y[1]).toBe(values[200]);
  });

  it('keeps whole numbers, booleans and bytes as they are', async () => {
    const [whole, bytes] = [g.input('whole', [3], 'i64'), g.input('bytes', [5], 'u8')];
    const program = await engine.load({
      whole: g.add(whole, whole),
      isLarge: g.greater(whole, g.indices([0])),
      floats: g.cast(bytes, 'f32'),
    });
    const [twice, isLarge, floats] = [new BigInt64Array(3), new Uint8Array(3), new Float32Array(5)];
    await runOnArrays(
      program,
      { whole: BigInt64Array.of(-4n, 0n, 70_000n), bytes: Uint8Array.of(0, 1, 128, 254, 255) },
      { whole: twice, isLarge, floats },
    );
    expect([...twice]).toEqual([-8n, 0n, 140_000n]);
    expect([...isLarge]).toEqual([0, 0, 1]);
    expect([...floats]).toEqual([0, 1, 128, 254, 255]);
    await expect(
      runOnArrays(
        program,
        { whole: BigInt64Array.of(2n ** 40n, 0n, 0n), bytes: new Uint8Array(5) },
        { whole: twice, isLarge, floats },
      ),
    ).rejects.toThrow('1099511627776 does not fit');
    await program.dispose();
  });

  it('sees values that are not finite', async () => {
    const x = g.input('x', [4]);
    const program = await engine.load({
      finite: g.cast(g.equal(g.sub(x, x), g.scalar(0)), 'f32'),
      relu: g.relu(x),
    });
    const [finite, relu] = [new Float32Array(4), new Float32Array(4)];
    const values = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -3e38);
    await runOnArrays(program, { x: values }, { finite, relu });
    expect([...finite]).toEqual([0, 0, 0, 1]);
    expect([...relu]).toEqual([Number.NaN, Number.POSITIVE_INFINITY, 0, 0]);
    await program.dispose();
  });

  it('runs in turn, however many runs are asked for at once, and over more workgroups than an axis has', async () => {
    const n = 65_536 * 256 + 5;
    const program = await engine.load({ y: g.scale(g.input('x', [n]), 2) });
    const type = { dtype: 'f32', shape: [n] } as const;
    const x = engine.upload(new Float32Array(n).fill(1.5), type);
    const results = Array.from({ length: 3 }, () => engine.allocate(type));
    await Promise.all(results.map((y) => program.run({ x }, { y })));
    for (const y of results) expect((await y.read()).at(-1)).toBe(3);
    for (const buffer of [x, ...results]) buffer.dispose();
    await program.dispose();
  });

  it('refuses buffers of another type or engine', async () => {
    const program = await engine.load({ y: g.scale(g.input('x', [3]), 2) });
    const [x, y] = [engine.allocate({ dtype: 'f32', shape: [4] }), engine.allocate(type)];
    await expect(program.run({ x }, { y })).rejects.toThrow('a buffer of f32 [4] was given');
    await expect(program.run({ x: ortNode.allocate(type) }, { y })).rejects.toThrow('another engine');
    await program.dispose();
  });

  it('says so where the device is lost', async () => {
    const other = await openWebGpu();
    const program = await other.load({ y: g.scale(g.input('x', [3]), 2) });
    const [x, y] = [other.allocate(type), other.allocate(type)];
    await program.run({ x }, { y });
    other.device.destroy();
    const again = program.run({ x }, { y }).then(() => y.read());
    await expect(again).rejects.toThrow(/is lost \(.*\): start again; .* --resume/);
  });

  it('says so where the device reports that something went wrong', async () => {
    const other = await openWebGpu();
    other.device.createBuffer({ size: 4, usage: 0 });
    await other.device.queue.onSubmittedWorkDone();
    await expect(other.allocate(type).read()).rejects.toThrow(/^WebGPU, .* failed: /);
    other.device.destroy();
  });
});

/** XLA: what needs a plugin runs where DINO_PJRT_PLUGIN names one; the rest everywhere. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { runOnArrays } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { PjrtClient } from '../../src/engine/xla/pjrt-client-node.ts';
import { PjrtLibrary } from '../../src/engine/xla/pjrt-library-node.ts';
import { openXla, XlaEngine } from '../../src/engine/xla/xla-engine-node.ts';
import * as g from '../../src/graph/index.ts';
import type { Method } from '../../src/method/method.ts';
import { Random } from '../../src/random/random.ts';
import { trainerOptionsOf } from '../../src/train/build.ts';
import { Plan } from '../../src/train/plan.ts';
import { chooseRecipe } from '../../src/train/recipe.ts';
import { type CropSource, Trainer } from '../../src/train/trainer.ts';
import { smooth, wide, withGradients } from '../graph/op-examples.ts';
import { tinyMethod } from '../method/tiny-methods.ts';
import { expectClose, expectSameStep, methodNames, run, tinyFacts, tinyStep } from './beside-ort.ts';
import { engineOfPlugin, pluginFile } from './xla-plugin.ts';

const folder = mkdtempSync(join(tmpdir(), 'dino-xla-'));

describe('a file that is given as a plugin', () => {
  const opening = (file: string) => (): PjrtLibrary => new PjrtLibrary(file);

  it('has to be there', () => {
    expect(opening(join(folder, 'nowhere.so'))).toThrow(/There is no PJRT plugin at .*nowhere\.so/);
  });

  it('has to be a shared library', () => {
    const file = join(folder, 'text.so');
    writeFileSync(file, 'not a library');
    expect(opening(file)).toThrow(/text\.so is no shared library/);
  });

  it('has to be one for this processor', () => {
    const file = join(folder, 'other.so');
    const header = Buffer.alloc(64);
    header.write('\x7fELF\x02\x01\x01', 'latin1');
    header.writeUInt16LE(process.arch === 'arm64' ? 0x3e : 0xb7, 18);
    writeFileSync(file, header);
    const [theirs, ours] = process.arch === 'arm64' ? ['x64', 'arm64'] : ['arm64', process.arch];
    expect(opening(file)).toThrow(`other.so is built for ${theirs}; this machine is ${ours}`);
  });

  it('has to have the function of a plugin', () => {
    const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
    const file = join(root, 'bin/napi-v6', process.platform, process.arch, 'onnxruntime_binding.node');
    expect(opening(file)).toThrow(/onnxruntime_binding\.node is a shared library, but no PJRT plugin/);
  });

  const hasCompiler = spawnSync('gcc', ['--version']).status === 0;
  it.skipIf(!hasCompiler)('must not be too old (needs gcc)', () => {
    const [source, file] = [join(folder, 'old.c'), join(folder, 'old.so')];
    writeFileSync(
      source,
      'static struct { long size, ext, vsize, vext; int major, minor; } t = {40, 0, 24, 0, 0, 40};\nvoid *GetPjrtApi(void) { return &t; }\n',
    );
    execFileSync('gcc', ['-shared', '-fPIC', '-o', file, source]);
    expect(opening(file)).toThrow(/old\.so speaks PJRT 0\.40; version 0\.57 or a later one of 0 is needed/);
  });
});

if (pluginFile === undefined)
  test.skip('XLA is not tried: DINO_PJRT_PLUGIN names no plugin (docs/devices.md builds one for the CPU)', () => {});

describe.each(engineOfPlugin())('$name', (engine) => {
  test.each(Object.entries(smooth))('%s has the values and gradients of ONNX Runtime', async (_, result) => {
    const results = withGradients(result);
    expectClose(await run(engine, results), await run(ortNode, results), 2e-5);
  });

  it('finds the largest elements and their positions', async () => {
    const { values, positions } = g.topK(wide, 2);
    const results = { values, positions: g.cast(positions, 'f32') };
    expectClose(await run(engine, results), await run(ortNode, results), 1e-6);
  });

  test.each(methodNames)('computes a whole step of %s', async (name) => {
    await expectSameStep(engine, await tinyStep(name), 1e-3);
  });

  it('multiplies in bfloat16 where it is asked to, and sums in float32', async () => {
    const rounded = openXla(pluginFile!, { precision: 'bf16' });
    const results = { y: smooth.gemm! };
    const [exact, got] = [await run(ortNode, results), await run(rounded, results)];
    expectClose(got, exact, 2e-2);
    const difference = got.y!.map((value, i) => Math.abs(value - exact.y![i]!));
    expect(Math.max(...difference)).toBeGreaterThan(1e-4);
  });

  it('leaves an input alone that is not updated in place, and takes its memory where it is', async () => {
    const total = g.input('total', [3]);
    const program = await engine.load({ total: g.add(total, g.input('x', [3])) });
    const type = { dtype: 'f32', shape: [3] } as const;
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

  it('runs on arrays in turn, however many runs are asked for at once', async () => {
    const program = await engine.load({ y: g.scale(g.input('x', [2]), 2) });
    const runs = Array.from({ length: 5 }, async (_, i) => {
      const y = new Float32Array(2);
      await runOnArrays(program, { x: Float32Array.of(i, i + 0.5) }, { y });
      return [...y];
    });
    expect(await Promise.all(runs)).toEqual([0, 1, 2, 3, 4].map((i) => [2 * i, 2 * i + 1]));
    await program.dispose();
  });

  it('says what the compiler says', async () => {
    await expect(engine.client.compile('module { nonsense }')).rejects.toThrow(/\S/);
  });
});

/** Noise that belongs to the image and the view, whoever asks for it. */
function noise({ views }: Method, step: number): CropSource {
  return (group, start, end, into) => {
    const each = into.length / ((views[group]?.count ?? 0) * (end - start));
    let at = 0;
    for (let view = 0; view < (views[group]?.count ?? 0); view++)
      for (let image = start; image < end; image++) {
        const random = new Random(9, `view ${group} ${view}`, step, image);
        for (let i = 0; i < each; i++) into[at++] = random.normal();
      }
  };
}

describe.each(engineOfPlugin().filter(({ client }) => client.platform === 'cpu'))(
  '$name, two devices',
  () => {
    it.each(['dino', 'byol', 'simclr', 'dinov2'])(
      'train %s as one process with the whole batch does',
      async (name) => {
        const client = new PjrtClient(pluginFile!, { cpu_device_count: 2n });
        const { options, frozen } = await tinyMethod(name);
        // What DINOv2 masks and what its stochastic depth leaves out is drawn for the images that one device has.
        const drawn =
          name === 'dinov2' ? { ibotLossWeight: 0, dropPathRate: 0, koleoLossWeight: 0.1, lr: 0.002 } : {};
        const { config } = chooseRecipe({ ...options, ...frozen?.options, ...drawn }, tinyFacts);
        const { byteCrops: _, ...told } = trainerOptionsOf(config);
        const [one, two] = [
          await Trainer.create({ ...told, engine: ortNode }),
          await Trainer.create({ ...told, engine: new XlaEngine(client, { replicas: 2 }) }),
        ];
        onTestFinished(() => Promise.all([one.dispose(), two.dispose()]).then(() => {}));
        expect(two.isOneProgram).toBe(true);
        const plan = new Plan(config, 6, 3);
        for (let step = 0; step < 3; step++) {
          const [wanted, got] = [
            await one.step(noise(one.method, step), plan.at(step)),
            await two.step(noise(two.method, step), plan.at(step)),
          ];
          expect(Math.abs(got.loss - wanted.loss) / Math.abs(wanted.loss), `step ${step}`).toBeLessThan(1e-4);
        }
      },
    );
  },
);

test('the header that the table was made from is named in it', () => {
  const text = readFileSync(new URL('../../src/engine/xla/pjrt-table.ts', import.meta.url), 'utf8');
  expect(text).toMatch(/Generated from pjrt_c_api\.h 0\.\d+ by scripts\/pjrt-table\.ts/);
});

import { describe, expect, it } from 'vitest';
import { evaluate, runOnArrays } from '../../src/engine/arrays.ts';
import type { OnnxEngine } from '../../src/engine/onnx-engine.ts';
import { ortBinding } from '../../src/engine/ort-binding-node.ts';
import { openOrtLibrary } from '../../src/engine/ort-library-node.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import {
  add,
  gather,
  gemm,
  greater,
  indices,
  input,
  onnxCpu,
  scalar,
  scale,
  slice,
  topK,
} from '../../src/graph/index.ts';

const engines: Record<string, OnnxEngine> = { 'the C interface': ortNode, 'the binding': ortBinding };

describe('the C interface of ONNX Runtime', () => {
  it('is found where the package has a library for this platform', () => {
    expect(openOrtLibrary()).toBeDefined();
  });
});

for (const [name, engine] of Object.entries(engines)) {
  describe(`a program through ${name}`, () => {
    const product = () => engine.load({ y: gemm(input('a', [2, 3]), input('b', [3, 2])) }, { threads: 1 });
    const a = Float32Array.of(1, 2, 3, 4, 5, 6);
    const b = Float32Array.of(1, 0, 0, 1, 1, 1);

    it('reads its inputs and writes its results by name', async () => {
      const program = await product();
      expect(await evaluate(program, { a, b })).toEqual({ y: Float32Array.of(4, 5, 10, 11) });
      const y = new Float32Array(4);
      await runOnArrays(program, { b, a }, { y });
      expect([...y]).toEqual([4, 5, 10, 11]);
      await program.dispose();
    });

    it('updates a value in place where a result is an input too', async () => {
      const program = await engine.load(
        { total: add(input('total', [4]), scale(input('x', [4]), 2)) },
        { threads: 1 },
      );
      const total = Float32Array.of(1, 1, 1, 1);
      for (let i = 0; i < 3; i++)
        await runOnArrays(program, { total, x: Float32Array.of(0, 1, 2, i) }, { total });
      expect([...total]).toEqual([1, 7, 13, 7]);
      await program.dispose();
    });

    it('reads arrays that are parts of others, and a range of rows of an input', async () => {
      const program = await engine.load({ y: scale(slice(input('x', [4, 2]), 0, 1, 3), 10) });
      const whole = Float32Array.from({ length: 12 }, (_, i) => i);
      const { y } = await evaluate(program, { x: whole.subarray(2, 10) });
      expect([...(y ?? [])]).toEqual([40, 50, 60, 70]);
      await program.dispose();
    });

    it('can be asked to run several times at once, with other arrays each time', async () => {
      const program = await product();
      const outputs = Array.from({ length: 8 }, () => new Float32Array(4));
      await Promise.all(outputs.map((y, i) => runOnArrays(program, { a: a.map((x) => x * i), b }, { y })));
      for (const [i, y] of outputs.entries()) expect([...y]).toEqual([4, 5, 10, 11].map((x) => x * i));
      await program.dispose();
    });

    it('names what is missing, unknown, or of another size or type', async () => {
      const program = await product();
      const y = new Float32Array(4);
      await expect(runOnArrays(program, { a }, { y })).rejects.toThrow('input "b" was not given');
      await expect(runOnArrays(program, { a, b, c: b }, { y })).rejects.toThrow(
        'no input "c"; its inputs are a, b',
      );
      await expect(runOnArrays(program, { a, b }, {})).rejects.toThrow('output "y" was not given');
      await expect(runOnArrays(program, { a, b: b.subarray(1) }, { y })).rejects.toThrow(
        'input "b" is f32 [3, 2], 6 elements; a Float32Array of 5 was given',
      );
      await expect(runOnArrays(program, { a, b: new BigInt64Array(6) }, { y })).rejects.toThrow(
        'a BigInt64Array of 6',
      );
      await program.dispose();
    });

    it('reads and writes buffers, also of whole numbers and booleans, and hands them over between programs', async () => {
      const sorted = topK(input('x', [5]), 2);
      const isLarge = greater(input('x', [5]), scalar(1.5));
      const first = await engine.load({ ...sorted, isLarge });
      const second = await engine.load({ chosen: gather(input('x', [5]), input('at', [2], 'i64'), 0) });
      const x = engine.upload(Float32Array.of(1, 5, 2, 7, 0), { dtype: 'f32', shape: [5] });
      const made = Object.fromEntries(
        [...first.outputs].map(([name, type]) => [name, engine.allocate(type)]),
      );
      await first.run({ x }, made);
      expect(await made.positions!.read()).toEqual(BigInt64Array.of(3n, 1n));
      expect(await made.isLarge!.read()).toEqual(Uint8Array.of(0, 1, 1, 1, 0));
      const chosen = engine.allocate({ dtype: 'f32', shape: [2] });
      await second.run({ x, at: made.positions! }, { chosen });
      expect(await chosen.read()).toEqual(await made.values!.read());
      await expect(second.run({ x, at: chosen }, { chosen })).rejects.toThrow(
        'input "at" is i64 [2]; a buffer of f32 [2] was given',
      );
      expect(() => chosen.write(new Float32Array(3))).toThrow('a Float32Array of 3 does not hold f32 [2]');
      await expect(evaluate(first, { x: Float32Array.of(1, 5, 2, 7, 0) })).rejects.toThrow(
        'output "positions" is i64 [2]',
      );
      for (const program of [first, second]) await program.dispose();
    });

    it('takes buffers that change places, and one after another', async () => {
      const program = await engine.load({ y: scale(input('x', [2]), 10) });
      const type = { dtype: 'f32', shape: [2] } as const;
      const inputs = [1, 2, 3].map((value) => engine.upload(Float32Array.of(value, -value), type));
      const outputs = inputs.map(() => engine.allocate(type));
      for (const [x, y] of [
        [0, 0],
        [1, 1],
        [0, 1],
        [1, 0],
        [2, 2],
        [0, 0],
        [2, 1],
        [1, 2],
      ] as const) {
        await program.run({ x: inputs[x]! }, { y: outputs[y]! });
        expect(await outputs[y]!.read()).toEqual(Float32Array.of(10 * (x + 1), -10 * (x + 1)));
      }
      await program.dispose();
    });

    it('does not run after it was disposed of, and may be disposed of twice', async () => {
      const program = await product();
      await program.dispose();
      await program.dispose();
      await expect(runOnArrays(program, { a, b }, { y: new Float32Array(4) })).rejects.toThrow('disposed of');
    });

    it('passes on what ONNX Runtime says of a program or a run that is wrong', async () => {
      const results = { y: gather(input('x', [2]), indices([5]), 0) };
      const program = await engine.load(results);
      await expect(evaluate(program, { x: new Float32Array(2) })).rejects.toThrow(
        /ONNX Runtime failed: .*5/s,
      );
      await program.dispose();
      const compiled = onnxCpu.compile(results);
      const broken = { ...compiled, onnx: compiled.onnx.slice(0, 40) };
      await expect(engine.loadOnnx(broken)).rejects.toThrow('ONNX Runtime cannot load the program');
    });
  });
}

describe('both ways to ONNX Runtime', () => {
  it('give the same bits', async () => {
    const graph = { y: gemm(input('a', [64, 96]), input('b', [96, 32])) };
    const a = Float32Array.from({ length: 64 * 96 }, (_, i) => Math.sin(i));
    const b = Float32Array.from({ length: 96 * 32 }, (_, i) => Math.cos(3 * i));
    const results = [];
    for (const engine of Object.values(engines)) {
      const program = await engine.load(graph, { threads: 1 });
      results.push((await evaluate(program, { a, b })).y);
      await program.dispose();
    }
    expect(results[0]).toEqual(results[1]);
  });
});

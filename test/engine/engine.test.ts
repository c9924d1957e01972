import { describe, expect, it } from 'vitest';
import { type Engine, evaluate } from '../../src/engine/engine.ts';
import { ortBinding } from '../../src/engine/ort-binding.ts';
import { openOrtLibrary } from '../../src/engine/ort-library.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { withThreads } from '../../src/engine/with-threads.ts';
import { add, compile, gather, gemm, indices, input, scale, slice } from '../../src/graph/index.ts';

const engines: Record<string, Engine> = { 'the C interface': ortNode, 'the binding': ortBinding };

describe('an engine with threads', () => {
  it('computes with so many, unless a program asks for others', async () => {
    const asked: unknown[] = [];
    const engine: Engine = {
      name: 'a list',
      load: (_, options) => {
        asked.push(options?.threads);
        return Promise.reject(new Error('It only notes what it is asked for.'));
      },
    };
    const graph = compile({ y: scale(input('x', [2]), 2) });
    await expect(withThreads(engine, 3).load(graph)).rejects.toThrow();
    await expect(withThreads(engine, 3).load(graph, { threads: 1 })).rejects.toThrow();
    expect(asked).toEqual([3, 1]);
  });
});

describe('the C interface of ONNX Runtime', () => {
  it('is found where the package has a library for this platform', () => {
    expect(openOrtLibrary()).toBeDefined();
  });
});

for (const [name, engine] of Object.entries(engines)) {
  describe(`a program through ${name}`, () => {
    const product = () =>
      engine.load(compile({ y: gemm(input('a', [2, 3]), input('b', [3, 2])) }), { threads: 1 });
    const a = Float32Array.of(1, 2, 3, 4, 5, 6);
    const b = Float32Array.of(1, 0, 0, 1, 1, 1);

    it('reads its inputs and writes its results by name', async () => {
      const program = await product();
      expect(await evaluate(program, { a, b })).toEqual({ y: Float32Array.of(4, 5, 10, 11) });
      const y = new Float32Array(4);
      await program.run({ b, a }, { y });
      expect([...y]).toEqual([4, 5, 10, 11]);
      await program.dispose();
    });

    it('updates a value in place where a result is an input too', async () => {
      const program = await engine.load(
        compile({ total: add(input('total', [4]), scale(input('x', [4]), 2)) }),
        { threads: 1 },
      );
      const total = Float32Array.of(1, 1, 1, 1);
      for (let i = 0; i < 3; i++) await program.run({ total, x: Float32Array.of(0, 1, 2, i) }, { total });
      expect([...total]).toEqual([1, 7, 13, 7]);
      await program.dispose();
    });

    it('reads arrays that are parts of others, and a range of rows of an input', async () => {
      const program = await engine.load(compile({ y: scale(slice(input('x', [4, 2]), 0, 1, 3), 10) }));
      const whole = Float32Array.from({ length: 12 }, (_, i) => i);
      const { y } = await evaluate(program, { x: whole.subarray(2, 10) });
      expect([...(y ?? [])]).toEqual([40, 50, 60, 70]);
      await program.dispose();
    });

    it('can be asked to run several times at once, with other arrays each time', async () => {
      const program = await product();
      const outputs = Array.from({ length: 8 }, () => new Float32Array(4));
      await Promise.all(outputs.map((y, i) => program.run({ a: a.map((x) => x * i), b }, { y })));
      for (const [i, y] of outputs.entries()) expect([...y]).toEqual([4, 5, 10, 11].map((x) => x * i));
      await program.dispose();
    });

    it('names what is missing, unknown, or of another size or type', async () => {
      const program = await product();
      const y = new Float32Array(4);
      await expect(program.run({ a }, { y })).rejects.toThrow('input "b" was not given');
      await expect(program.run({ a, b, c: b }, { y })).rejects.toThrow('no input "c"; its inputs are a, b');
      await expect(program.run({ a, b }, {})).rejects.toThrow('output "y" was not given');
      await expect(program.run({ a, b: b.subarray(1) }, { y })).rejects.toThrow(
        'input "b" is f32 [3, 2], 6 elements; a Float32Array of 5 was given',
      );
      await expect(program.run({ a, b: new BigInt64Array(6) }, { y })).rejects.toThrow(
        'a BigInt64Array of 6',
      );
      await program.dispose();
    });

    it('does not run after it was disposed of, and may be disposed of twice', async () => {
      const program = await product();
      await program.dispose();
      await program.dispose();
      await expect(program.run({ a, b }, { y: new Float32Array(4) })).rejects.toThrow('disposed of');
    });

    it('passes on what ONNX Runtime says of a program or a run that is wrong', async () => {
      const graph = compile({ y: gather(input('x', [2]), indices([5]), 0) });
      const program = await engine.load(graph);
      await expect(evaluate(program, { x: new Float32Array(2) })).rejects.toThrow(
        /ONNX Runtime failed: .*5/s,
      );
      await program.dispose();
      const broken = { ...graph, onnx: graph.onnx.slice(0, 40) };
      await expect(engine.load(broken)).rejects.toThrow('ONNX Runtime cannot load the program');
    });
  });
}

describe('both ways to ONNX Runtime', () => {
  it('give the same bits', async () => {
    const graph = compile({ y: gemm(input('a', [64, 96]), input('b', [96, 32])) });
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

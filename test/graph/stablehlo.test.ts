/** The text of StableHLO programs: what `targets.test.ts` cannot see by their values. */
import { describe, expect, it } from 'vitest';
import * as g from '../../src/graph/index.ts';

const lines = (results: g.Results, options: g.StableHloOptions = {}): string[] =>
  g.stableHlo(options).compile(results).text.trim().split('\n');

describe('StableHLO', () => {
  it('is a module whose arguments and results stand in the order of names', () => {
    const program = g
      .stableHlo()
      .compile({ y: g.add(g.input('x', [2, 3]), g.scalar(1)), x2: g.neg(g.input('x', [2, 3])) });
    expect(
      program.text,
    ).toBe(`module @program attributes {mhlo.num_replicas = 1 : i32, mhlo.num_partitions = 1 : i32} {
func.func public @main(%arg0: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
%v0 = stablehlo.constant dense<0x3F800000> : tensor<f32>
%v1 = stablehlo.broadcast_in_dim %v0, dims = [] : (tensor<f32>) -> tensor<2x3xf32>
%v2 = stablehlo.add %arg0, %v1 : tensor<2x3xf32>
%v3 = stablehlo.negate %arg0 : tensor<2x3xf32>
return %v2, %v3 : tensor<2x3xf32>, tensor<2x3xf32>
}
}
`);
    expect([...program.inputs.keys()]).toEqual(['x']);
    expect([...program.outputs.keys()]).toEqual(['y', 'x2']);
    expect(program.operations).toBe(4);
  });

  it('gives a result the memory of the input of its name and type', () => {
    const [a, b] = [g.input('a', [4]), g.input('b', [4])];
    const program = g.stableHlo().compile({ b: g.add(a, b), a: g.sum(a) });
    expect([...program.inPlace]).toEqual(['b']); // a changes its shape
    expect(program.text).toContain('%arg1: tensor<4xf32> {tf.aliasing_output = 0 : i32}');
    expect(program.text).toContain('%arg0: tensor<4xf32>,');
  });

  it('writes constants by their bits', () => {
    const text = lines({
      a: g.mul(g.input('x', [3]), g.constant([1.5, -0, 1e-40], [3])),
      b: g.mul(g.input('x', [3]), g.constant([0.1, 0.1, 0.1], [3])),
      c: g.gather(g.input('x', [3]), g.indices([2, 0]), 0),
    }).join('\n');
    expect(text).toContain('dense<"0x0000C03F00000080C2160100">');
    expect(text).toContain('dense<0x3DCCCCCD> : tensor<3xf32>');
    expect(text).toContain('dense<"0x02000000000000000000000000000000"> : tensor<2xi64>');
  });

  it('rounds the operands of products alone, and only where it is asked to', () => {
    const results = {
      y: g.exp(g.product(g.input('a', [2, 3]), g.input('b', [3, 4]), { contract: [[1], [0]] })),
    };
    const product = (precision: g.Precision): string | undefined =>
      lines(results, { precision }).find((line) => line.includes('dot_general'));
    expect(product('f32')).toContain(
      'precision = [HIGHEST, HIGHEST] : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>',
    );
    expect(product('tf32')).toContain(
      'precision = [DEFAULT, DEFAULT] : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>',
    );
    expect(product('bf16')).toContain(': (tensor<2x3xbf16>, tensor<3x4xbf16>) -> tensor<2x4xf32>');
    expect(lines(results, { precision: 'bf16' }).filter((line) => line.includes('bf16'))).toHaveLength(3);
    const emulated = lines(results, { precision: 'bf16', emulates: true });
    expect(emulated.filter((line) => line.includes('stablehlo.reduce_precision'))).toHaveLength(2);
    expect(emulated.some((line) => line.includes('bf16'))).toBe(false);
  });

  it('writes what devices do together', () => {
    const x = g.input('x', [2, 3]);
    const text = lines(
      { sum: g.sumAcross(x, 2), all: g.gatherAcross(x, 2), part: g.scatterAcross(g.gatherAcross(x, 2), 2) },
      { replicas: 2 },
    );
    const groups = 'replica_groups = dense<[[0, 1]]> : tensor<1x2xi64>';
    const body =
      '{ ^bb0(%p: tensor<f32>, %q: tensor<f32>): %s = stablehlo.add %p, %q : tensor<f32> stablehlo.return %s : tensor<f32> }';
    expect(text[0]).toContain('mhlo.num_replicas = 2');
    expect(text.slice(2, 5)).toEqual([
      `%v0 = "stablehlo.all_reduce"(%arg0) <{${groups}}> (${body}) : (tensor<2x3xf32>) -> tensor<2x3xf32>`,
      `%v1 = "stablehlo.all_gather"(%arg0) <{all_gather_dim = 0 : i64, ${groups}}> : (tensor<2x3xf32>) -> tensor<4x3xf32>`,
      `%v2 = "stablehlo.reduce_scatter"(%v1) <{scatter_dimension = 0 : i64, ${groups}}> (${body}) : (tensor<4x3xf32>) -> tensor<2x3xf32>`,
    ]);
    expect(() => g.stableHlo({ replicas: 4 }).compile({ sum: g.sumAcross(x, 2) })).toThrow(
      'compile: "sumAcross" is among 2 ranks, and the program is for 4 replicas',
    );
  });

  it('refuses an input of two shapes', () => {
    expect(() => g.stableHlo().compile({ a: g.neg(g.input('x', [2])), b: g.neg(g.input('x', [3])) })).toThrow(
      'compile: input "x" is used with shapes [2] and [3]',
    );
  });
});

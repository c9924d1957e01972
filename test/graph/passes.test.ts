import { describe, expect, test } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';

import { ortNode } from '../../src/engine/ort-node.ts';
import * as g from '../../src/graph/index.ts';
import { shareSubexpressions } from '../../src/graph/passes/share.ts';
import { simplify } from '../../src/graph/passes/simplify.ts';
import { topological } from '../../src/graph/traverse.ts';
import { type VitConfig, vit } from '../../src/model/vit.ts';
import { Random } from '../../src/random/random.ts';

/** Names of the ops that compute something, in order. */
function ops(roots: readonly g.Tensor[]): string[] {
  return topological(roots).flatMap(({ op }) => (['input', 'constant'].includes(op.name) ? [] : [op.name]));
}

function count(roots: readonly g.Tensor[], name: string): number {
  return ops(roots).filter((op) => op === name).length;
}

/** The result shapes of all matrix products, and what the products cost. */
function products(roots: readonly g.Tensor[]): { shapes: string[]; multiplications: number } {
  const gemms = topological(roots).filter(({ op }) => op.name === 'gemm');
  const costs = gemms.map((node) => {
    const x = node.input(0);
    const inner = node.attributes.transA === true ? x.dim(0) : x.dim(1);
    return node.output().size * inner;
  });
  return {
    shapes: gemms.map((node) => node.output().shape.join('x')),
    multiplications: costs.reduce((a, b) => a + b, 0),
  };
}

/** Runs results on random inputs; the same names get the same values every time. */
async function values(results: Readonly<Record<string, g.Tensor>>): Promise<Record<string, Float32Array>> {
  const program = await ortNode.load(results);
  const inputs = [...program.inputs].map(([name, { shape }]) => {
    const random = new Random(5, name);
    return [name, Float32Array.from({ length: g.sizeOf(shape) }, () => random.normal())] as const;
  });
  const got = await evaluate(program, Object.fromEntries(inputs));
  await program.dispose();
  return got;
}

async function value(tensor: g.Tensor): Promise<Float32Array> {
  return (await values({ tensor })).tensor!;
}

function expectClose(got: Float32Array, wanted: Float32Array, tolerance = 1e-5): void {
  expect(got.length).toBe(wanted.length);
  const largest = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const difference = wanted.reduce((most, x, i) => Math.max(most, Math.abs(x - got[i]!)), 0);
  expect(largest).toBeGreaterThan(0);
  expect(difference / largest).toBeLessThan(tolerance);
}

const config: VitConfig = {
  imageSize: 16,
  patchSize: 4,
  channels: 3,
  dim: 12,
  depth: 3,
  heads: 2,
  mlpRatio: 4,
};
const [batch, tokens, hidden] = [5, 17, 48];

function classToken(): { cls: g.Tensor; parameters: g.Tensor[] } {
  const set = new g.ParameterSet();
  const { cls } = vit(set.scope, g.input('images', [batch, 3, 16, 16]), config);
  return { cls, parameters: [...set.parameters.keys()].map((name) => set.tensor(name)) };
}

describe('moving slices toward the leaves', () => {
  test('leaves one row an image in the MLP of the last block when only the class token is read', () => {
    const { cls } = classToken();
    const wide = (roots: readonly g.Tensor[]): string[] =>
      products(roots).shapes.filter((shape) => shape.endsWith(`x${hidden}`));
    const whole = `${batch * tokens}x${hidden}`;
    expect(wide([cls])).toEqual([whole, whole, whole]);
    expect(wide(g.hoistSlices([cls])).sort()).toEqual([`${batch}x${hidden}`, whole, whole].sort());
  });

  test('computes the last query for the class token only, and nothing twice', () => {
    const hoisted = g.hoistSlices([classToken().cls]);
    const { shapes } = products(hoisted);
    // Of the last block the query, the projection and the second MLP layer have one row an image; keys and values all.
    expect(shapes.filter((shape) => shape === `${batch}x${config.dim}`)).toHaveLength(3);
    expect(count(hoisted, 'attention')).toBe(config.depth);
    expect(shareSubexpressions(hoisted).map((x) => ops([x]).length)).toEqual([ops(hoisted).length]);
  });

  test('costs fewer multiplications, forwards and backwards, and changes no value and no gradient', async () => {
    const { cls, parameters } = classToken();
    const [hoisted = cls] = g.hoistSlices([cls]);
    const build = (x: g.Tensor): Record<string, g.Tensor> => {
      const loss = g.sum(g.mul(x, g.input('cotangent', x.shape)));
      const gradients = g
        .gradients(loss, parameters)
        .map((gradient, i) => [`gradient ${i}`, gradient] as const);
      return { cls: x, ...Object.fromEntries(gradients) };
    };
    const [before, after] = [build(cls), build(hoisted)];
    const cost = (results: Record<string, g.Tensor>): number =>
      products(simplify(Object.values(results))).multiplications;
    expect(cost({ cls: hoisted })).toBeLessThan(0.8 * cost({ cls }));
    expect(cost(after)).toBeLessThan(0.8 * cost(before));
    const [slow, fast] = [await values(before), await values(after)];
    for (const [name, wanted] of Object.entries(slow)) expectClose(fast[name]!, wanted, 1e-4);
  });

  test('keeps a value that is also read whole', async () => {
    const x = g.exp(g.input('x', [6, 4]));
    expect(count(g.hoistSlices([g.slice(x, 0, 2, 4), x]), 'exp')).toBe(1);
    const [part = x] = g.hoistSlices([g.slice(x, 0, 2, 4)]);
    expect(
      topological([part])
        .find(({ op }) => op.name === 'exp')
        ?.output().shape,
    ).toEqual([2, 4]);
    expectClose(await value(part), (await value(x)).slice(8, 16));
  });
});

describe('sharing subexpressions', () => {
  test('computes equal values once', async () => {
    const twice = (): g.Tensor => g.exp(g.scale(g.input('x', [3, 4]), 0.25));
    const y = g.mul(twice(), twice());
    expect(count([y], 'exp')).toBe(2);
    expect(count(shareSubexpressions([y]), 'exp')).toBe(1);
    const x = await value(g.input('x', [3, 4]));
    expectClose(
      await value(y),
      x.map((v) => Math.exp(v / 2)),
    );
  });

  test('keeps constants apart whose bits have one hash', () => {
    // FNV-1a of two words: whatever the first one is, some second one leads to the same hash.
    const mixed = (word: number): number => Math.imul(0x811c9dc5 ^ word, 0x01000193);
    const [a, b] = [Uint32Array.of(0x3f800000, 0x40000000), Uint32Array.of(0x3fc00000, 0)];
    b[1] = mixed(a[0]!) ^ a[1]! ^ mixed(b[0]!);
    const [x, y] = [a, b].map((words) => g.constant(new Float32Array(words.buffer), [2]));
    expect(x!.node.attributes.values).not.toEqual(y!.node.attributes.values);
    const [first, second, third] = shareSubexpressions([x!, y!, g.constant([1, 2], [2])]);
    expect(first).not.toBe(second);
    expect(first).toBe(third);
  });

  test('keeps values apart that differ in an attribute, a constant or the order of operands', () => {
    const x = g.input('x', [4, 4]);
    const pairs: [g.Tensor, g.Tensor][] = [
      [g.sum(x, { axes: [0] }), g.sum(x, { axes: [1] })],
      [g.add(x, g.constant([1, 2, 3, 4], [4])), g.add(x, g.constant([1, 2, 3, 5], [4]))],
      [g.sub(x, g.exp(x)), g.sub(g.exp(x), x)],
    ];
    for (const pair of pairs) {
      const [first, second] = shareSubexpressions(pair);
      expect(first).not.toBe(second);
    }
  });
});

describe('simplification before lowering', () => {
  const a = g.input('a', [4, 6]);
  const b = g.input('b', [6, 5]);
  // Operands of a weight's gradient: a product over many rows.
  const [x, u, v] = [g.input('x', [7, 4]), g.input('u', [7, 5]), g.input('v', [7, 5])];
  const weightGradient = (y: g.Tensor): g.Tensor => g.gemm(x, y, { transA: true });

  test('folds factors before and after a product into it', async () => {
    const y = g.scale(g.gemm(g.scale(a, 3), b), 0.5);
    expect(ops(simplify([y]))).toEqual(['gemm']);
    const plain = await value(g.gemm(a, b));
    expectClose(
      await value(y),
      plain.map((p) => 1.5 * p),
    );
  });

  test('leaves an unscaled product alone that something else reads', async () => {
    const product = g.gemm(a, b);
    const got = await values({ product, scaled: g.scale(product, 0.5) });
    expectClose(got.product!, await value(g.gemm(a, b)));
    expectClose(
      got.scaled!,
      got.product!.map((p) => p / 2),
    );
  });

  test('takes a factor out of a sum', async () => {
    const y = g.sum(g.scale(a, 4), { axes: [0] });
    const sizes = topological(simplify([y])).map((node) => [node.op.name, node.output().size]);
    expect(sizes).toContainEqual(['sum', 6]);
    expect(sizes).not.toContainEqual(['mul', 24]);
    const plain = await value(g.sum(a, { axes: [0] }));
    expectClose(
      await value(y),
      plain.map((p) => 4 * p),
    );
  });

  test('adds the gradient of a weight to what it accumulates in inside the product', async () => {
    const total = g.input('total', [4, 5]);
    const y = g.add(total, weightGradient(u));
    expect(ops(simplify([y]))).toEqual(['gemm']);
    const [before, product] = [await value(total), await value(weightGradient(u))];
    expectClose(
      await value(y),
      product.map((p, i) => p + before[i]!),
    );
  });

  test('accumulates row ranges in place through a concatenation and reshapes', async () => {
    const total = g.input('total', [4, 10]);
    const part = g.concat([g.reshape(weightGradient(u), [2, 10]), g.reshape(weightGradient(v), [2, 10])], 0);
    const y = g.add(total, part);
    expect(count([y], 'add')).toBe(1);
    expect(count(simplify([y]), 'add')).toBe(0);
    expect(count(simplify([y]), 'gemm')).toBe(2);
    const [before, sum] = [await value(total), await value(part)];
    expectClose(
      await value(y),
      sum.map((p, i) => p + before[i]!),
    );
  });

  test('puts a GELU together from the parts of its gradient', async () => {
    const y = g.gelu(a);
    const both = { y, gradient: g.gradients(g.sum(y), [a])[0]! };
    expect(count(simplify(Object.values(both)), 'erf')).toBe(1);
    expectClose((await values(both)).y!, await value(y));
  });
});

describe('the border of a program', () => {
  test('an input can be a result, also under its own name', async () => {
    const x = g.input('x', [3]);
    const got = await values({ x, y: x });
    expect(got.x).toEqual(got.y);
    expect(new Set(got.x).size).toBe(3);
  });

  test('nothing is computed that no result reads: a convolution is windows and a product', () => {
    const [x, w] = [g.input('x', [2, 5, 5, 3]), g.input('w', [4, 3, 3, 3])];
    const columns = g.reshape(g.unfold(x, { kernel: 3 }), [-1, 27]);
    const flat = g.reshape(g.transpose(w, [0, 2, 3, 1]), [4, 27]);
    const product = g.reshape(g.gemm(columns, flat, { transB: true }), [2, 3, 3, 4]);
    expect(g.onnxCpu.compile({ y: g.conv2d(x, w) }).nodes).toBe(g.onnxCpu.compile({ y: product }).nodes);
  });
});

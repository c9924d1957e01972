/** What DINOv2 adds to a transformer; that its numbers are the official ones is tested against reference values elsewhere. */
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ortNode } from '../../src/engine/ort-node.ts';
import { input, ParameterSet, scale } from '../../src/graph/index.ts';
import { gatedWidth } from '../../src/model/dinov2.ts';
import { branchAdder, drawKeptImages, keptImages } from '../../src/model/drop-path.ts';
import { linspaceFloat32 } from '../../src/model/linspace.ts';
import { vit } from '../../src/model/vit.ts';
import { Random } from '../../src/random/random.ts';
import { gridVit } from './tiny-networks.ts';

const network = { ...gridVit, layerScale: true, maskToken: true, registers: 2 } as const;

describe('hidden patches', () => {
  it('are the mask token, and the others stay as they are', async () => {
    const set = new ParameterSet();
    const images = input('images', [2, 3, 16, 16]);
    const masks = input('masks', [2, 16], 'bool');
    const shown = vit(set.scope, images, network).embedded;
    const hidden = vit(set.scope, images, network, undefined, masks).embedded; // [B, 1 + 2 + 16, D]
    const program = await ortNode.load({ shown, hidden }, { threads: 1 });
    const random = new Random(1, 'values');
    const which = Uint8Array.from({ length: 32 }, (_, i) => (i === 3 || i === 20 ? 1 : 0));
    const values = Object.fromEntries(
      [...program.inputs].map(([name, { shape }]) => [
        name,
        Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
      ]),
    );
    const got = await evaluate(program, { ...values, masks: which });
    const [token, position] = [values.mask_token!, values.pos_embed!];
    const dim = network.dim;
    let covered = 0;
    for (let i = 0; i < 2 * 19; i++) {
      const patch = (i % 19) - 3; // behind the class token and two registers
      const isHidden = patch >= 0 && which[Math.floor(i / 19) * 16 + patch] === 1;
      if (isHidden) covered++;
      for (let d = 0; d < dim; d++) {
        const wanted = isHidden ? token[d]! + position[(patch + 1) * dim + d]! : got.shown![i * dim + d]!;
        expect(got.hidden![i * dim + d]).toBeCloseTo(wanted, 6);
      }
    }
    expect(covered).toBe(2);
    await program.dispose();
  });
});

describe('stochastic depth for some of the images', () => {
  it('adds what is computed for those it keeps, as many times as makes up for the others', async () => {
    const adder = branchAdder(input('kept', [2, 2], 'i64'), 1)(0);
    const x = input('x', [1, 5, 1]);
    const attended = adder(x, (tokens) => scale(tokens, 10), 0);
    const fed = adder(x, (tokens) => scale(tokens, 10), 1);
    const program = await ortNode.load({ attended, fed }, { threads: 1 });
    const got = await evaluate(program, {
      x: Float32Array.of(1, 2, 3, 4, 5),
      kept: BigInt64Array.of(3n, 0n, 1n, 2n),
    });
    expect([...got.attended!]).toEqual([1 + 25, 2, 3, 4 + 100, 5]);
    expect([...got.fed!]).toEqual([1, 2 + 50, 3 + 75, 4, 5]);
    await program.dispose();
  });

  it('keeps the whole part of what the rate leaves, and one image at least', () => {
    expect([keptImages(0.4, 7), keptImages(0.3, 10), keptImages(0.9, 3), keptImages(0, 4)]).toEqual([
      4, 7, 1, 4,
    ]);
  });

  it('draws images of each branch without repeats, and all of them in the end', () => {
    const rows = drawKeptImages(new Random(1, 'kept'), 0.4, 3, 7);
    expect(rows).toHaveLength(6 * 4);
    expect(rows).toEqual(drawKeptImages(new Random(1, 'kept'), 0.4, 3, 7));
    for (let row = 0; row < 6; row++) expect(new Set(rows.subarray(row * 4, row * 4 + 4)).size).toBe(4);
    expect(new Set(rows).size).toBe(7);
  });
});

it('layer scales begin as they are told, class token and registers near zero, the mask token at zero', () => {
  const set = new ParameterSet();
  vit(set.scope, input('images', [1, 3, 16, 16]), { ...network, layerScaleInit: 1e-5 });
  const initial = (name: string): Float32Array => {
    const { init, shape } = set.parameters.get(name)!;
    return init(new Random(1, name), shape);
  };
  expect(new Set(initial('blocks.1.ls2.gamma'))).toEqual(new Set([Math.fround(1e-5)]));
  expect(new Set(initial('mask_token'))).toEqual(new Set([0]));
  for (const name of ['cls_token', 'register_tokens']) {
    const largest = Math.max(...initial(name).map(Math.abs));
    expect(largest).toBeGreaterThan(1e-7);
    expect(largest).toBeLessThan(1e-5);
  }
  const plain = new ParameterSet();
  vit(plain.scope, input('images', [1, 3, 16, 16]), gridVit);
  const { init, shape } = plain.parameters.get('cls_token')!;
  expect(Math.max(...init(new Random(1, 'cls'), shape).map(Math.abs))).toBeGreaterThan(0.01);
});

it('a gated MLP is two thirds as wide, up to a multiple of eight', () => {
  expect([1536, 72, 80, 96, 4096].map(gatedWidth)).toEqual([1024, 48, 56, 64, 2736]);
});

it('evenly spaced float32 numbers begin and end where they are told', () => {
  expect(linspaceFloat32(0.1, 0.5, 3)).toEqual(
    [0.1, Math.fround(0.1) + Math.fround(0.2), 0.5].map(Math.fround),
  );
  expect(linspaceFloat32(0.1, 0.5, 1)).toEqual([Math.fround(0.1)]);
  expect(linspaceFloat32(2, 2, 0)).toEqual([]);
});

/** Weights of ResNet and XCiT under the names of others, and back. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { untrainedWeights } from '../../src/features/network-weights.ts';
import { openFile } from '../../src/files/file-source-node.ts';
import { type StoredTensor, serializeSafetensors } from '../../src/format/safetensors.ts';
import { serializeTorch } from '../../src/format/torch-save.ts';
import { input, ParameterSet } from '../../src/graph/index.ts';
import { usualPreprocessing } from '../../src/image/preprocessing.ts';
import { type BackboneConfig, imageFeature } from '../../src/model/backbone.ts';
import { Random } from '../../src/random/random.ts';
import { openInitial } from '../../src/run/open-initial-node.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { findNetwork } from '../../src/weights/find-network.ts';
import { timmXcit } from '../../src/weights/layouts.ts';
import { encodeOwnFacts, OWN_FACTS } from '../../src/weights/own-facts.ts';
import { openStateDict } from '../../src/weights/state-dict.ts';
import { toLayout } from '../../src/weights/to-layout.ts';
import { dino } from '../cli/command.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { tinyResnet, tinyXcit } from '../model/tiny-networks.ts';
import { folderWith, type Tensors } from './folders.ts';

const basic = { ...tinyResnet, block: 'basic', blocks: [1, 2, 1, 1] } as const;

/** A state dict as PyTorch saves it. */
function stateOf(config: BackboneConfig): Tensors {
  const set = new ParameterSet();
  imageFeature(set.scope, input('images', [1, config.channels, 64, 64]), config, 'eval');
  const values = untrainedWeights(config, 64, 1);
  const random = new Random(1, 'state');
  return new Map(
    [...set.parameters.values(), ...set.buffers.values()].map(({ name, shape }): [string, StoredTensor] => [
      name,
      name.endsWith('num_batches_tracked')
        ? { dtype: 'I64', shape: [], data: BigInt64Array.of(7n) }
        : { dtype: 'F32', shape, data: values.get(name)!.map((value) => value + 0.1 * random.uniform()) },
    ]),
  );
}

const fileOf = (tensors: Tensors, metadata: Record<string, string> = {}): string => {
  const file = join(temporaryFolder(), 'weights.safetensors');
  writeFileSync(file, Buffer.concat(serializeSafetensors(tensors, metadata)));
  return file;
};

const factsOf = (backbone: BackboneConfig): string =>
  encodeOwnFacts({ backbone, preprocessing: usualPreprocessing(32, 3), levels: undefined, seed: 0 });

const find = (file: string, options = {}) =>
  findNetwork(openStateDict(openFile(file)), { name: file, ...options });

async function feature(config: BackboneConfig, weights: ReadonlyMap<string, Float32Array>) {
  const backbone = new FrozenBackbone(config, 32, ortNode, { threads: 1 });
  const pixels = Float32Array.from({ length: 3 * 32 * 32 }, (_, i) => Math.sin(i));
  const row = await backbone.features(weights, pixels);
  await backbone.dispose();
  return [...row];
}

const floatsOf = (tensors: Tensors): Map<string, Float32Array> =>
  new Map([...tensors].map(([name, { data }]) => [name, Float32Array.from(data, Number)]));

describe('a ResNet', () => {
  it.each([
    ['bottlenecks', tinyResnet],
    ['basic blocks', basic],
  ] as const)("of %s is read under torchvision's names, without its last layer", async (_, config) => {
    const state = stateOf(config);
    const wanted = await feature(config, floatsOf(state));
    state.set('fc.weight', { dtype: 'F32', shape: [2, 16], data: new Float32Array(32) });
    state.set('fc.bias', { dtype: 'F32', shape: [2], data: new Float32Array(2) });
    const found = find(fileOf(state));
    expect(found).toMatchObject({
      missing: [],
      unexpected: [],
      misshapen: [],
      extras: ['fc.bias', 'fc.weight'],
    });
    expect(found.config).toEqual(config);
    expect(await feature(config, found.weights())).toEqual(wanted);
  });

  it('is a subject, also where an older file counts no batches', async () => {
    const state = stateOf(tinyResnet);
    const wanted = await feature(tinyResnet, floatsOf(state));
    const old = [...state].filter(([name]) => !name.endsWith('num_batches_tracked'));
    const subject = openSubject(fileOf(new Map(old)));
    expect(subject.backbone).toEqual(tinyResnet);
    expect(subject.size).toBe(224);
    expect(await feature(subject.backbone, subject.trained)).toEqual(wanted);
  });

  it('is found in a training checkpoint, where the teacher is taken', () => {
    const state = stateOf(tinyResnet);
    const file = join(temporaryFolder(), 'checkpoint.pth');
    const both = ['student', 'teacher'].flatMap((network) =>
      [...state].map(([name, tensor]) => [`${network}/module.backbone.${name}`, tensor] as const),
    );
    writeFileSync(file, Buffer.concat(serializeTorch(new Map(both))));
    expect(find(file)).toMatchObject({ prefix: 'teacher/module.backbone.', missing: [], unexpected: [] });
  });

  it('with another stem is no ResNet', () => {
    const state = stateOf(tinyResnet);
    state.set('conv1.weight', { dtype: 'F32', shape: [4, 3, 3, 3], data: new Float32Array(108) });
    expect(() => openSubject(fileOf(state))).toThrow(
      'has conv1.weight of shape [4, 3, 3, 3] instead of [4, 3, 7, 7]',
    );
  });
});

describe('an XCiT', () => {
  const state = stateOf(tinyXcit);

  it("is read under the official names and timm's", async () => {
    const wanted = await feature(tinyXcit, floatsOf(state));
    const named = new Map(
      [...state].map(([name, { shape, data }]) => [name, { shape, values: Float32Array.from(data, Number) }]),
    );
    const timm = toLayout(named, timmXcit);
    expect(timm.get('cls_attn_blocks.1.attn.k.weight')?.shape).toEqual([16, 16]);
    expect(timm.has('pos_embed.token_projection.bias')).toBe(true);
    for (const [tensors, layout] of [
      [new Map([...state].map(([name, tensor]) => [`model.${name}`, tensor])), /^official XCiT/],
      [timm, /^timm XCiT/],
    ] as const) {
      const found = find(fileOf(tensors));
      expect(found.layout.name).toMatch(layout);
      expect(found).toMatchObject({ missing: [], unexpected: [], misshapen: [], config: tinyXcit });
      expect(found.assumed).toContain('class blocks norm all tokens');
      expect(await feature(tinyXcit, found.weights())).toEqual(wanted);
    }
  });

  it('of any depth and patch has the shape that its weights show', () => {
    const other = {
      ...tinyXcit,
      patchSize: 16,
      depth: 1,
      heads: 4,
      mlpRatio: 4,
      classBlocks: 1,
      channels: 1,
    };
    const found = find(fileOf(stateOf(other)));
    expect(found.config).toEqual(other);
    expect(found.assumed).toBeUndefined(); // with one class block it makes no difference
    expect(() => find(fileOf(stateOf(other)), { heads: 2 })).toThrow('has 4 attention heads, not 2');
  });

  it('says itself what its weights do not tell, when it was written here', () => {
    const own = { ...tinyXcit, tokensNorm: false } as const;
    const facts = factsOf(own);
    const found = find(fileOf(state, { [OWN_FACTS]: facts }));
    expect(found.config).toEqual(own);
    expect(found.assumed).toBeUndefined();
  });

  it('whose heads do not fit its width is refused', () => {
    const damaged = new Map(state);
    for (const block of [0, 1])
      damaged.set(`blocks.${block}.attn.temperature`, {
        ...{ dtype: 'F32', shape: [3, 1, 1], data: new Float32Array(3) },
      });
    expect(() => find(fileOf(damaged))).toThrow('a width of 16 does not fit 3 attention heads');
  });

  it('of another shape than the published ones cannot be gone on with in training', () => {
    expect(() => openInitial(fileOf(state), {})).toThrow(
      'holds a network of another shape than can be trained (XCiT, width 16',
    );
  });

  it('is inspected', async () => {
    const said = await dino('inspect', fileOf(state));
    expect(said.code).toBe(0);
    expect(said.out).toContain(
      'network: XCiT, width 16, 2 blocks, 2 heads, patches of 8, images of 224 pixels',
    );
    expect(said.out).toContain('taken for granted: class blocks norm all tokens');
  });
});

describe.each([
  ['a ResNet', tinyResnet],
  ['an XCiT', { ...tinyXcit, tokensNorm: false }],
] as const)('the export of %s', (_, config) => {
  const state = stateOf(config);
  const origin = (): string => fileOf(state, { [OWN_FACTS]: factsOf(config) });

  it.each([
    ['torch', 'backbone.pth'],
    ['safetensors', 'model.safetensors'],
    ['timm', 'model.safetensors'],
  ])('is read again (--to %s)', async (to, file) => {
    const folder = temporaryFolder();
    const said = await dino('export', origin(), '--to', to, '--output', folder);
    expect(said).toMatchObject({ code: 0 });
    const found = find(join(folder, file));
    expect(found.config).toEqual(config);
    expect(found).toMatchObject({ missing: [], unexpected: [], misshapen: [], assumed: undefined });
    const wanted = floatsOf(state);
    for (const [name, values] of found.weights()) expect(values, name).toEqual(wanted.get(name));
  });

  it('has no place in a class of transformers', async () => {
    const said = await dino('export', origin(), '--to', 'huggingface', '--output', temporaryFolder());
    expect(said.code).toBe(1);
    expect(said.err).toContain("Hugging Face's ViT has no place for");
  });
});

describe("timm's config.json", () => {
  const shown = { input_size: [3, 160, 160], crop_pct: 0.95, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
  const folder = (config: object, tensors: Tensors): string =>
    folderWith({ 'config.json': { pretrained_cfg: shown, ...config }, 'model.safetensors': tensors });

  it.each([
    ['resnet50', 'avg', tinyResnet],
    ['xcit_small_12_p8_224', 'token', tinyXcit],
  ] as const)('of %s says how images become the input', (architecture, pool, config) => {
    const subject = openSubject(folder({ architecture, global_pool: pool }, stateOf(config)));
    expect(subject.backbone).toEqual(config);
    expect(subject.preprocessing).toMatchObject({ size: 160, statistics: { mean: [0.5, 0.5, 0.5] } });
  });

  it('is refused beside weights of another network', () => {
    expect(() => openSubject(folder({ architecture: 'resnet50' }, stateOf(tinyXcit)))).toThrow(
      'says architecture "resnet50", which is of kind resnet, and the weights of',
    );
  });

  it.each([
    [
      { architecture: 'resnet50', global_pool: 'max' },
      'says global_pool "max", and the feature here is the mean',
    ],
    [{ architecture: 'resnet50', model_args: { aa_layer: 'avg' } }, 'says aa_layer "avg" in model_args'],
    [{ architecture: 'resnet50d' }, 'describes resnet50d: of timm'],
  ])('is refused where the network is another: %j', (config, message) => {
    expect(() => openSubject(folder(config, stateOf(tinyResnet)))).toThrow(message);
  });
});

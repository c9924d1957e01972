/** What is exported here is read by every command again, whatever network it is. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import { type ExportTarget, exportFiles } from '../../src/export/export-files.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { untrainedWeights, type Weights } from '../../src/features/network-weights.ts';
import { serializeSafetensors } from '../../src/format/safetensors.ts';
import { usualPreprocessing } from '../../src/image/preprocessing.ts';
import type { BackboneConfig } from '../../src/model/backbone.ts';
import { resnetConfig } from '../../src/model/resnet.ts';
import { openFrozen } from '../../src/run/frozen-network-node.ts';
import { openInitial } from '../../src/run/open-initial-node.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { OWN_FACTS } from '../../src/weights/own-facts.ts';
import { dino } from '../cli/command.ts';
import { photos, trainedOn } from '../cli/tiny-network.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { gridVit, tinyHybrid, tinyResnet, tinyXcit } from '../model/tiny-networks.ts';

const stemmed = { ...gridVit, stem: 'conv', registers: 2, layerScale: true, layerScaleInit: 0.1 } as const;
const convnet = { kind: 'convnet', channels: 1, widths: [8, 16], blocks: [1, 1], stemStride: 2 } as const;
const networks: readonly (readonly [string, BackboneConfig])[] = [
  ['a ViT', gridVit],
  ['a ViT with a convolutional stem', stemmed],
  ['a ViT with registers', { ...gridVit, registers: 1, positions: { antialias: true } }],
  ['a ViT of gated MLPs', { ...gridVit, swiglu: true, maskToken: true, eps: 1e-5 }],
  ['a ViT as DINOv2 has it', { ...gridVit, registers: 1, layerScale: true }],
  ['a hybrid', tinyHybrid],
  ['a convnet of gray images', convnet],
  ['a ResNet', { ...tinyResnet, block: 'basic' }],
  ['an XCiT', { ...tinyXcit, tokensNorm: false, eta: 0.5 }],
];
/** Formats of weights that have a place for a network. */
const targetsOf = (backbone: BackboneConfig): ExportTarget[] => {
  const isOurs = backbone.kind === 'convnet' || (backbone.kind === 'vit' && backbone.stem === 'conv');
  return isOurs ? ['torch', 'safetensors'] : ['torch', 'safetensors', 'timm'];
};

const SIZE = 24; // another one than the ViTs' own
const SEED = 7;

async function exported(backbone: BackboneConfig, to: ExportTarget): Promise<[string, Weights]> {
  const channels = backbone.channels === 1 ? 1 : 3;
  const weights = untrainedWeights(backbone, SIZE, 5);
  const preprocessing = { ...usualPreprocessing(SIZE, channels), zoom: 1.25 };
  const network = { backbone, preprocessing, weights, seed: SEED, enlarges: false, card: () => '' };
  const { files } = await exportFiles({ ...network, levels: [0, 4095] }, to, {
    engine: ortNode,
    probe: () => Promise.reject(new Error('Nothing is tried.')),
  });
  const [[name, parts] = ['', []]] = files;
  const file = join(temporaryFolder(), name);
  writeFileSync(file, Buffer.concat(parts));
  return [file, weights];
}

async function feature(backbone: BackboneConfig, weights: Weights): Promise<number[]> {
  const frozen = new FrozenBackbone(backbone, SIZE, ortNode, { threads: 1 });
  const pixels = Float32Array.from({ length: backbone.channels * SIZE ** 2 }, (_, i) => Math.sin(i));
  const row = await frozen.features(weights, pixels);
  await frozen.dispose();
  return [...row];
}

describe.each(networks)('the export of %s', (_, backbone) => {
  it.each(targetsOf(backbone))('to %s is the network again, with all that belongs to it', async (to) => {
    const [file, weights] = await exported(backbone, to);
    const subject = openSubject(file);
    expect(subject.backbone).toEqual(backbone);
    expect(new Map(subject.trained)).toEqual(weights);
    expect(subject.untrained).toEqual(untrainedWeights(backbone, SIZE, SEED));
    expect(subject).toMatchObject({ size: SIZE, preprocessing: { size: SIZE, zoom: 1.25 } });
    expect(subject.imageOptions).toMatchObject({ channels: backbone.channels, levels: [0, 4095] });
    expect(await feature(subject.backbone, subject.trained)).toEqual(await feature(backbone, weights));
    const said = await dino('inspect', file);
    expect(said, said.out).toMatchObject({ code: 0 });
    expect(said.out).toContain('whole: every tensor of the network is there');
  });
});

/** Large arrays are compared as bytes, which takes no time. */
const bytesOf = (values: Float32Array = new Float32Array()): Buffer =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);

describe('--init', () => {
  it.each([
    [gridVit, { arch: 'vit', stem: 'patch', dim: 12, heads: 2 }],
    [stemmed, { arch: 'vit', stem: 'conv', registers: 2, layerScale: 0.1 }],
    [tinyHybrid, { arch: 'hybrid', stem: 'conv', widths: [8, 16], blocks: [0, 1], heads: 3, channels: 3 }],
    [resnetConfig('resnet18'), { arch: 'resnet18', channels: 3 }],
    [convnet, { arch: 'convnet', widths: [8, 16], blocks: [1, 1], stemStride: 2, channels: 1 }],
  ])('takes an export of %j', async (backbone, architecture) => {
    const [file, weights] = await exported(backbone, 'torch');
    const initial = openInitial(file, {});
    expect(initial.architecture).toMatchObject(architecture);
    for (const [name, values] of weights)
      expect(Buffer.compare(bytesOf(initial.student.get(`backbone.${name}`)), bytesOf(values)), name).toBe(0);
  });
});

it('a run and its export have the same features, and a run begins with either', async () => {
  const images = await photos(['a', 'b'], 6);
  const run = await trainedOn(images, 'hybrid');
  expect(await dino('export', run, '--to', 'safetensors')).toMatchObject({ code: 0 });
  const file = join(run, 'export/safetensors/model.safetensors');
  const [ofRun, ofExport] = [run, file].map((network) => ({ network, output: temporaryFolder() }));
  for (const { network, output } of [ofRun!, ofExport!])
    expect(await dino('embed', network, images, '--output', output)).toMatchObject({ code: 0 });
  const rows = (folder: string): Buffer => readFileSync(join(folder, 'features.npy'));
  expect(rows(ofExport!.output)).toEqual(rows(ofRun!.output));
  expect(openSubject(file).untrained).toEqual(openSubject(run).untrained);
  await trainedOn(images, 'hybrid', ['--init', file]);
  const locate = (given: string): Promise<string> => Promise.resolve(given);
  const teacher = (network: string) => openFrozen({ method: 'distill', teacher: network }, locate);
  expect(await teacher(file)).toEqual({ ...(await teacher(run)), name: file });
});

describe('a file', () => {
  const tensors = new Map([['bn1.weight', { dtype: 'F32', shape: [8], data: new Float32Array(8) } as const]]);
  const written = (facts: unknown): string => {
    const file = join(temporaryFolder(), 'old.safetensors');
    writeFileSync(file, Buffer.concat(serializeSafetensors(tensors, { [OWN_FACTS]: JSON.stringify(facts) })));
    return file;
  };

  it('of an older version, which does not say what convolutional network it is, is told apart', async () => {
    const said = await dino('inspect', written({ preprocessing: usualPreprocessing(16, 3) }));
    expect(said.out).toContain('commands take such a network from its run alone: give the run folder');
    expect(said.code).toBe(1);
  });

  it.each([
    ['a number that is none', { ...convnet, stemStride: 0 }],
    ['a stem that cannot be', { ...convnet, stemStride: 3 }],
    ['blocks without end', { ...gridVit, depth: 1e9 }],
  ])('that claims %s is damaged', (_, backbone) => {
    expect(() => openSubject(written({ backbone }))).toThrow(
      `what it says of itself (${OWN_FACTS}) is damaged: export it again.`,
    );
  });

  it('has the attention heads that it says', async () => {
    const [file] = await exported(gridVit, 'torch');
    expect(openSubject(file, { heads: 2 }).backbone).toMatchObject({ heads: 2 });
    expect(() => openSubject(file, { heads: 3 })).toThrow('the network has 2 attention heads, not 3');
  });
});

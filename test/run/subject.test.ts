/** What opening a network does not do: draw a fresh one, name a folder, read a file twice. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { networkFingerprint } from '../../src/features/feature-bank-node.ts';
import { untrainedWeights } from '../../src/features/network-weights.ts';
import { openFile } from '../../src/files/file-source-node.ts';
import { elementCount } from '../../src/format/element-count.ts';
import { serializeSafetensors } from '../../src/format/safetensors.ts';
import { namedTensors, readTorchFile, TorchTensor } from '../../src/format/torch-file.ts';
import { input, ParameterSet } from '../../src/graph/index.ts';
import { usualPreprocessing } from '../../src/image/preprocessing.ts';
import { frozenOptions } from '../../src/method/definition.ts';
import { imageFeature } from '../../src/model/backbone.ts';
import { openInitial } from '../../src/run/open-initial-node.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { findNetwork } from '../../src/weights/find-network.ts';
import { readOfficialCheckpoint } from '../../src/weights/official-checkpoint.ts';
import { encodeOwnFacts, OWN_FACTS } from '../../src/weights/own-facts.ts';
import { openStateDict } from '../../src/weights/state-dict.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { gridVit, tinyResnet } from '../model/tiny-networks.ts';

vi.mock(import('../../src/features/network-weights.ts'), async (original) => {
  const real = await original();
  return { ...real, untrainedWeights: vi.fn(real.untrainedWeights) };
});
vi.mock(import('../../src/features/feature-bank-node.ts'), async (original) => {
  const real = await original();
  return { ...real, networkFingerprint: vi.fn(real.networkFingerprint) };
});
vi.mock(import('../../src/format/torch-file.ts'), async (original) => {
  const real = await original();
  return { ...real, readTorchFile: vi.fn(real.readTorchFile) };
});
vi.mock(import('../../src/model/backbone.ts'), async (original) => {
  const real = await original();
  return { ...real, imageFeature: vi.fn(real.imageFeature) };
});

const golden = (name: string): string => join(import.meta.dirname, '../golden/checkpoints', name);

beforeEach(() => void vi.clearAllMocks());

describe('a subject', () => {
  it('draws its untrained network and names its folder when they are asked for, once', () => {
    const subject = openSubject(golden('backbone.pth'), { heads: 2 });
    expect(untrainedWeights).not.toHaveBeenCalled();
    expect(networkFingerprint).not.toHaveBeenCalled();
    const { untrained, folder } = subject;
    expect([...untrained.keys()]).toEqual([...subject.trained.keys()]); // in the order of the network
    expect(folder.path).toMatch(/^backbone-[0-9a-f]{6}-eval$/);
    expect(subject.untrained).toBe(untrained);
    expect(subject.folder).toBe(folder);
    expect(untrainedWeights).toHaveBeenCalledTimes(1);
    expect(networkFingerprint).toHaveBeenCalledTimes(1);
  });

  it('of a file that says its network is traced once for its shapes', () => {
    const file = join(temporaryFolder(), 'own.safetensors');
    const facts = { backbone: gridVit, preprocessing: usualPreprocessing(24, 3), levels: undefined, seed: 7 };
    const tensors = new Map(
      [...untrainedWeights(gridVit, 24, 5)].map(([name, data]) => [
        name,
        { dtype: 'F32' as const, shape: [data.length], data },
      ]),
    );
    writeFileSync(file, Buffer.concat(serializeSafetensors(tensors, { [OWN_FACTS]: encodeOwnFacts(facts) })));
    vi.clearAllMocks();
    const found = findNetwork(openStateDict(openFile(file)), { name: file });
    expect(imageFeature).toHaveBeenCalledTimes(1);
    expect(found).toMatchObject({ config: gridVit, missing: [], isWhole: true });
  });
});

it('weights that lack counts of batches have those of a fresh network, and the rest of the file', () => {
  const set = new ParameterSet();
  imageFeature(set.scope, input('images', [1, 3, 64, 64]), tinyResnet, 'eval');
  const infos = [...set.parameters.values(), ...set.buffers.values()];
  const written = infos.flatMap(({ name, shape }) =>
    name.endsWith('num_batches_tracked')
      ? []
      : [
          [
            name,
            { dtype: 'F32' as const, shape, data: new Float32Array(elementCount(shape)).fill(3) },
          ] as const,
        ],
  );
  const file = join(temporaryFolder(), 'older.safetensors');
  writeFileSync(file, Buffer.concat(serializeSafetensors(new Map(written))));
  const { trained, allowed } = openSubject(file);
  expect(allowed).toEqual([]);
  expect([...trained.keys()]).toEqual(infos.map(({ name }) => name));
  for (const [name, values] of trained)
    expect(new Set(values), name).toEqual(new Set([name.endsWith('num_batches_tracked') ? 0 : 3]));
});

describe('--init', () => {
  it.each(['backbone.pth', 'checkpoint.pth'])('unpickles %s once, and draws no network', (name) => {
    const { student } = openInitial(golden(name), { heads: 2 });
    expect(student.has('backbone.cls_token')).toBe(true);
    expect(readTorchFile).toHaveBeenCalledTimes(1);
    expect(untrainedWeights).not.toHaveBeenCalled();
    expect(networkFingerprint).not.toHaveBeenCalled();
  });
});

it('a file is found to be no training checkpoint by its names, before a tensor is read', () => {
  const read = vi.spyOn(TorchTensor.prototype, 'read');
  const file = readTorchFile(openFile(golden('backbone.pth')));
  expect(namedTensors(file.root).size).toBeGreaterThan(0);
  const ofStudent = new Map([['student', file.root]]);
  expect(readOfficialCheckpoint({ ...file, root: ofStudent })).toBeUndefined();
  expect(read).not.toHaveBeenCalled();
});

it('a config holds of a frozen network what it is and its fingerprint', () => {
  expect(frozenOptions('teacher', { network: gridVit, fingerprint: 'ab' })).toEqual({
    teacherNetwork: gridVit,
    teacherFingerprint: 'ab',
  });
});

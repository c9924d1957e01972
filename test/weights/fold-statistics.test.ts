import { describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ort-node.ts';
import { FrozenBackbone } from '../../src/features/frozen-backbone.ts';
import { normalizationTable, normalize, statisticsFor } from '../../src/image/normalize.ts';
import { Random } from '../../src/random/random.ts';
import { openInitial } from '../../src/run/open-initial-node.ts';
import { openSubject } from '../../src/run/open-subject-node.ts';
import { foldStatistics } from '../../src/weights/fold-statistics.ts';
import { folderWith, halvesProcessor, huggingFaceTensors, vitConfig } from './folders.ts';

const random = new Random(1, 'image');
const image = {
  width: 16,
  height: 16,
  channels: 3 as const,
  data: Uint8Array.from({ length: 16 * 16 * 3 }, () => random.integer(256)),
};

function pixelsWith(statistics: {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}): Float32Array {
  const pixels = new Float32Array(3 * 16 * 16);
  normalize(image, normalizationTable(statistics), pixels);
  return pixels;
}

describe('statistics that are worked into the patch embedding', () => {
  const own = { image_mean: [0.5, 0.4, 0.3], image_std: [0.5, 0.25, 0.2] };
  const folder = (): string =>
    folderWith({
      'config.json': { ...vitConfig, layer_norm_eps: 1e-6 },
      'preprocessor_config.json': { ...halvesProcessor, ...own },
      'model.safetensors': huggingFaceTensors(),
    });

  it('stand in processor_config.json of newer transformers as well, and adapters are refused', () => {
    const files = { 'config.json': vitConfig, 'model.safetensors': huggingFaceTensors() };
    const joint = { image_processor: { ...halvesProcessor, ...own }, processor_class: 'X' };
    const { preprocessing } = openSubject(folderWith({ ...files, 'processor_config.json': joint }));
    expect(preprocessing.statistics).toEqual({ mean: own.image_mean, std: own.image_std });
    const halves = { ...files, 'processor_config.json': joint, 'preprocessor_config.json': halvesProcessor };
    expect(openSubject(folderWith(halves)).preprocessing.statistics.mean).toEqual([0.5, 0.5, 0.5]);
    expect(() => openSubject(folderWith({ ...files, 'adapter_config.json': { r: 8 } }))).toThrow(
      'has an adapter (adapter_config.json), which is not applied here',
    );
  });

  it('give the same features', async () => {
    const { backbone, trained, preprocessing } = openSubject(folder());
    expect(preprocessing.statistics).toEqual({ mean: own.image_mean, std: own.image_std });
    const frozen = new FrozenBackbone(backbone, preprocessing, ortNode, { threads: 1 });
    const wanted = await frozen.features(trained, pixelsWith(preprocessing.statistics));
    const folded = foldStatistics(trained, preprocessing.statistics, statisticsFor(3));
    const found = await frozen.features(folded, pixelsWith(statisticsFor(3)));
    for (const [i, value] of wanted.entries()) expect(found[i]).toBeCloseTo(value, 5);
    // What training begins with is this network.
    const { student, note } = openInitial(folder(), {});
    expect(note).toBe('The mean and deviation of its images are worked into the patch embedding.');
    for (const [name, values] of folded) expect(student.get(`backbone.${name}`), name).toEqual(values);
    await frozen.dispose();
  });

  it('do not hide an epsilon that training does not have', () => {
    const config = { ...vitConfig, layer_norm_eps: 1e-3 };
    const other = folderWith({ 'config.json': config, 'model.safetensors': huggingFaceTensors() });
    expect(() => openInitial(other, {})).toThrow('has layer norms with an epsilon of 0.001');
  });

  it('that are the same already change no number', () => {
    const usual = { ...vitConfig, layer_norm_eps: 1e-6 };
    const same = folderWith({ 'config.json': usual, 'model.safetensors': huggingFaceTensors() });
    expect(openInitial(same, {}).note).toBeUndefined();
    const { trained } = openSubject(folder());
    expect(foldStatistics(trained, statisticsFor(3), statisticsFor(3))).toEqual(new Map(trained));
  });
});

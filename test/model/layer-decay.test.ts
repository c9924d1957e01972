import { describe, expect, it } from 'vitest';
import { hostFloats } from '../../parity/host-floats.ts';
import { input, ParameterSet } from '../../src/graph/index.ts';
import { classLogits } from '../../src/method/classifier.ts';
import type { BackboneConfig } from '../../src/model/backbone.ts';
import { layerDecay } from '../../src/model/layer-decay.ts';
import { rules } from '../../src/optim/rules.ts';
import { WasmUpdater } from '../../src/optim/wasm-updater.ts';

const vit: BackboneConfig = {
  kind: 'vit',
  imageSize: 8,
  patchSize: 4,
  channels: 3,
  dim: 8,
  depth: 3,
  heads: 2,
  mlpRatio: 4,
};
const convnet: BackboneConfig = {
  kind: 'convnet',
  channels: 3,
  widths: [8, 16],
  blocks: [2, 2],
  stemStride: 2,
};

function factors(backbone: BackboneConfig): Map<string, number> {
  const set = new ParameterSet();
  classLogits(set.scope, input('images', [2, 3, 8, 8]), { backbone, classes: 5 }, 'train');
  const factor = layerDecay(backbone, 0.5);
  return new Map([...set.parameters.keys()].map((name) => [name, factor(name)]));
}

describe('layer-wise decay', () => {
  it("gives a transformer's head and last norm the full rate, each block half the next one's, what embeds the least", () => {
    const of = factors(vit);
    expect(of.get('head.weight')).toBe(1);
    expect(of.get('backbone.norm.weight')).toBe(1);
    expect(of.get('backbone.blocks.2.mlp.fc1.weight')).toBe(0.5);
    expect(of.get('backbone.blocks.0.norm1.bias')).toBe(0.125);
    for (const name of ['cls_token', 'pos_embed', 'patch_embed.proj.weight'])
      expect(of.get(`backbone.${name}`)).toBe(0.0625);
  });

  it('counts the blocks of a convolutional network through its stages', () => {
    const of = factors(convnet);
    expect(of.get('head.bias')).toBe(1);
    expect(of.get('backbone.layer2.1.conv2.weight')).toBe(0.5);
    expect(of.get('backbone.layer2.0.downsample.0.weight')).toBe(0.25);
    expect(of.get('backbone.layer1.0.bn1.weight')).toBe(0.0625);
    expect(of.get('backbone.conv1.weight')).toBe(0.03125);
  });

  it.each(['adamw', 'sgd', 'lars'] as const)(
    'scales the step of %s, and its decay, by the factor',
    async (rule) => {
      const info = { shape: [2, 4], trainable: true, init: () => new Float32Array(8) };
      const names = ['slow', 'fast', 'plain'];
      const updater = new WasmUpdater({
        parameters: names.map((name) => ({ ...info, name })),
        rule: rules[rule],
        averaged: new Set<string>(),
      });
      for (const name of names) {
        hostFloats(updater.state.student.get(name)!).fill(1);
        hostFloats(updater.gradients.get(name)!).fill(0.5);
      }
      await updater.apply({
        lr: 0.25,
        lrFactor: (name) => (name === 'slow' ? 0.5 : 1),
        weightDecay: 0.125,
        clip: 0,
        momentum: 0,
        isFrozen: () => false,
      });
      const moved = (name: string) => 1 - hostFloats(updater.state.student.get(name)!)[0]!;
      expect(moved('fast')).toBeGreaterThan(0);
      expect(moved('slow')).toBeCloseTo(moved('fast') / 2, rule === 'adamw' ? 2 : 6);
      expect(moved('plain')).toBe(moved('fast'));
    },
  );
});

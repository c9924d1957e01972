/** The weights of a network by their names: trained ones, and those a seed names. */
import { input, ParameterSet } from '../graph/index.ts';
import { type BackboneConfig, imageFeature } from '../model/backbone.ts';
import { Random } from '../random/random.ts';

/** Weights and running statistics by name (`blocks.0.attn.qkv.weight`). */
export type Weights = ReadonlyMap<string, Float32Array>;

/** The entries under a prefix, without it: the backbone's part of a network. */
export function weightsUnder(weights: Weights, prefix: string): Map<string, Float32Array> {
  return new Map(
    [...weights].flatMap(([name, values]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), values]] : [],
    ),
  );
}

/** The weights a seed names: the network before its first step. */
export function untrainedWeights(backbone: BackboneConfig, size: number, seed: number): Weights {
  const set = new ParameterSet();
  imageFeature(set.scope, input('images', [1, backbone.channels, size, size]), backbone, 'eval');
  const infos = [...set.parameters.values(), ...set.buffers.values()];
  return new Map(
    infos.map(({ name, shape, init }) => [name, init(new Random(seed, `init:backbone.${name}`), shape)]),
  );
}

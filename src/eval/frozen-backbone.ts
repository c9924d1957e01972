/**
 * A backbone to look through, not to train: features and attention maps of images under given weights. Programs take the
 * weights as inputs, so the teacher of a running training is read in place, and many sets of weights share one program.
 */
import { type Engine, type EngineOptions, evaluate, type Program } from '../engine/engine.ts';
import { compile, input, ParameterSet, reshape, type Scope, slice, type Tensor } from '../graph/index.ts';
import { type BackboneConfig, featureDim, imageFeature } from '../model/backbone.ts';
import { vit } from '../model/vit.ts';
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

export class FrozenBackbone {
  readonly config: BackboneConfig;
  /** Side of the input, pixels. */
  readonly size: number;
  /** Width of a feature. */
  readonly dim: number;
  readonly #programs = new Map<string, Promise<Program>>();
  readonly #engine: Engine;
  readonly #options: EngineOptions;

  constructor(config: BackboneConfig, size: number, engine: Engine, options: EngineOptions = {}) {
    this.config = config;
    this.size = size;
    this.dim = featureDim(config);
    this.#engine = engine;
    this.#options = options;
  }

  /**
   * @param pixels normalised images, [images, C, size, size]
   * @returns [images, D], not normalised
   */
  features(weights: Weights, pixels: Float32Array): Promise<Float32Array> {
    return this.#run('features', weights, pixels, (scope, images) =>
      imageFeature(scope, images, this.config, 'eval'),
    );
  }

  /** Side of the attention map in patches; 0 for a network without attention. */
  get attentionSide(): number {
    return this.config.kind === 'vit' ? Math.floor(this.size / this.config.patchSize) : 0;
  }

  /**
   * How the class token attends to the patches in the last block.
   *
   * @returns [images, heads, patches], the patches row by row; the rest of each row's mass is the class token's own
   */
  attention(weights: Weights, pixels: Float32Array): Promise<Float32Array> {
    const { config } = this;
    if (config.kind !== 'vit')
      throw new Error('a convolutional network has no attention maps; train with --arch vit to get them');
    return this.#run('attention', weights, pixels, (scope, images) => {
      const { attention } = vit(scope, images, config);
      const [b, heads, tokens] = [attention.dim(0), attention.dim(1), attention.dim(3)];
      return reshape(slice(slice(attention, 2, 0, 1), 3, 1, tokens), [b, heads, tokens - 1]);
    });
  }

  async #run(
    what: string,
    weights: Weights,
    pixels: Float32Array,
    trace: (scope: Scope, images: Tensor) => Tensor,
  ): Promise<Float32Array> {
    const count = pixels.length / (this.config.channels * this.size ** 2);
    const program = await this.#program(`${what} of ${count}`, () => {
      const images = input('images', [count, this.config.channels, this.size, this.size]);
      return this.#engine.load(compile({ result: trace(new ParameterSet().scope, images) }), this.#options);
    });
    const inputs: Record<string, Float32Array> = { images: pixels };
    for (const name of program.graph.inputs.keys()) {
      if (name === 'images') continue;
      const values = weights.get(name);
      if (values === undefined) throw new Error(`the weights lack "${name}"`);
      inputs[name] = values;
    }
    const { result } = await evaluate(program, inputs);
    return result ?? new Float32Array();
  }

  /** Programs are static: one for each number of images, in practice a batch and a smaller last one. */
  #program(key: string, make: () => Promise<Program>): Promise<Program> {
    const program = this.#programs.get(key) ?? make();
    this.#programs.set(key, program);
    return program;
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).dispose();
    this.#programs.clear();
  }
}

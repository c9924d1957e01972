/**
 * A backbone to look through, not to train: features and attention maps of images under given weights. Programs take the
 * weights as inputs, so the teacher of a running training is read in place, and many sets of weights share one program.
 */
import { evaluate } from '../engine/arrays.ts';
import type { Engine, EngineOptions, Program } from '../engine/engine.ts';
import { hoistSlices, input, ParameterSet, type Scope, type Tensor } from '../graph/index.ts';
import { type Preprocessing, usualPreprocessing } from '../image/preprocessing.ts';
import { type BackboneConfig, featureDim, imageFeature } from '../model/backbone.ts';
import { attentionHeads, patchSide, placeOutputs, placesAlong, placeTokens } from '../model/places.ts';
import { vit } from '../model/vit.ts';
import { type BatchShape, KeptPrograms } from './kept-programs.ts';
import type { Weights } from './network-weights.ts';

/** Images of one size, as a network takes them. */
export interface PixelBatch {
  /** Normalized, [images, C, height, width]. */
  readonly pixels: Float32Array;
  readonly height: number;
  readonly width: number;
}

type Trace<Name extends string> = (scope: Scope, images: Tensor) => Readonly<Record<Name, Tensor>>;

export class FrozenBackbone {
  readonly config: BackboneConfig;
  /** Side of the input, pixels. */
  readonly size: number;
  /** How an image becomes the input. */
  readonly preprocessing: Preprocessing;
  /** Width of a feature. */
  readonly dim: number;
  readonly #programs: KeptPrograms;

  /** @param input side of the input in pixels, or how an image becomes it; the official way unless given */
  constructor(
    config: BackboneConfig,
    input: number | Preprocessing,
    engine: Engine,
    options: EngineOptions = {},
  ) {
    this.config = config;
    this.preprocessing =
      typeof input === 'number' ? usualPreprocessing(input, config.channels === 1 ? 1 : 3) : input;
    this.size = this.preprocessing.size;
    this.dim = featureDim(config);
    this.#programs = new KeptPrograms(engine, options);
  }

  /**
   * @param pixels normalized images, [images, C, size, size]
   * @returns [images, D], not normalized
   */
  async features(weights: Weights, pixels: Float32Array): Promise<Float32Array> {
    const square = { pixels, height: this.size, width: this.size };
    const { features } = await this.compute('features', weights, square, (scope, images) => ({
      features: imageFeature(scope, images, this.config, 'eval'),
    }));
    return features;
  }

  /** Heads of the attention; 0 for a network without. */
  get heads(): number {
    return attentionHeads(this.config);
  }

  /** Side of a patch, or of a place of the largest map that is pooled, in pixels. */
  get patch(): number {
    return patchSide(this.config);
  }

  /** Side of the attention map in patches; 0 for a network without attention. */
  get attentionSide(): number {
    return this.heads === 0 ? 0 : placesAlong(this.config, this.size);
  }

  /**
   * Where each head of the last layer looks: the class token's of a ViT or XCiT, those that pool a convolutional net's maps.
   *
   * @param images normalized, [images, C, size, size], or of another size that holds whole patches
   * @returns [images, heads, patches], the patches row by row; what a row lacks to 1 is the class token's own
   */
  async attention(weights: Weights, images: Float32Array | PixelBatch): Promise<Float32Array> {
    this.requireAttention('attention maps');
    const batch =
      images instanceof Float32Array ? { pixels: images, height: this.size, width: this.size } : images;
    const { maps } = await this.compute('attention', weights, batch, (scope, x) => ({
      maps: placeOutputs(scope, x, this.config).attention,
    }));
    return maps;
  }

  /**
   * Normed outputs of the last blocks, the class token first (official `get_intermediate_layers`).
   *
   * @param count how many blocks; the last one's come last
   * @returns [images, 1 + patches, D] each
   */
  async tokens(weights: Weights, batch: PixelBatch, count = 1): Promise<Float32Array[]> {
    const config = this.requireVit('patch tokens');
    const blocks = await this.compute(`tokens of ${count}`, weights, batch, (scope, x) =>
      Object.fromEntries(vit(scope, x, config).lastBlocks(count).entries()),
    );
    return Array.from({ length: count }, (_, i) => blocks[i] ?? new Float32Array());
  }

  /**
   * What the network knows of each place of an image: patch tokens of the last block, normed, or the maps that are pooled.
   *
   * @param batch whole patches
   * @returns [images, places, D]
   */
  async placeTokens(weights: Weights, batch: PixelBatch): Promise<Float32Array> {
    const { tokens } = await this.compute('places', weights, batch, (scope, x) => ({
      tokens: placeTokens(scope, x, this.config),
    }));
    return tokens;
  }

  /**
   * Anything the network gives: `trace` builds it from symbolic images, as a method's objective does.
   *
   *     await backbone.compute('probe', weights, batch, (scope, images) => ({
   *       features: probeFeature(vit(scope, images, config).lastBlocks(4), { lastBlocks: 4, meanPatchToken: false }),
   *     }));
   *
   * @param key names what `trace` builds: the program is built once for each key and size
   * @throws Error naming the weight that is missing
   * @throws ImageMemoryError when the program needs more memory than there is
   */
  async compute<Name extends string>(
    key: string,
    weights: Weights,
    { pixels, height, width }: PixelBatch,
    trace: Trace<Name>,
  ): Promise<Record<Name, Float32Array>> {
    const count = pixels.length / (this.config.channels * height * width);
    const program = await this.#program(key, { count, height, width }, trace);
    const inputs: Record<string, Float32Array> = { images: pixels };
    for (const name of program.inputs.keys()) {
      if (name === 'images') continue;
      const values = weights.get(name);
      if (values === undefined)
        throw new Error(`The weights lack "${name}": take those of the same network.`);
      inputs[name] = values;
    }
    return evaluate<Name>(program, inputs);
  }

  /** @throws ImageMemoryError when a program for such images needs more memory than there is; nothing is built */
  requireMemory(shape: BatchShape, trace: Trace<string>): void {
    this.#programs.requireMemory(this.#traced(shape, trace), shape);
  }

  /** @throws Error for a network without attention, saying `what` it has none of */
  requireAttention(what: string): void {
    if (this.heads > 0) return;
    throw new Error(
      `A convolutional network that is pooled by its mean has no ${what}; train with --arch hybrid or vit to get them.`,
    );
  }

  /** @throws Error for another network than a ViT, saying `what` it has none of */
  requireVit(what: string): BackboneConfig & { readonly kind: 'vit' } {
    if (this.config.kind === 'vit') return this.config;
    const network = this.config.kind === 'xcit' ? 'An XCiT' : 'A convolutional network';
    throw new Error(`${network} has no ${what}; train with --arch vit to get them.`);
  }

  /** Programs are static: one for each number of images and size, in practice a batch and a smaller last one. */
  #program(key: string, shape: BatchShape, trace: Trace<string>): Promise<Program> {
    const name = `${key} ${shape.count} x ${shape.height} x ${shape.width}`;
    return this.#programs.get(name, shape, () => this.#traced(shape, trace));
  }

  /** What is asked for, and no more of it: where only class tokens are read, the last block computes only those. */
  #traced({ count, height, width }: BatchShape, trace: Trace<string>): Readonly<Record<string, Tensor>> {
    const images = input('images', [count, this.config.channels, height, width]);
    const results = trace(new ParameterSet().scope, images);
    const hoisted = hoistSlices(Object.values(results));
    return Object.fromEntries(Object.keys(results).map((name, i) => [name, hoisted[i]!]));
  }

  async dispose(): Promise<void> {
    await this.#programs.dispose();
  }
}

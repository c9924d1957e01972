/** Features of images: what the network's head would see, [images, D], one row for each image. */
import { type Engine, type EngineOptions, evaluate, type Program } from '../engine/engine.ts';
import { compile, input, ParameterSet } from '../graph/index.ts';
import { type BackboneConfig, featureDim, imageFeature } from '../model/backbone.ts';

/** Weights and running statistics of a backbone by their names without a prefix (`blocks.0.attn.qkv.weight`). */
export type Weights = ReadonlyMap<string, Float32Array>;

export class FeatureExtractor {
  readonly backbone: BackboneConfig;
  /** Side of the input, pixels. */
  readonly size: number;
  /** Width of a feature. */
  readonly dim: number;
  readonly #programs = new Map<number, Promise<Program>>();
  readonly #engine: Engine;
  readonly #options: EngineOptions;

  constructor(backbone: BackboneConfig, size: number, engine: Engine, options: EngineOptions = {}) {
    this.backbone = backbone;
    this.size = size;
    this.dim = featureDim(backbone);
    this.#engine = engine;
    this.#options = options;
  }

  /**
   * @param pixels normalised images, [images, C, size, size]
   * @returns [images, D], not normalised
   */
  async features(weights: Weights, pixels: Float32Array): Promise<Float32Array> {
    const images = pixels.length / (this.backbone.channels * this.size ** 2);
    const program = await this.#program(images);
    const inputs: Record<string, Float32Array> = { images: pixels };
    for (const name of program.graph.inputs.keys()) {
      if (name === 'images') continue;
      const values = weights.get(name);
      if (values === undefined) throw new Error(`the weights lack "${name}"`);
      inputs[name] = values;
    }
    const { features } = await evaluate(program, inputs);
    return features ?? new Float32Array();
  }

  /** Programs are static, so there is one for each number of images; in practice the batch and a smaller last one. */
  #program(images: number): Promise<Program> {
    const known = this.#programs.get(images);
    if (known !== undefined) return known;
    const set = new ParameterSet();
    const pixels = input('images', [images, this.backbone.channels, this.size, this.size]);
    const features = imageFeature(set.scope, pixels, this.backbone, 'eval');
    const program = this.#engine.load(compile({ features }), this.#options);
    this.#programs.set(images, program);
    return program;
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).dispose();
    this.#programs.clear();
  }
}

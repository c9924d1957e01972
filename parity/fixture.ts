/** A golden fixture: a safetensors file whose metadata entry `config` holds every setting as JSON. */
import { z } from 'zod';
import { f32, parseSafetensors, type StoredTensor } from '../src/format/safetensors.ts';
import type { Image } from '../src/image/image.ts';

export type Numbers = Float32Array | Float64Array;

/** The fixture cannot be used: damaged, foreign, or asks for what the library does not do. */
export class FixtureError extends Error {
  override name = 'FixtureError';
}

export class Fixture {
  /** What the fixture says it is. */
  readonly name: string;
  readonly #file: string;
  readonly #config: unknown;
  readonly #tensors: ReadonlyMap<string, StoredTensor>;
  readonly #read = new Set<string>();

  /**
   * @param bytes the whole file
   * @param file its name without the ending, used where the configuration does not name the fixture
   * @throws Error when the file is damaged or has no configuration
   */
  constructor(bytes: Uint8Array, file: string) {
    const { tensors, metadata } = parseSafetensors(bytes, file);
    if (metadata.config === undefined) {
      throw new FixtureError(
        `${file}: the file has no metadata entry "config", so it is no fixture: take it out.`,
      );
    }
    try {
      this.#config = JSON.parse(metadata.config);
    } catch {
      throw new FixtureError(
        `${file}: the metadata entry "config" is not JSON, the fixture is damaged: copy it again.`,
      );
    }
    this.#file = file;
    this.#tensors = tensors;
    this.name = z.object({ fixture: z.string() }).safeParse(this.#config).data?.fixture ?? file;
  }

  /** The configuration, checked. @throws FixtureError naming the first field that does not fit */
  config<T>(schema: z.ZodType<T>): T {
    const result = schema.safeParse(this.#config);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    throw new FixtureError(
      `${this.#file}: the setting "${issue?.path.join('.')}" cannot be used (${issue?.message}): compare it with the fixture's description.`,
    );
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** Names that start with a prefix, without it. */
  keys(prefix: string): string[] {
    return [...this.#tensors.keys()]
      .filter((name) => name.startsWith(prefix))
      .map((n) => n.slice(prefix.length));
  }

  tensor(name: string): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new FixtureError(`${this.#file}: there is no tensor "${name}".`);
    this.#read.add(name);
    return tensor;
  }

  shape(name: string): readonly number[] {
    return this.tensor(name).shape;
  }

  /** Size of one axis. */
  dim(name: string, axis: number): number {
    const size = this.shape(name).at(axis);
    if (size === undefined)
      throw new FixtureError(`${this.#file}: the tensor "${name}" has no axis ${axis}.`);
    return size;
  }

  /** Values as float32. */
  floats(name: string): Float32Array {
    return f32(this.tensor(name));
  }

  /** Values in their own precision; integers as float64. */
  numbers(name: string): Numbers {
    const tensor = this.tensor(name);
    if (tensor.dtype === 'F64') return tensor.data;
    return tensor.dtype === 'I64' ? Float64Array.from(tensor.data, Number) : f32(tensor);
  }

  scalar(name: string): number {
    const [value] = this.numbers(name);
    if (value === undefined) throw new FixtureError(`${this.#file}: the tensor "${name}" is empty.`);
    return value;
  }

  /** Every tensor under a prefix as float32, by the rest of its name. */
  group(prefix: string): Map<string, Float32Array> {
    return new Map(this.keys(prefix).map((key) => [key, this.floats(prefix + key)]));
  }

  /** A stored `[H, W, 3]` image. */
  image(name: string): Image {
    const tensor = this.tensor(name);
    const [height = 0, width = 0, channels] = tensor.shape;
    if (tensor.dtype !== 'U8' || tensor.shape.length !== 3 || channels !== 3) {
      throw new FixtureError(`${this.#file}: the tensor "${name}" is no 8-bit RGB image.`);
    }
    return { width, height, channels, data: tensor.data };
  }

  /** Tensors that no check has looked at. */
  unread(): string[] {
    return [...this.#tensors.keys()].filter((name) => !this.#read.has(name));
  }
}

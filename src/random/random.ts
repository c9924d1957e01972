/**
 * A stream of random numbers named by (seed, purpose, indices), for instance `new Random(seed, 'crop', epoch, sample)`.
 * Two streams with the same name are the same numbers, whichever worker draws them and whenever; two streams with
 * different names are independent. There is no global generator anywhere in this library.
 */
import { philox4x32 } from './philox.ts';

/** 32-bit FNV-1a over the UTF-16 code units of a text. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

export class Random {
  readonly #key = new Uint32Array(2);
  readonly #counter = new Uint32Array(4);
  readonly #block = new Uint32Array(4);
  #used = 4;
  #spareNormal: number | undefined;

  /**
   * @param seed any integer up to 2^32 - 1
   * @param purpose what the numbers are for, a short word
   * @param indices up to two integers below 2^32 that number the stream, such as an epoch and a sample
   */
  constructor(
    seed: number,
    purpose: string,
    ...indices: readonly [] | readonly [number] | readonly [number, number]
  ) {
    this.#key[0] = seed >>> 0;
    this.#key[1] = fnv1a(purpose);
    this.#counter[2] = indices[0] ?? 0;
    this.#counter[3] = indices[1] ?? 0;
  }

  /** An unsigned 32-bit integer. */
  uint32(): number {
    if (this.#used === 4) {
      philox4x32(this.#counter, this.#key, this.#block);
      this.#counter[0] = this.#counter[0]! + 1;
      if (this.#counter[0] === 0) this.#counter[1] = this.#counter[1]! + 1;
      this.#used = 0;
    }
    return this.#block[this.#used++]!;
  }

  /** Uniform in [0, 1), a multiple of 2^-24, so that it is exact in float32 too. */
  uniform(): number {
    return (this.uint32() >>> 8) / 0x1000000;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** A uniform integer in 0 .. bound - 1, without modulo bias. */
  integer(bound: number): number {
    const limit = 0x100000000 - (0x100000000 % bound);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % bound;
  }

  /** True with probability p. */
  chance(p: number): boolean {
    return this.uniform() < p;
  }

  /** Standard normal, by the polar method. */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const factor = Math.sqrt((-2 * Math.log(s)) / s);
        this.#spareNormal = v * factor;
        return u * factor;
      }
    }
  }

  /** A uniform permutation of 0 .. n - 1 (Fisher-Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const swap = order[i]!;
      order[i] = order[j]!;
      order[j] = swap;
    }
    return order;
  }
}

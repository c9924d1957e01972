/**
 * Comparisons with fixtures that hold `f64/<name>` beside `<name>`, and how far float32 is from float64 by leading name
 * (`config.f32_vs_f64`): ten times that is allowed of the twin, and once more of the float32 number.
 */
import { z } from 'zod';
import { ALLOWANCE, type Comparison, largestOf, type Range, UNMEASURED } from './comparison.ts';
import type { Fixture } from './fixture.ts';
import { nullRanges, nullSlicesSchema } from './settings.ts';

export const twinSchema = z.object({
  f32_vs_f64: z.record(z.string(), z.number()),
  null_slices: nullSlicesSchema.default([]),
});

export class Twins {
  readonly #fixture: Fixture;
  readonly #comparison: Comparison;
  readonly #distances: Readonly<Record<string, number>>;
  readonly #skip: (parameter: string) => readonly Range[];

  /** @param config what the fixture states, checked by `twinSchema` */
  constructor(fixture: Fixture, comparison: Comparison, config: z.infer<typeof twinSchema>) {
    this.#fixture = fixture;
    this.#comparison = comparison;
    this.#distances = config.f32_vs_f64;
    this.#skip = nullRanges(config.null_slices);
  }

  /**
   * One tensor and its twin where it has one.
   *
   * @param name in the fixture; what stands before `/` and `@` names the measured distance
   */
  compare(name: string, got: ArrayLike<number>, how: How = {}): void {
    const { parameter = '', family = '', label = '', scale = 0 } = how;
    const [leading = ''] = name.split(/[/@]/);
    const measured = this.#distances[leading] ?? this.#distances[family];
    const tolerance = measured === undefined ? UNMEASURED : ALLOWANCE * measured;
    for (const [full, quantity, slack] of [
      [name, `${leading}${label}`, (ALLOWANCE + 1) / ALLOWANCE],
      [`f64/${name}`, `${leading} (float64)${label}`, 1],
    ] as const) {
      if (full !== name && !this.#fixture.has(full)) continue;
      const wanted = this.#fixture.numbers(full);
      const largest = Math.max(largestOf(wanted), wanted.length === 1 ? 1 : scale);
      const skip = this.#skip(parameter);
      this.#comparison.absolute(quantity, full, got, wanted, tolerance * slack * largest, skip);
    }
  }

  /** All tensors below `prefix`, which are named after parameters. Unless a subset was stored, there must be one of each. */
  compareAll(
    prefix: string,
    got: ReadonlyMap<string, ArrayLike<number>>,
    { subset = false, ...how }: Pick<How, 'family' | 'label'> & { readonly subset?: boolean } = {},
  ): void {
    const wanted = this.#fixture.keys(prefix);
    const [leading = ''] = prefix.split(/[/@]/);
    if (!subset)
      this.#comparison.sameSet(`names of ${leading}${how.label ?? ''}`, prefix, got.keys(), wanted);
    for (const name of wanted) this.compare(prefix + name, got.get(name) ?? [], { ...how, parameter: name });
  }
}

interface How {
  /** Whose elements without gradient are left out. */
  readonly parameter?: string;
  /** Where the distance is looked up if not by the name. */
  readonly family?: string;
  /** Told with the quantity. */
  readonly label?: string;
  /** What errors are held against where all wanted values are smaller. */
  readonly scale?: number;
}

/** The results whose names begin with a prefix, by the rest of their names. */
export function under(
  results: Readonly<Record<string, Float32Array>>,
  prefix: string,
): Map<string, Float32Array> {
  return new Map(
    Object.entries(results).flatMap(([name, values]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), values] as const] : [],
    ),
  );
}

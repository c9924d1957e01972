/** What was measured of baselines, for evaluations that share them: the runs of a study have the same pixels, and often one untrained network. */
import type { BaselineName, ComparedName } from './baselines.ts';

/** Results of one evaluation. */
export interface Known<T> {
  get(name: ComparedName): T | undefined;
  keep(name: ComparedName, value: T): void;
}

/** Results by what they depend on. */
export class KnownBaselines<T> {
  readonly #values = new Map<string, T>();

  /** @param keyOf everything that the result of a baseline depends on */
  by(keyOf: (name: BaselineName) => string): Known<T> {
    const at = (name: BaselineName): string => `${name} ${keyOf(name)}`;
    return {
      get: (name) => (name === 'trained' ? undefined : this.#values.get(at(name))),
      keep: (name, value) => void (name === 'trained' || this.#values.set(at(name), value)),
    };
  }
}

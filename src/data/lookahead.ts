/** Values of an iteration, of which the next may be asked for while the present one is in use. */
export class Lookahead<T> implements AsyncIterable<T> {
  readonly #iterator: AsyncIterator<T>;
  #next: Promise<IteratorResult<T>> | undefined;

  constructor(values: AsyncIterable<T>) {
    this.#iterator = values[Symbol.asyncIterator]();
  }

  /** The next value, which the iteration gives afterwards; undefined at the end. */
  async peek(): Promise<T | undefined> {
    this.#next ??= this.#iterator.next();
    const { done, value } = await this.#next;
    return done === true ? undefined : value;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const next = await (this.#next ?? this.#iterator.next());
        this.#next = undefined;
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await this.#iterator.return?.();
    }
  }
}

/** The bytes of a pickle as the arguments of its instructions: numbers, texts and lines. */
import { latin1Text } from './latin1.ts';
import { numberIn, unquoted } from './pickle-literals.ts';

export interface PickleReader {
  /** @throws Error at the end of the bytes */
  take(length: number): Uint8Array;
}

/** A longer line is none. */
const LONGEST_LINE = 65536;

const utf8 = new TextDecoder('utf-8', { fatal: true });

export class PickleInput {
  readonly #reader: PickleReader;
  /** What to call the file in errors. */
  readonly name: string;

  constructor(reader: PickleReader, name: string) {
    this.#reader = reader;
    this.name = name;
  }

  /** Valid until the next call. */
  take(length: number): Uint8Array {
    return this.#reader.take(length);
  }

  byte(): number {
    return this.take(1)[0] ?? 0;
  }

  view(length: number): DataView {
    const bytes = this.take(length);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  /** The length of what follows, in four bytes. */
  length4(): number {
    return this.view(4).getUint32(0, true);
  }

  /** The length of what follows, in eight bytes. */
  length8(): number {
    const length = this.view(8).getBigUint64(0, true);
    if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw this.damaged(`a text of ${length} bytes`);
    return Number(length);
  }

  /** @param length in bytes, UTF-8 */
  text(length: number): string {
    try {
      return utf8.decode(this.take(length));
    } catch (error) {
      if (error instanceof TypeError) throw this.damaged('a text is not valid UTF-8');
      throw error;
    }
  }

  /** A text of a byte each letter. */
  latin1(length: number): string {
    return latin1Text(this.take(length));
  }

  /** The text up to the end of the line. */
  line(): string {
    const bytes: number[] = [];
    for (let byte = this.byte(); byte !== 0x0a; byte = this.byte()) {
      bytes.push(byte);
      if (bytes.length > LONGEST_LINE) throw this.damaged('a line does not end');
    }
    return latin1Text(Uint8Array.from(bytes));
  }

  /** A number written out. */
  number(text: string): number | bigint {
    const value = numberIn(text);
    if (value === undefined) throw this.damaged(`"${text.slice(0, 20)}" is no number`);
    return value;
  }

  /** A line with a place of the memo. */
  place(): number {
    const text = this.line();
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw this.damaged(`"${text.slice(0, 20)}" is no place`);
    return value;
  }

  /** A line with a text in quotes. */
  quoted(): string {
    const value = unquoted(this.line());
    if (value === undefined) throw this.damaged('a text lacks its quotes');
    return value;
  }

  damaged(what: string): Error {
    return new Error(`${this.name}: the pickle is damaged (${what}); was the file copied completely?`);
  }
}

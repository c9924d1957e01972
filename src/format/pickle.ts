/**
 * A safe reader of Python pickles (protocols 0 to 5, PEP 3154 and 574, `pickletools.py`), as far as data goes. Nothing is
 * ever called or imported: a class that is not known becomes an inert record of its name, arguments and state, and a file
 * that would have Python call a function that acts (`os.system`, `eval`) is refused, since it was made to do harm.
 *
 * Python's None, bool, int, float, str, bytes, list and tuple, dict, set become null, boolean, number (bigint beyond 2^53),
 * number, string, Uint8Array, array, Map, Set.
 */
import { integer, numberIn, unescapeUnicode, unquoted } from './pickle-literals.ts';
import { acts, PickleGlobal, PickleObject, type PickleValue } from './pickle-values.ts';

export interface PickleReader {
  /** @throws Error at the end of the bytes */
  take(length: number): Uint8Array;
}

export interface UnpickleOptions {
  /** What to call the file in errors. */
  readonly name: string;
  /** Makes a value of a class that the caller knows; undefined leaves it an inert record. */
  readonly build?: (type: PickleGlobal, args: readonly PickleValue[]) => PickleValue | undefined;
  /** Told of the attributes that a list, dict or built value gets (an OrderedDict's `_metadata`). */
  readonly onState?: (object: PickleValue, state: PickleValue) => void;
  /** What a persistent id stands for. */
  readonly persistent?: (id: PickleValue) => PickleValue;
}

const MARK = Symbol('mark');
const LIMIT = 50_000_000;
/** Values of lists that dicts and sets are made from, together: a few bytes of a file can ask for a copy of a long list. */
const COPY_LIMIT = 1_000_000;

/**
 * Reads one pickle.
 *
 * @throws Error, one sentence that names the file, if the bytes are no pickle, end early, or would make Python act
 */
export function unpickle(reader: PickleReader, options: UnpickleOptions): PickleValue {
  return new Unpickler(reader, options).load();
}

const decoder = new TextDecoder('utf-8', { fatal: true });
const latin1 = new TextDecoder('latin1');

class Unpickler {
  readonly #reader: PickleReader;
  readonly #options: UnpickleOptions;
  readonly #stack: (PickleValue | typeof MARK)[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #copied = 0;

  constructor(reader: PickleReader, options: UnpickleOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  load(): PickleValue {
    for (;;) {
      const code = this.#byte();
      if (code === 0x2e) return this.#pop();
      const value = this.#execute(code);
      if (value !== undefined) this.#stack.push(value);
      if (this.#stack.length > LIMIT || this.#memo.size > LIMIT)
        throw this.#damaged('it holds more values than any checkpoint does');
    }
  }

  /** @returns what goes onto the stack, if anything */
  #execute(code: number): PickleValue | typeof MARK | undefined {
    switch (String.fromCharCode(code)) {
      case '\x80': {
        const protocol = this.#byte();
        if (protocol > 5) throw this.#damaged(`pickle protocol ${protocol} is unknown`);
        return;
      }
      case '\x95': // FRAME: only says how much may be read at once
        this.#reader.take(8);
        return;
      case '(':
        return MARK;
      case '0':
        this.#stack.pop();
        return;
      case '1':
        this.#popMark();
        return;
      case '2': {
        return this.#top();
      }
      case 'N':
        return null;
      case '\x88':
        return true;
      case '\x89':
        return false;
      case 'I': {
        const text = this.#line();
        if (text === '00' || text === '01') return text === '01';
        return this.#number(text);
      }
      case 'J':
        return this.#view(4).getInt32(0, true);
      case 'K':
        return this.#byte();
      case 'M':
        return this.#view(2).getUint16(0, true);
      case 'L':
        return this.#number(this.#line().replace(/L$/, ''));
      case '\x8a':
        return integer(this.#reader.take(this.#byte()));
      case '\x8b': {
        const length = this.#view(4).getInt32(0, true);
        if (length < 0 || length > 65536) throw this.#damaged(`an integer of ${length} bytes`);
        return integer(this.#reader.take(length));
      }
      case 'F':
        return this.#number(this.#line());
      case 'G':
        return this.#view(8).getFloat64(0, false);
      case 'S':
        return this.#quoted(this.#line());
      case 'T':
        return latin1.decode(this.#reader.take(this.#length4()));
      case 'U':
        return latin1.decode(this.#reader.take(this.#byte()));
      case 'V':
        return unescapeUnicode(this.#line());
      case 'X':
        return this.#text(this.#length4());
      case '\x8c':
        return this.#text(this.#byte());
      case '\x8d':
        return this.#text(this.#length8());
      case 'B':
        return this.#reader.take(this.#length4()).slice();
      case 'C':
        return this.#reader.take(this.#byte()).slice();
      case '\x8e':
      case '\x96':
        return this.#reader.take(this.#length8()).slice();
      case ']':
        return [];
      case ')':
        return [];
      case 'l':
      case 't':
        return this.#popMark();
      case '\x85':
        return this.#popMany(1);
      case '\x86':
        return this.#popMany(2);
      case '\x87':
        return this.#popMany(3);
      case '}':
        return new Map();
      case 'd': {
        const map = new Map<PickleValue, PickleValue>();
        this.#setItems(map, this.#popMark());
        return map;
      }
      case 'a': {
        const value = this.#pop();
        this.#append(this.#top(), [value]);
        return;
      }
      case 'e': {
        const values = this.#popMark();
        this.#append(this.#top(), values);
        return;
      }
      case 's': {
        const pair = this.#popMany(2);
        this.#setItems(this.#top(), pair);
        return;
      }
      case 'u': {
        const pairs = this.#popMark();
        this.#setItems(this.#top(), pairs);
        return;
      }
      case '\x8f':
        return new Set();
      case '\x90': {
        const values = this.#popMark();
        const set = this.#top();
        if (!(set instanceof Set)) throw this.#damaged('values are added to what is no set');
        for (const value of values) set.add(value);
        return;
      }
      case '\x91':
        return new Set(this.#popMark());
      case 'p':
        this.#memo.set(this.#index(this.#line()), this.#top());
        return;
      case 'q':
        this.#memo.set(this.#byte(), this.#top());
        return;
      case 'r':
        this.#memo.set(this.#length4(), this.#top());
        return;
      case '\x94':
        this.#memo.set(this.#memo.size, this.#top());
        return;
      case 'g':
        return this.#recall(this.#index(this.#line()));
      case 'h':
        return this.#recall(this.#byte());
      case 'j':
        return this.#recall(this.#length4());
      case 'c': {
        const module = this.#line();
        return this.#global(module, this.#line());
      }
      case '\x93': {
        const [module, name] = this.#popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string')
          throw this.#damaged('a class is named by something else than texts');
        return this.#global(module, name);
      }
      case 'R':
      case '\x81': {
        const [type, args] = this.#popMany(2);
        return this.#build(type, args);
      }
      case '\x92': {
        const [type, args] = this.#popMany(3);
        return this.#build(type, args);
      }
      case 'i': {
        const module = this.#line();
        const type = this.#global(module, this.#line());
        return this.#build(type, this.#popMark());
      }
      case 'o': {
        const [type, ...args] = this.#popMark();
        return this.#build(type, args);
      }
      case 'b': {
        const state = this.#pop();
        const object = this.#top();
        if (object instanceof PickleObject) object.state = state;
        else this.#options.onState?.(object, state);
        return;
      }
      case 'P':
        return this.#persistent(this.#line());
      case 'Q':
        return this.#persistent(this.#pop());
      default:
        throw this.#damaged(`0x${code.toString(16)} is no instruction of a pickle`);
    }
  }

  #build(type: PickleValue | undefined, args: PickleValue | undefined): PickleValue {
    if (!(type instanceof PickleGlobal) || !Array.isArray(args))
      throw this.#damaged('something that is no class is called');
    if (acts(type)) {
      throw new Error(
        `${this.#options.name}: the file would have Python call ${type.path}, which no checkpoint needs; it is not loaded, and should not be opened with Python either.`,
      );
    }
    const { path } = type;
    if (path === 'collections.OrderedDict' || path === 'builtins.dict' || path === '__builtin__.dict') {
      const map = new Map<PickleValue, PickleValue>();
      for (const pair of this.#items(args)) {
        if (Array.isArray(pair) && pair.length === 2) map.set(pair[0] ?? null, pair[1] ?? null);
      }
      return map;
    }
    if (path.endsWith('builtins.set') || path === '__builtin__.set' || path.endsWith('.frozenset')) {
      return new Set(this.#items(args));
    }
    return this.#options.build?.(type, args) ?? new PickleObject(type, args);
  }

  /** The list that a dict or set is made from. It may be a list that the file uses again and again. */
  #items([items]: readonly PickleValue[]): readonly PickleValue[] {
    if (!Array.isArray(items)) return [];
    this.#copied += items.length;
    if (this.#copied > COPY_LIMIT) throw this.#damaged('it copies more values than any checkpoint does');
    return items;
  }

  #global(module: string, name: string): PickleGlobal {
    return new PickleGlobal(module, name);
  }

  #persistent(id: PickleValue): PickleValue {
    if (this.#options.persistent === undefined)
      throw this.#damaged('it refers to something outside of the pickle');
    return this.#options.persistent(id);
  }

  #append(list: PickleValue, values: readonly PickleValue[]): void {
    if (Array.isArray(list)) for (const value of values) list.push(value);
    else if (list instanceof PickleObject) for (const value of values) list.items.push(value);
    else throw this.#damaged('values are appended to what is no list');
  }

  #setItems(map: PickleValue, pairs: readonly PickleValue[]): void {
    if (pairs.length % 2 !== 0) throw this.#damaged('a dictionary has a key without a value');
    for (let i = 0; i < pairs.length; i += 2) {
      if (map instanceof Map) map.set(pairs[i]!, pairs[i + 1]!);
      else if (map instanceof PickleObject) map.items.push(pairs[i]!, pairs[i + 1]!);
      else throw this.#damaged('items are set in what is no dictionary');
    }
  }

  #recall(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#damaged(`value ${index} is recalled and was never kept`);
    return value;
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw this.#damaged('a value is missing');
    return value;
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) throw this.#damaged('a value is missing');
    return value;
  }

  #popMany(count: number): PickleValue[] {
    const values = Array.from({ length: count }, () => this.#pop());
    return values.reverse();
  }

  #popMark(): PickleValue[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw this.#damaged('a mark is missing');
    const values = this.#stack.slice(at + 1);
    this.#stack.length = at;
    return values.filter((value) => value !== MARK);
  }

  #byte(): number {
    return this.#reader.take(1)[0] ?? 0;
  }

  #view(length: number): DataView {
    const bytes = this.#reader.take(length);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  #length4(): number {
    return this.#view(4).getUint32(0, true);
  }

  #length8(): number {
    const length = this.#view(8).getBigUint64(0, true);
    if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#damaged(`a text of ${length} bytes`);
    return Number(length);
  }

  #text(length: number): string {
    try {
      return decoder.decode(this.#reader.take(length));
    } catch (error) {
      if (error instanceof TypeError) throw this.#damaged('a text is not valid UTF-8');
      throw error;
    }
  }

  #line(): string {
    const bytes: number[] = [];
    for (let byte = this.#byte(); byte !== 0x0a; byte = this.#byte()) {
      bytes.push(byte);
      if (bytes.length > 65536) throw this.#damaged('a line does not end');
    }
    return latin1.decode(Uint8Array.from(bytes));
  }

  #number(text: string): number | bigint {
    const value = numberIn(text);
    if (value === undefined) throw this.#damaged(`"${text.slice(0, 20)}" is no number`);
    return value;
  }

  #index(text: string): number {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw this.#damaged(`"${text.slice(0, 20)}" is no place`);
    return value;
  }

  #quoted(text: string): string {
    const value = unquoted(text);
    if (value === undefined) throw this.#damaged('a text lacks its quotes');
    return value;
  }

  #damaged(what: string): Error {
    return new Error(
      `${this.#options.name}: the pickle is damaged (${what}); was the file copied completely?`,
    );
  }
}

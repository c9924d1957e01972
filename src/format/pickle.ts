/**
 * A safe reader of Python pickles (protocols 0 to 5, PEP 3154 and 574, `pickletools.py`), as far as data goes. Nothing is
 * ever called or imported: a class that is not known becomes an inert record of its name, arguments and state, and a file
 * that would have Python call a function that acts (`os.system`, `eval`) is refused, since it was made to do harm.
 *
 * Python's None, bool, int, float, str, bytes, list and tuple, dict, set become null, boolean, number (bigint beyond 2^53),
 * number, string, Uint8Array, array, Map, Set.
 */
import { PickleInput, type PickleReader } from './pickle-input.ts';
import { integer, unescapeUnicode } from './pickle-literals.ts';
import { acts, PickleGlobal, PickleObject, type PickleValue } from './pickle-values.ts';

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

class Unpickler {
  readonly #input: PickleInput;
  readonly #options: UnpickleOptions;
  readonly #stack: (PickleValue | typeof MARK)[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #copied = 0;

  constructor(reader: PickleReader, options: UnpickleOptions) {
    this.#input = new PickleInput(reader, options.name);
    this.#options = options;
  }

  load(): PickleValue {
    for (;;) {
      const code = this.#input.byte();
      if (code === 0x2e) return this.#pop();
      const value = this.#execute(code);
      if (value !== undefined) this.#stack.push(value);
      if (this.#stack.length > LIMIT || this.#memo.size > LIMIT)
        throw this.#input.damaged('it holds more values than any checkpoint does');
    }
  }

  /** @returns what goes onto the stack, if anything */
  #execute(code: number): PickleValue | typeof MARK | undefined {
    switch (String.fromCharCode(code)) {
      case '\x80': {
        const protocol = this.#input.byte();
        if (protocol > 5) throw this.#input.damaged(`pickle protocol ${protocol} is unknown`);
        return;
      }
      case '\x95': // FRAME: only says how much may be read at once
        this.#input.take(8);
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
        const text = this.#input.line();
        if (text === '00' || text === '01') return text === '01';
        return this.#input.number(text);
      }
      case 'J':
        return this.#input.view(4).getInt32(0, true);
      case 'K':
        return this.#input.byte();
      case 'M':
        return this.#input.view(2).getUint16(0, true);
      case 'L':
        return this.#input.number(this.#input.line().replace(/L$/, ''));
      case '\x8a':
        return integer(this.#input.take(this.#input.byte()));
      case '\x8b': {
        const length = this.#input.view(4).getInt32(0, true);
        if (length < 0 || length > 65536) throw this.#input.damaged(`an integer of ${length} bytes`);
        return integer(this.#input.take(length));
      }
      case 'F':
        return this.#input.number(this.#input.line());
      case 'G':
        return this.#input.view(8).getFloat64(0, false);
      case 'S':
        return this.#input.quoted();
      case 'T':
        return this.#input.latin1(this.#input.length4());
      case 'U':
        return this.#input.latin1(this.#input.byte());
      case 'V':
        return unescapeUnicode(this.#input.line());
      case 'X':
        return this.#input.text(this.#input.length4());
      case '\x8c':
        return this.#input.text(this.#input.byte());
      case '\x8d':
        return this.#input.text(this.#input.length8());
      case 'B':
        return this.#input.take(this.#input.length4()).slice();
      case 'C':
        return this.#input.take(this.#input.byte()).slice();
      case '\x8e':
      case '\x96':
        return this.#input.take(this.#input.length8()).slice();
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
        if (!(set instanceof Set)) throw this.#input.damaged('values are added to what is no set');
        for (const value of values) set.add(value);
        return;
      }
      case '\x91':
        return new Set(this.#popMark());
      case 'p':
        this.#memo.set(this.#input.place(), this.#top());
        return;
      case 'q':
        this.#memo.set(this.#input.byte(), this.#top());
        return;
      case 'r':
        this.#memo.set(this.#input.length4(), this.#top());
        return;
      case '\x94':
        this.#memo.set(this.#memo.size, this.#top());
        return;
      case 'g':
        return this.#recall(this.#input.place());
      case 'h':
        return this.#recall(this.#input.byte());
      case 'j':
        return this.#recall(this.#input.length4());
      case 'c': {
        const module = this.#input.line();
        return this.#global(module, this.#input.line());
      }
      case '\x93': {
        const [module, name] = this.#popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string')
          throw this.#input.damaged('a class is named by something else than texts');
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
        const module = this.#input.line();
        const type = this.#global(module, this.#input.line());
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
        return this.#persistent(this.#input.line());
      case 'Q':
        return this.#persistent(this.#pop());
      default:
        throw this.#input.damaged(`0x${code.toString(16)} is no instruction of a pickle`);
    }
  }

  #build(type: PickleValue | undefined, args: PickleValue | undefined): PickleValue {
    if (!(type instanceof PickleGlobal) || !Array.isArray(args))
      throw this.#input.damaged('something that is no class is called');
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
    if (this.#copied > COPY_LIMIT)
      throw this.#input.damaged('it copies more values than any checkpoint does');
    return items;
  }

  #global(module: string, name: string): PickleGlobal {
    return new PickleGlobal(module, name);
  }

  #persistent(id: PickleValue): PickleValue {
    if (this.#options.persistent === undefined)
      throw this.#input.damaged('it refers to something outside of the pickle');
    return this.#options.persistent(id);
  }

  #append(list: PickleValue, values: readonly PickleValue[]): void {
    if (Array.isArray(list)) for (const value of values) list.push(value);
    else if (list instanceof PickleObject) for (const value of values) list.items.push(value);
    else throw this.#input.damaged('values are appended to what is no list');
  }

  #setItems(map: PickleValue, pairs: readonly PickleValue[]): void {
    if (pairs.length % 2 !== 0) throw this.#input.damaged('a dictionary has a key without a value');
    for (let i = 0; i < pairs.length; i += 2) {
      if (map instanceof Map) map.set(pairs[i]!, pairs[i + 1]!);
      else if (map instanceof PickleObject) map.items.push(pairs[i]!, pairs[i + 1]!);
      else throw this.#input.damaged('items are set in what is no dictionary');
    }
  }

  #recall(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#input.damaged(`value ${index} is recalled and was never kept`);
    return value;
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw this.#input.damaged('a value is missing');
    return value;
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) throw this.#input.damaged('a value is missing');
    return value;
  }

  #popMany(count: number): PickleValue[] {
    const values = Array.from({ length: count }, () => this.#pop());
    return values.reverse();
  }

  #popMark(): PickleValue[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw this.#input.damaged('a mark is missing');
    const values = this.#stack.slice(at + 1);
    this.#stack.length = at;
    return values.filter((value) => value !== MARK);
  }
}

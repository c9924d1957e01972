/** What a pickle is made of, as plain data: values, classes by name, and inert records of classes that are not known. */

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickleGlobal
  | PickleObject
  | PickleOther;

/** A class or function by its name; never looked up. */
export class PickleGlobal {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An instance of a class that was not built: what Python would build it from. */
export class PickleObject {
  readonly type: PickleGlobal;
  readonly args: readonly PickleValue[];
  /** What `__setstate__` or `__dict__` would get. */
  state: PickleValue = null;
  /** What was appended or set afterwards, for subclasses of list and dict. */
  readonly items: PickleValue[] = [];

  constructor(type: PickleGlobal, args: readonly PickleValue[]) {
    this.type = type;
    this.args = args;
  }
}

/** Values that the caller makes: tensors and storages. */
export abstract class PickleOther {}

/** Modules whose functions act; data has no business with them. */
const ACTING = new Set(
  (
    'os posix nt sys subprocess shutil socket pty runpy importlib imp code codeop webbrowser ctypes signal ' +
    'threading multiprocessing asyncio pathlib._local http urllib ftplib smtplib telnetlib tempfile platform pip timeit ' +
    'pdb bdb cProfile profile trace operator functools types inspect gc marshal pickle _pickle dill cloudpickle joblib ' +
    'io _io builtins __builtin__ commands popen2 requests torch.hub torch.jit torch.serialization torch.load numpy.f2py'
  ).split(' '),
);
/** Of those, what only makes data. */
const HARMLESS = new Set(
  ['builtins', '__builtin__'].flatMap((module) =>
    'set frozenset list dict tuple int float complex bool str bytes bytearray object range slice'
      .split(' ')
      .map((name) => `${module}.${name}`),
  ),
);

/** Whether Python would act, and not only make data, if it called this. */
export function acts({ module, path }: PickleGlobal): boolean {
  const [root = ''] = module.split('.');
  return (ACTING.has(module) || ACTING.has(root)) && !HARMLESS.has(path);
}

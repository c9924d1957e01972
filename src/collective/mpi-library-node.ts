/**
 * The MPI library of this machine, called through koffi. MPI's functions are the same everywhere, its handles are not: Open MPI's
 * are addresses of its symbols, MPICH's (and Intel's, and Cray's) are numbers, and those of the standard ABI of MPI 5 are small
 * numbers that any library with that ABI takes.
 */
import koffi, { type LibraryHandle } from 'koffi';
import { prepareNativeCalls } from '../engine/native-stack-node.ts';
import { CollectiveError } from './collective.ts';

type Word = bigint;

/** What is handed over as numbers. */
export interface Handles {
  readonly world: Word;
  readonly float: Word;
  readonly byte: Word;
  readonly sum: Word;
  readonly inPlace: Word;
  /** The type of handles in C. */
  readonly type: 'uintptr_t' | 'int';
}

const standard: Handles = {
  world: 0x101n,
  float: 0x210n,
  byte: 0x247n,
  sum: 0x21n,
  inPlace: 1n,
  type: 'uintptr_t',
};
const mpich: Handles = {
  world: 0x44000000n,
  float: 0x4c00040an,
  byte: 0x4c00010dn,
  sum: 0x58000003n,
  inPlace: -1n,
  type: 'int',
};

function openMpi(library: LibraryHandle): Handles {
  const address = (name: string): Word => BigInt(library.symbol(name));
  return {
    world: address('ompi_mpi_comm_world'),
    float: address('ompi_mpi_float'),
    byte: address('ompi_mpi_byte'),
    sum: address('ompi_mpi_op_sum'),
    inPlace: 1n,
    type: 'uintptr_t',
  };
}

const openMpiFiles = ['libmpi.so.40', 'libmpi.40.dylib'];
const standardFiles = ['libmpi_abi.so.0', 'libmpi_abi.so', 'libmpi_abi.0.dylib'];
const mpichFiles = ['libmpich.so.12', 'libmpi.so.12', 'libmpi.12.dylib', 'msmpi.dll'];
const anyFiles = ['libmpi.so', 'libmpich.so', 'libmpi.dylib'];

export interface MpiLibrary {
  readonly handles: Handles;
  /** As it calls itself. */
  readonly version: string;
  func(name: string, ...args: readonly string[]): MpiFunction;
}

/** Returns MPI's error code. */
export interface MpiFunction {
  (...args: readonly unknown[]): number;
  /** On a thread of its own. */
  readonly async: (...args: readonly unknown[]) => void;
}

/**
 * `DINO_MPI_LIBRARY`, or the first that is there: of those that fit the launcher, as another one would not find the other processes.
 *
 * @param launcher its name where it says so in the environment
 * @throws CollectiveError where there is none
 */
export function openMpiLibrary(launcher: 'Open MPI' | undefined): MpiLibrary {
  prepareNativeCalls();
  const given = process.env.DINO_MPI_LIBRARY;
  const files =
    launcher === 'Open MPI'
      ? [...openMpiFiles, ...standardFiles, ...anyFiles]
      : [...standardFiles, ...mpichFiles, ...openMpiFiles, ...anyFiles];
  for (const name of given === undefined ? files : [given]) {
    const library = load(name);
    if (library !== undefined) return described(library, name);
  }
  throw new CollectiveError(
    given === undefined
      ? 'This process was started as one of several, but no MPI library was found: install libopenmpi3 or libmpich12 (Debian, Ubuntu), openmpi or mpich (elsewhere), or name its file in DINO_MPI_LIBRARY.'
      : `DINO_MPI_LIBRARY names ${given}, which cannot be loaded: give the file of an MPI library, such as libmpi.so.40.`,
  );
}

function load(name: string): LibraryHandle | undefined {
  prepareNativeCalls();
  try {
    // Open MPI loads parts of itself that look for its symbols among those that everybody sees.
    return koffi.load(name, { global: true });
  } catch {
    return undefined;
  }
}

function described(library: LibraryHandle, name: string): MpiLibrary {
  const text = Buffer.alloc(8192);
  const length = new Int32Array(1);
  library.func('MPI_Get_library_version', 'int', ['void *', 'void *'])(text, length);
  const version = text.toString('utf8', 0, length[0] ?? 0).split('\n')[0] ?? '';
  const handles = handlesOf(library, name, version);
  return {
    handles,
    version,
    func: (function_, ...args) =>
      library.func(
        function_,
        'int',
        args.map((type) => (type === 'handle' ? handles.type : type)),
      ),
  };
}

function handlesOf(library: LibraryHandle, name: string, version: string): Handles {
  if (name.includes('mpi_abi')) return standard;
  if (/open mpi/i.test(version)) return openMpi(library);
  if (/mpich|intel|cray|mvapich|microsoft/i.test(version)) return mpich;
  throw new CollectiveError(
    `${name} is "${version}", an MPI library that is not known here: use Open MPI, MPICH or one with the standard ABI (libmpi_abi).`,
  );
}

/** One damaged file: does its reader give an error that a user can read, or a result, in little time and memory? */
import { Random } from '../src/random/random.ts';
import { mutate } from './mutate.ts';
import { emptied, type FuzzedReader } from './readers.ts';

export interface Verdict {
  /** What is wrong; undefined when nothing is. */
  readonly fault: string | undefined;
  readonly loaded: boolean;
  readonly milliseconds: number;
  /** Memory that was taken: growth of the heap and of array buffers, which a collection in between may hide. */
  readonly bytes: number;
  readonly file: Uint8Array;
}

/** Allowed beside four times the file. */
const CONSTANT = 16 * 2 ** 20;

/** @param number of the file: with the seed it names every byte */
export async function runOne(
  reader: FuzzedReader,
  seed: number,
  number: number,
  folder: string,
): Promise<Verdict> {
  const random = new Random(seed, `fuzz ${reader.name}`, number);
  const original = reader.seeds[random.integer(reader.seeds.length)] ?? new Uint8Array();
  const file = mutate(original, reader.seeds, random);
  emptied(folder);
  const memory = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = memory();
  const started = performance.now();
  let fault: string | undefined;
  let loaded = false;
  try {
    await reader.read(file.slice(), folder);
    loaded = true;
  } catch (error) {
    fault = faultOf(error, reader.file);
  }
  const milliseconds = performance.now() - started;
  const bytes = Math.max(0, memory() - before);
  if (bytes > 4 * file.length + CONSTANT) fault ??= `took ${bytes} bytes for a file of ${file.length}`;
  return { fault, loaded, milliseconds, bytes, file };
}

/** An error is good when it is one line of ordinary length that names the file, and none that the language throws. */
function faultOf(error: unknown, file: FuzzedReader['file']): string | undefined {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const text = `${error.constructor.name}: ${error.message}`;
  if (error instanceof TypeError || error instanceof SyntaxError || error instanceof ReferenceError)
    return text;
  if (![file].flat().some((name) => error.message.includes(name))) return `names no file: ${text}`;
  if (error.message.length > 1000 || /\n/.test(error.message)) return `not a sentence: ${text.slice(0, 300)}`;
  return undefined;
}

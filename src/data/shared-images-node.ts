/** Images of one data set that stand in another one too, byte by byte, whatever they are called there. In Node. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type Contents, openContents } from './contents-node.ts';
import type { Source } from './source.ts';
import type { SourceSpec } from './source-spec.ts';

/** Told how far the search has come, in each of its three parts. */
type OnProgress = (what: string, done: number, total: number) => void;

/** Longest time between two looks at what else the process has to do, milliseconds. */
const TURN = 100;

/**
 * How many images of `asked` are in `known`. Sizes are compared first, and only images of a size that both have are read. Images that
 * cannot be read are in neither; generated ones are not looked at. Others have their turn meanwhile, so that it can be shown and ended.
 *
 * @param turn milliseconds between two turns of others, before which there is a call of `onProgress`; a short search calls it never
 */
export async function countShared(
  asked: Source,
  known: Source,
  onProgress: OnProgress = () => {},
  turn = TURN,
): Promise<number> {
  const [ours, theirs] = [contentsOf(asked.spec), contentsOf(known.spec)];
  let last = performance.now();
  const others = async (what: string, done: number, total: number): Promise<void> => {
    if (performance.now() - last < turn) return;
    onProgress(what, done, total);
    await setImmediate();
    last = performance.now();
  };
  try {
    if (ours === undefined || theirs === undefined) return 0;
    const bySize = new Map<number, number[]>();
    for (let index = 0; index < asked.length; index++) {
      await others('sizes of test images', index, asked.length);
      const size = ifReadable(() => ours.size(index));
      if (size === undefined) continue;
      const alike = bySize.get(size) ?? [];
      alike.push(index);
      bySize.set(size, alike);
    }
    const hashes = new Map<number, Set<string>>();
    for (let index = 0; index < known.length; index++) {
      await others('images that may be among them', index, known.length);
      const size = ifReadable(() => theirs.size(index));
      const hash =
        size === undefined || !bySize.has(size) ? undefined : ifReadable(() => hashOf(theirs.read(index)));
      if (size === undefined || hash === undefined) continue;
      const found = hashes.get(size) ?? new Set();
      hashes.set(size, found.add(hash));
    }
    const candidates = [...hashes].flatMap(([size, found]) =>
      (bySize.get(size) ?? []).map((index) => ({ index, found })),
    );
    let shared = 0;
    for (const [done, { index, found }] of candidates.entries()) {
      await others('test images compared with them', done, candidates.length);
      const hash = ifReadable(() => hashOf(ours.read(index)));
      if (hash !== undefined && found.has(hash)) shared++;
    }
    return shared;
  } finally {
    ours?.close();
    theirs?.close();
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined; // whoever shows the image to a network says so
  }
}

/** Undefined where images are generated. */
function contentsOf(spec: SourceSpec | undefined): Contents | undefined {
  if (spec === undefined || spec.kind === 'scenes') return undefined;
  if (spec.kind !== 'subset') return openContents(spec);
  const whole = contentsOf(spec.of);
  const at = (index: number): number => spec.indices[index] ?? -1;
  return (
    whole && {
      name: (index) => whole.name(at(index)),
      size: (index) => whole.size(at(index)),
      read: (index) => whole.read(at(index)),
      close: () => whole.close(),
    }
  );
}

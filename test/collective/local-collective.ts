/** Ranks that live in one process: each asks in its turn, and all go on when the last has come. */
import { type Collective, CollectiveError } from '../../src/collective/collective.ts';

/** Ranks that find each other. One that aborts wakes all others with an error. */
export function localRanks(size: number): Collective[] {
  const rounds: { parts: unknown[]; arrived: number; go: () => void; done: Promise<void> }[] = [];
  let fail: (error: Error) => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    fail = reject;
  });
  aborted.catch(() => {});
  const round = (number: number) => {
    const known = rounds[number];
    if (known !== undefined) return known;
    let go = (): void => {};
    const done = new Promise<void>((resolve) => {
      go = resolve;
    });
    const fresh = { parts: new Array<unknown>(size), arrived: 0, go, done };
    rounds[number] = fresh;
    return fresh;
  };
  return Array.from({ length: size }, (_, rank): Collective => {
    let next = 0;
    /** What all ranks brought to the same call; `what` must be the same on all. */
    const meet = async (what: string, own: Float32Array | Uint8Array): Promise<Float32Array[]> => {
      const here = round(next++);
      here.parts[rank] = { what, own: Float32Array.from(own) };
      if (++here.arrived === size) here.go();
      await Promise.race([here.done, aborted]);
      const parts = here.parts as { what: string; own: Float32Array }[];
      const other = parts.find((part) => part.what !== what);
      if (other !== undefined)
        throw new Error(`Rank ${rank} asks for ${what}, another one for ${other.what}.`);
      return parts.map((part) => part.own);
    };
    const total = (parts: readonly Float32Array[]): Float32Array => {
      const sum = new Float32Array(parts[0]?.length ?? 0);
      for (const part of parts) for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
      return sum;
    };
    return {
      rank,
      size,
      sum: async (values) => values.set(total(await meet(`sum of ${values.length}`, values))),
      gather: async (own, all) => {
        const parts = await meet(`gather of ${own.length}`, own);
        for (const [i, part] of parts.entries()) all.set(part, i * own.length);
      },
      scatterSum: async (all, own) => {
        const sum = total(await meet(`scatter of ${all.length}`, all));
        own.set(sum.subarray(rank * own.length, (rank + 1) * own.length));
      },
      broadcast: async (bytes) => {
        const [first] = await meet(`broadcast of ${bytes.length}`, bytes);
        bytes.set(first ?? []);
      },
      barrier: async () => void (await meet('barrier', new Float32Array())),
      abort: (code) => fail(new CollectiveError(`Rank ${rank} aborted with ${code}.`)),
      dispose: async () => void (await meet('dispose', new Float32Array())),
    };
  });
}

/** Does the same on all ranks at once. */
export function onRanks<T>(size: number, work: (collective: Collective) => Promise<T>): Promise<T[]> {
  return Promise.all(localRanks(size).map(work));
}

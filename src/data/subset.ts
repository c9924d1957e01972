/** Some images of a data set as a data set of their own. */
import type { Source } from './source.ts';

/** @param indices numbers of the images in `source`, in the order they are to have */
export function subsetOf(source: Source, indices: Uint32Array): Source {
  const { unread: _, classNote: __, ...whole } = source;
  const shared = new Uint32Array(new SharedArrayBuffer(indices.byteLength));
  shared.set(indices);
  const at = (index: number): number => indices[index] ?? -1;
  return {
    ...whole,
    length: indices.length,
    label: (index) => source.label(at(index)),
    key: (index) => source.key(at(index)),
    linkDepth: (index) => source.linkDepth?.(at(index)) ?? 0,
    open: (loadSize) => {
      const reader = source.open(loadSize);
      return { read: (index) => reader.read(at(index)), close: () => reader.close() };
    },
    ...(source.spec === undefined
      ? {}
      : { spec: { kind: 'subset', channels: source.channels, of: source.spec, indices: shared } }),
  };
}

/** The images that have a class: the source itself where all have one. */
export function labeledPart(source: Source): Source {
  const indices = Uint32Array.from({ length: source.length }, (_, i) => i).filter(
    (index) => source.label(index) !== undefined,
  );
  return indices.length === source.length ? source : subsetOf(source, indices);
}

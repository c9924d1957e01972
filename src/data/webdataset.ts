/**
 * WebDataset (github.com/webdataset/webdataset): tars whose members belong together by their paths up to the first dot of the
 * name: `0001.jpg` is the image of `0001.cls`, a number or a name, or of `0001.json` with the label among its fields.
 */
import { type ClassLabels, type ClassValue, labelsOf } from './class-labels.ts';

export interface WebDataset<Entry> {
  /** The images without further pictures of a sample (`0001.seg.png`). */
  readonly images: readonly Entry[];
  readonly labels: ClassLabels;
}

/** Fields of a sample's JSON that say its class, in the order they are looked for. */
const FIELDS = ['cls', 'label', 'class', 'class_id', 'class_name'];

/**
 * @param images in their order
 * @param others all other files
 * @param read a file's contents
 * @returns undefined where no image has a `.cls` or `.json` of its key beside it: then it is no WebDataset
 */
export function readWebDataset<Entry extends { readonly path: string }>(
  images: readonly Entry[],
  others: readonly Entry[],
  read: (entry: Entry) => Uint8Array,
): WebDataset<Entry> | undefined {
  const named = new Map(others.map((entry) => [entry.path, entry]));
  const besides = ['cls', 'json'].find((extension) =>
    images.some(({ path }) => named.has(`${keyOf(path)}.${extension}`)),
  );
  if (besides === undefined) return undefined;
  const kept = images.filter(({ path }) => path.lastIndexOf('.') === keyOf(path).length);
  const values: ClassValue[] = [];
  for (const { path } of kept) {
    const entry = named.get(`${keyOf(path)}.${besides}`);
    const value = entry === undefined ? undefined : classIn(new TextDecoder().decode(read(entry)), besides);
    values.push(value);
  }
  return { images: kept, labels: labelsOf(values) };
}

/** The path up to the first dot of the file name. */
function keyOf(path: string): string {
  const name = path.lastIndexOf('/') + 1;
  const dot = path.indexOf('.', name);
  return dot < 0 ? path : path.slice(0, dot);
}

function classIn(text: string, extension: string): ClassValue {
  if (extension === 'cls') return text.trim();
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof fields !== 'object' || fields === null) return undefined;
  const entries = new Map<string, unknown>(Object.entries(fields));
  const value = FIELDS.map((field) => entries.get(field)).find((found) => found !== undefined);
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}

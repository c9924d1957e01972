/**
 * Ground truth of revisited Oxford and Paris (Radenovic et al. 2018): which images are asked for, and what each level of
 * difficulty takes for right. The official files are Python pickles; the same structure as JSON is read here.
 */
import { z } from 'zod';
import type { Source } from '../../data/source.ts';

const rows = z.array(z.number().int().min(0));

const truthSchema = z.object({
  imlist: z.array(z.string()).min(1),
  qimlist: z.array(z.string()).min(1),
  gnd: z.array(
    z.object({
      easy: rows,
      hard: rows,
      junk: rows,
      /** Left, top, right and lower edge of what is asked for, pixels of the query image. */
      bbx: z.array(z.number()).length(4).optional(),
    }),
  ),
});

/** Images are named without extension; numbers are places in `imlist`. */
export type LandmarkTruth = z.infer<typeof truthSchema>;

/** The first byte of a pickle of protocol 2 or later. */
const PICKLE = 0x80;

/**
 * @param name what errors call the file
 * @throws Error if it is a pickle, no JSON, of another structure, or names images that it does not list
 */
export function parseLandmarkTruth(bytes: Uint8Array, name: string): LandmarkTruth {
  if (name.endsWith('.pkl') || bytes[0] === PICKLE) {
    const json = name.endsWith('.pkl') ? name.replace(/\.pkl$/, '.json') : `${name}.json`;
    throw new Error(
      `${name} is a Python pickle, which is not read: convert it by python3 -c "import json, pickle; json.dump(pickle.load(open('${name}', 'rb')), open('${json}', 'w'), default=lambda x: x.tolist())" and give ${json}.`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Error(`${name} is not JSON: give imlist, qimlist and gnd as the official pickle holds them.`);
  }
  const parsed = truthSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(
      `${name} is no ground truth of this kind (${issue?.path.join('.')}: ${issue?.message}): give imlist, qimlist and gnd with easy, hard and junk.`,
    );
  }
  const truth = parsed.data;
  if (truth.gnd.length !== truth.qimlist.length) {
    throw new Error(
      `${name} has ${truth.qimlist.length} queries and the truth of ${truth.gnd.length}: give one for each.`,
    );
  }
  for (const [i, { easy, hard, junk }] of truth.gnd.entries()) {
    const outside = [...easy, ...hard, ...junk].find((row) => row >= truth.imlist.length);
    if (outside === undefined) continue;
    throw new Error(
      `${name}: the truth of query ${truth.qimlist[i]} names image ${outside} of ${truth.imlist.length}, numbered from 0: is imlist complete?`,
    );
  }
  return truth;
}

/**
 * Numbers of named images in a source.
 *
 * @param names without extension, with or without folders
 * @throws Error naming the first image that is missing
 */
export function findImages(source: Source, names: readonly string[]): number[] {
  const numbers = new Map<string, number>();
  for (let index = source.length - 1; index >= 0; index--) {
    const stem = source.key(index).replace(/\.[^./]+$/, '');
    numbers.set(stem.split('/').at(-1) ?? '', index);
    numbers.set(stem, index);
  }
  const missing = names.filter((name) => !numbers.has(name));
  if (missing.length > 0) {
    throw new Error(
      `${missing.length} of ${names.length} images of the ground truth are not in ${source.name}, the first is "${missing[0]}": give the folder that holds them all.`,
    );
  }
  return names.map((name) => numbers.get(name)!);
}

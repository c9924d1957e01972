/**
 * Features of many images as a folder: `features.npy` ([images, D], float32) and `features.parquet`, with `paths.txt` and
 * `labels.txt` in the order of the rows, and `bank.json`, which says which network they are of. Written piece by piece and
 * read block by block, so that neither needs the memory for all. `bank.json` comes last: without it a bank is not complete.
 */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../files/make-folder-node.ts';
import { npyHeader, parseNpyHeader } from '../format/npy.ts';
import { preprocessingSchema } from '../image/preprocessing.ts';
import type { FeatureRows } from '../rows/feature-rows.ts';
import { FeatureParquet } from './feature-parquet-node.ts';

const infoSchema = z.object({
  version: z.literal(1),
  /** `networkFingerprint` of the weights. */
  network: z.string(),
  /** Side of the views, pixels. */
  size: z.number(),
  channels: z.union([z.literal(1), z.literal(3)]),
  /** How images were shown; the official way where a bank does not say it. */
  preprocessing: preprocessingSchema.optional(),
  images: z.number(),
  dim: z.number(),
  /** Views of each image whose features were averaged. */
  views: z.number().default(1),
  /** Whether rows were divided by their L2 norms. */
  normalized: z.boolean(),
  /** Where the images were, as it was given. */
  source: z.string(),
  labels: z.boolean(),
  formats: z.array(z.enum(['npy', 'parquet'])),
});

export type BankInfo = z.infer<typeof infoSchema>;

/** The files of a bank, of which some have one of the first two only, or no labels. */
export const BANK_FILES = [
  'features.npy',
  'features.parquet',
  'paths.txt',
  'labels.txt',
  'bank.json',
] as const;
const [NPY, PARQUET, PATHS, LABELS, INFO] = BANK_FILES;

/** SHA-256 of names and values: equal for the same weights only. */
export function networkFingerprint(weights: ReadonlyMap<string, Float32Array>): string {
  const hash = createHash('sha256');
  for (const [name, values] of [...weights].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name} ${values.length}\n`);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}

export interface BankRow {
  readonly path: string;
  /** Name of the class; for all images or for none. */
  readonly label: string | undefined;
  /** [D] */
  readonly feature: Float32Array;
}

export class FeatureBankWriter {
  readonly #folder: string;
  readonly #info: Omit<BankInfo, 'images' | 'version'>;
  readonly #npy: number | undefined;
  readonly #parquet: FeatureParquet | undefined;
  readonly #headerBytes: number;
  #images = 0;

  /** Starts a bank; files of an earlier one in the folder are removed. */
  constructor(folder: string, info: Omit<BankInfo, 'images' | 'version'>) {
    this.#folder = folder;
    this.#info = info;
    makeFolder(folder);
    for (const name of [INFO, NPY, PARQUET, PATHS, LABELS]) rmSync(join(folder, name), { force: true });
    const header = npyHeader('float32', [0, info.dim]);
    this.#headerBytes = header.length;
    if (info.formats.includes('npy')) {
      this.#npy = openSync(join(folder, NPY), 'w');
      writeAll(this.#npy, header);
    }
    if (info.formats.includes('parquet'))
      this.#parquet = new FeatureParquet(join(folder, PARQUET), info.dim, { network: info.network });
  }

  async append(rows: readonly BankRow[]): Promise<void> {
    for (const { feature, path, label } of rows) {
      if (this.#npy !== undefined)
        writeAll(this.#npy, new Uint8Array(feature.buffer, feature.byteOffset, feature.byteLength));
      await this.#parquet?.append({ path, label, feature });
    }
    const lines = (texts: readonly string[]) => texts.map((text) => `${oneLine(text)}\n`).join('');
    appendFileSync(join(this.#folder, PATHS), lines(rows.map(({ path }) => path)));
    if (this.#info.labels)
      appendFileSync(join(this.#folder, LABELS), lines(rows.map(({ label = '' }) => label)));
    this.#images += rows.length;
  }

  /** Completes the files. @returns what `bank.json` says */
  async finish(): Promise<BankInfo> {
    const info: BankInfo = { version: 1, ...this.#info, images: this.#images };
    if (this.#npy !== undefined) {
      // The number of rows is known only now; its digits take room that headers leave.
      const header = npyHeader('float32', [this.#images, info.dim]);
      if (header.length !== this.#headerBytes) throw new Error('The header of the features grew.');
      writeAll(this.#npy, header, 0);
      closeSync(this.#npy);
    }
    await this.#parquet?.finish();
    writeFileSync(join(this.#folder, INFO), `${JSON.stringify(info, null, 2)}\n`);
    return info;
  }
}

/** Rows of a bank from one of them on. */
export interface BankBlock {
  readonly start: number;
  readonly rows: FeatureRows;
}

export interface FeatureBank {
  readonly info: BankInfo;
  readonly paths: readonly string[];
  /** Names of the classes; [] without. */
  readonly labels: readonly string[];
  /** Reads the features in order, so many bytes at a time (32 MiB unless given). */
  blocks(bytes?: number): Generator<BankBlock>;
}

/** Whether a folder is a bank, complete or not, rather than images. */
export function isFeatureBank(folder: string): boolean {
  return [INFO, NPY, PARQUET].some((name) => existsSync(join(folder, name)));
}

/** Bytes of a block that is read. */
const BLOCK = 2 ** 25;

/** @throws Error if the bank is damaged, empty, or has no features.npy */
export function openFeatureBank(folder: string): FeatureBank {
  const file = join(folder, NPY);
  const info = readInfo(join(folder, INFO));
  if (!info.formats.includes('npy'))
    throw new Error(`${folder} holds features as Parquet only: embed the images again with --format npy.`);
  if (info.images === 0) throw new Error(`The bank ${folder} is empty: embed a folder that holds images.`);
  for (const name of info.labels ? [NPY, PATHS, LABELS] : [NPY, PATHS]) {
    if (!existsSync(join(folder, name)))
      throw new Error(`${join(folder, name)} is missing: embed the images again.`);
  }
  const lines = (name: string) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1);
  const paths = lines(PATHS);
  const descriptor = openSync(file, 'r');
  let dataStart: number;
  try {
    const first = new Uint8Array(4096);
    const header = parseNpyHeader(first.subarray(0, readSync(descriptor, first, 0, 4096, 0)), file);
    ({ dataStart } = header);
    const bytes = dataStart + info.images * info.dim * 4;
    if (
      header.dtype !== 'float32' ||
      header.shape.join() !== `${info.images},${info.dim}` ||
      paths.length !== info.images ||
      statSync(file).size !== bytes
    ) {
      throw new Error(
        `${folder} is damaged (${file} should hold ${info.images} x ${info.dim} float32, with ${info.images} lines in ${PATHS}): embed the images again.`,
      );
    }
  } finally {
    closeSync(descriptor);
  }
  return {
    info,
    paths,
    labels: info.labels ? lines(LABELS) : [],
    *blocks(blockBytes = BLOCK) {
      const step = Math.max(1, Math.floor(blockBytes / (4 * info.dim)));
      const open = openSync(file, 'r');
      try {
        for (let start = 0; start < info.images; start += step) {
          const values = new Float32Array(Math.min(step, info.images - start) * info.dim);
          const bytes = new Uint8Array(values.buffer);
          for (let got = 0; got < bytes.length; ) {
            const read = readSync(
              open,
              bytes,
              got,
              bytes.length - got,
              dataStart + start * info.dim * 4 + got,
            );
            if (read === 0) throw new Error(`${file} became shorter while it was read: leave it alone.`);
            got += read;
          }
          yield { start, rows: { values, dim: info.dim } };
        }
      } finally {
        closeSync(open);
      }
    },
  };
}

function readInfo(file: string): BankInfo {
  if (!existsSync(file))
    throw new Error(`${file} is missing: give a folder that \`dino embed\` wrote and finished.`);
  try {
    return infoSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    throw new Error(`${file} is damaged: embed the images again.`);
  }
}

function writeAll(descriptor: number, bytes: Uint8Array, position?: number): void {
  for (let at = 0; at < bytes.length; )
    at += writeSync(descriptor, bytes, at, bytes.length - at, position === undefined ? null : position + at);
}

/** Line breaks would shift the rows below. */
function oneLine(text: string): string {
  return text.replace(/\r?\n/g, '\\n');
}

/** The readers that are given damaged files, and the sound files they begin with. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSource } from '../src/data/open-source-node.ts';
import { openReader } from '../src/data/reader-node.ts';
import { bytesSource } from '../src/format/byte-source.ts';
import { parseNpy, serializeNpy } from '../src/format/npy.ts';
import { f32, parseSafetensors } from '../src/format/safetensors.ts';
import { readTorchFile } from '../src/format/torch-file.ts';
import { decode } from '../src/image/decode-node.ts';
import { openSubject } from '../src/run/open-subject-node.ts';
import { RunFolder } from '../src/run/run-folder-node.ts';
import { readRecord } from '../src/run/run-record.ts';
import { checkComplete, findNetwork } from '../src/weights/find-network.ts';
import { readOfficialCheckpoint } from '../src/weights/official-checkpoint.ts';
import { openStateDict } from '../src/weights/state-dict.ts';
import { runRecordSeed, tarSeed, tiffSeed, zipSeed } from './seeds.ts';

export interface FuzzedReader {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /** Reads all there is. @param folder an empty one for files that must lie on a disk */
  read(bytes: Uint8Array, folder: string): void | Promise<void>;
  /** What errors must name: one of these. */
  readonly file: string | readonly string[];
}

const golden = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../test/golden/checkpoints/${name}`, import.meta.url))));

/** Everything that is done with a file of weights: names, network, every tensor. */
function readWeights(bytes: Uint8Array, name: string): void {
  const source = bytesSource(bytes, name);
  const dict = openStateDict(source);
  for (const tensor of dict.tensors.values()) f32(tensor.read());
  const found = findNetwork(dict, { name, heads: 2 });
  checkComplete(found, name);
  found.weights();
}

export const readers: readonly FuzzedReader[] = [
  {
    name: 'pth, zip',
    file: 'w.pth',
    seeds: ['backbone.pth', 'backbone_fp16.pth', 'odd_tensors.pth', 'backbone_proto4.pth'].map(golden),
    read: (bytes) => readWeights(bytes, 'w.pth'),
  },
  {
    name: 'pth, legacy',
    file: 'w.pth',
    seeds: ['backbone_legacy.pth', 'odd_tensors_legacy.pth'].map(golden),
    read: (bytes) => readWeights(bytes, 'w.pth'),
  },
  {
    name: 'full checkpoint',
    file: 'c.pth',
    seeds: ['checkpoint.pth', 'checkpoint_legacy.pth'].map(golden),
    read: (bytes) => void readOfficialCheckpoint(readTorchFile(bytesSource(bytes, 'c.pth'))),
  },
  {
    name: 'safetensors',
    file: 'w.safetensors',
    seeds: ['backbone.safetensors', 'backbone_bf16.safetensors', 'odd_tensors.safetensors'].map(golden),
    read(bytes) {
      for (const tensor of parseSafetensors(bytes, 'w.safetensors').tensors.values()) f32(tensor);
      readWeights(bytes, 'w.safetensors');
    },
  },
  {
    name: 'npy',
    file: 'x.npy',
    seeds: [
      serializeNpy({ dtype: 'float32', shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => i) }),
      serializeNpy({ dtype: 'float32', shape: [0, 7], data: new Float32Array() }),
    ].map((parts) => new Uint8Array(Buffer.concat(parts))),
    read: (bytes) => void parseNpy(bytes, 'x.npy'),
  },
  {
    name: 'tar',
    file: 'images.tar',
    seeds: [tarSeed()],
    async read(bytes, folder) {
      writeFileSync(join(folder, 'images.tar'), bytes);
      const source = openSource(join(folder, 'images.tar'));
      for (let i = 0; i < source.length; i++) source.key(i);
    },
  },
  {
    name: 'image zip',
    file: 'images.zip',
    seeds: [zipSeed()],
    async read(bytes, folder) {
      const file = join(folder, 'images.zip');
      writeFileSync(file, bytes);
      const source = openSource(file);
      const reader = openReader(source.spec);
      try {
        for (let i = 0; i < source.length; i++) await reader.read(i);
      } finally {
        reader.close();
      }
    },
  },
  {
    name: 'TIFF',
    file: 'a.tif',
    seeds: [tiffSeed()],
    read: async (bytes) => void (await decode(bytes, 'a.tif', 3)),
  },
  {
    name: 'HEIC',
    file: 'a.heic',
    seeds: [
      new Uint8Array(readFileSync(fileURLToPath(new URL('../test/image/quarters.heic', import.meta.url)))),
    ],
    read: async (bytes) => void (await decode(bytes, 'a.heic', 3)),
  },
  {
    name: 'IDX',
    file: 'train-images-idx3-ubyte',
    seeds: [idxSeed()],
    async read(bytes, folder) {
      const file = join(folder, 'train-images-idx3-ubyte');
      writeFileSync(file, bytes);
      const source = openSource(file);
      const reader = openReader(source.spec);
      try {
        for (let i = 0; i < Math.min(10, source.length); i++) await reader.read(i);
      } finally {
        reader.close();
      }
    },
  },
  {
    name: 'config.json of Hugging Face',
    file: ['config.json', 'model.safetensors'],
    seeds: [
      new TextEncoder().encode(
        JSON.stringify({ model_type: 'vit', num_attention_heads: 2, layer_norm_eps: 1e-12, hidden_size: 16 }),
      ),
    ],
    read(bytes, folder) {
      const weights = golden('backbone.safetensors');
      writeFileSync(join(folder, 'config.json'), bytes);
      writeFileSync(join(folder, 'model.safetensors'), weights);
      openSubject(folder);
    },
  },
  {
    name: 'preprocessor_config.json',
    file: ['preprocessor_config.json', '--eval_size'],
    seeds: [
      new TextEncoder().encode(
        JSON.stringify({
          size: { height: 16, width: 16 },
          resample: 2,
          image_mean: [0.5, 0.5, 0.5],
          image_std: [1, 1, 1],
        }),
      ),
    ],
    read(bytes, folder) {
      writeFileSync(join(folder, 'config.json'), '{"model_type":"vit","num_attention_heads":2}');
      writeFileSync(join(folder, 'preprocessor_config.json'), bytes);
      writeFileSync(join(folder, 'model.safetensors'), golden('backbone.safetensors'));
      openSubject(folder);
    },
  },
  {
    name: 'config.json of a run',
    file: 'config.json',
    seeds: [runRecordSeed()],
    read(bytes, folder) {
      writeFileSync(join(folder, 'config.json'), bytes);
      readRecord(RunFolder.open(folder));
    },
  },
];

/** Five images of 4 x 4 pixels. */
function idxSeed(): Uint8Array {
  const bytes = new Uint8Array(16 + 5 * 16);
  bytes.set([0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 4]);
  return bytes.map((value, i) => (i < 16 ? value : (i * 7) % 256));
}

/** An empty folder at this path. */
export function emptied(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

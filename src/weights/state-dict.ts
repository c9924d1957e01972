/** Named tensors of any file, read when they are wanted. */
import type { ByteSource } from '../format/byte-source.ts';
import { type Dtype, parseSafetensors, type StoredTensor } from '../format/safetensors.ts';
import { isTorchFile, namedTensors, readTorchFile, type TorchFile } from '../format/torch-file.ts';
import { OWN_FACTS, type OwnFacts, parseOwnFacts } from './own-facts.ts';

export interface LazyTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  read(): StoredTensor;
}

export interface StateDict {
  /** The file's kind, in words. */
  readonly format: string;
  /** By name; where tensors are nested (`checkpoint['teacher']['cls_token']`), by the path with `/` between. */
  readonly tensors: ReadonlyMap<string, LazyTensor>;
  /** What the file says of itself; only files that were written here do. */
  readonly facts: OwnFacts;
  /** The whole content of a file of `torch.save`. */
  readonly torch?: TorchFile;
}

/**
 * Opens a safetensors file or one of `torch.save`, whichever it is.
 *
 * @throws Error naming the file if it is neither, damaged or hostile
 */
export function openStateDict(source: ByteSource): StateDict {
  if (isTorchFile(source)) {
    const torch = readTorchFile(source);
    const { root, attributes } = torch;
    const facts = attributes.get(OWN_FACTS);
    return {
      format: 'torch.save',
      tensors: namedTensors(root),
      facts: typeof facts === 'string' ? parseOwnFacts(facts, source.name) : {},
      torch,
    };
  }
  const { tensors, metadata } = parseSafetensors(source.read(0, source.size), source.name);
  const facts = metadata[OWN_FACTS];
  const heads = Number(metadata.heads ?? Number.NaN);
  return {
    format: 'safetensors',
    facts: {
      ...(Number.isInteger(heads) && heads > 0 ? { heads } : {}),
      ...(facts === undefined ? {} : parseOwnFacts(facts, source.name)),
    },
    tensors: new Map(
      [...tensors].map(([name, tensor]) => [
        name,
        { dtype: tensor.dtype, shape: tensor.shape, read: () => tensor },
      ]),
    ),
  };
}

/**
 * Several files that hold the tensors of one network together.
 *
 * @throws Error naming a file that cannot be read, or a tensor that two of them hold
 */
export function openShards(sources: readonly ByteSource[]): StateDict {
  const dicts = sources.map(openStateDict);
  const [first] = dicts;
  if (first === undefined) throw new RangeError('No file of weights was given: give one or more.');
  if (dicts.length === 1) return first;
  const tensors = new Map<string, LazyTensor>();
  for (const [i, dict] of dicts.entries())
    for (const [name, tensor] of dict.tensors) {
      if (tensors.has(name))
        throw new Error(
          `${sources[i]?.name} holds ${name}, which another shard holds too: download them again.`,
        );
      tensors.set(name, tensor);
    }
  return { format: `${first.format}, ${dicts.length} shards`, tensors, facts: first.facts };
}

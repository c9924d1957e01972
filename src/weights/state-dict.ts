/** Named tensors of any file, read when they are wanted. */
import type { ByteSource } from '../format/byte-source.ts';
import { type Dtype, parseSafetensors, type StoredTensor } from '../format/safetensors.ts';
import { isTorchFile, namedTensors, readTorchFile } from '../format/torch-file.ts';

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
  /** Attention heads, where the file says so (ours does). */
  readonly heads?: number;
}

/**
 * Opens a safetensors file or one of `torch.save`, whichever it is.
 *
 * @throws Error naming the file if it is neither, damaged or hostile
 */
export function openStateDict(source: ByteSource): StateDict {
  if (isTorchFile(source)) {
    return { format: 'torch.save', tensors: namedTensors(readTorchFile(source).root) };
  }
  const { tensors, metadata } = parseSafetensors(source.read(0, source.size), source.name);
  const heads = Number(metadata.heads ?? Number.NaN);
  return {
    format: 'safetensors',
    ...(Number.isInteger(heads) && heads > 0 ? { heads } : {}),
    tensors: new Map(
      [...tensors].map(([name, tensor]) => [
        name,
        { dtype: tensor.dtype, shape: tensor.shape, read: () => tensor },
      ]),
    ),
  };
}

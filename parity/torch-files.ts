/**
 * A folder of `torch.save` files beside safetensors files of what they hold. Each safetensors file says in its configuration
 * which files hold the same (`of`), or has the name of one; a torch file that none speaks for must be refused.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { bytesSource } from '../src/format/byte-source.ts';
import { f32, parseSafetensors, type StoredTensor } from '../src/format/safetensors.ts';
import { namedTensors, readTorchFile, type TorchTensor } from '../src/format/torch-file.ts';
import type { FileReport } from './checks.ts';
import { Comparison } from './comparison.ts';

const configSchema = z.object({ of: z.array(z.string()).optional() });
/** Float32 values of a half-precision file are stored beside the raw ones. */
const WIDENED = 'f32/';

/** True for a folder that holds files of `torch.save`. */
export function hasTorchFiles(folder: string): boolean {
  return readdirSync(folder).some((name) => name.endsWith('.pth'));
}

export function checkTorchFiles(folder: string): FileReport {
  const fixture = basename(folder);
  const comparison = new Comparison();
  try {
    const names = readdirSync(folder);
    const expected = new Map<string, ReadonlyMap<string, StoredTensor>>();
    for (const name of names.filter((each) => each.endsWith('.safetensors'))) {
      const { tensors, metadata } = parseSafetensors(readFileSync(join(folder, name)), name);
      const { of } = configSchema.parse(JSON.parse(metadata.config ?? '{}'));
      for (const file of of ?? [name.replace(/\.safetensors$/, '.pth')]) expected.set(file, tensors);
    }
    for (const name of names.filter((each) => each.endsWith('.pth'))) {
      const wanted = expected.get(name);
      if (wanted === undefined) comparison.identical('refused', name, [refusal(folder, name)], [true]);
      else compare(comparison, name, open(folder, name), wanted);
    }
  } catch (error) {
    return { kind: 'error', fixture, message: error instanceof Error ? error.message : String(error) };
  }
  if (comparison.rows.length === 0)
    return { kind: 'error', fixture, message: `${fixture}: the folder has no files to compare.` };
  return { kind: 'checked', fixture, rows: comparison.rows, unread: [] };
}

function open(folder: string, name: string): Map<string, TorchTensor> {
  return namedTensors(readTorchFile(bytesSource(readFileSync(join(folder, name)), name)).root);
}

/** Whether a file is refused, in one sentence that names it. */
function refusal(folder: string, name: string): boolean {
  try {
    for (const tensor of open(folder, name).values()) tensor.read();
    return false;
  } catch (error) {
    return error instanceof Error && error.message.startsWith(`${name}: `);
  }
}

function compare(
  comparison: Comparison,
  name: string,
  got: ReadonlyMap<string, TorchTensor>,
  wanted: ReadonlyMap<string, StoredTensor>,
): void {
  const plain = [...wanted.keys()].filter((key) => !key.startsWith(WIDENED));
  comparison.sameSet('names', name, got.keys(), plain);
  for (const key of plain) {
    const tensor = got.get(key)?.read();
    const expected = wanted.get(key)!;
    if (tensor === undefined) continue; // told by the row above
    comparison.identical('dtype', `${name} ${key}`, [tensor.dtype], [expected.dtype]);
    comparison.identical('shape', `${name} ${key}`, tensor.shape, expected.shape);
    comparison.identical(
      'values',
      `${name} ${key}`,
      Array.from<unknown>(tensor.data),
      Array.from<unknown>(expected.data),
    );
    const widened = wanted.get(WIDENED + key);
    if (widened !== undefined)
      comparison.identical('widened values', `${name} ${key}`, f32(tensor), f32(widened));
  }
}

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytesSource } from '../../src/format/byte-source.ts';
import { crc32 } from '../../src/format/crc32.ts';
import type { StoredTensor } from '../../src/format/safetensors.ts';
import { namedTensors, readTorchFile } from '../../src/format/torch-file.ts';
import { serializeTorch } from '../../src/format/torch-save.ts';
import { temporaryFolder } from '../data/fixtures.ts';

const tensors = new Map<string, StoredTensor>([
  ['blocks.0.weight', { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-30, 7) }],
  ['größe', { dtype: 'F64', shape: [1], data: Float64Array.of(Math.PI) }],
  ['half', { dtype: 'F16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) }],
  ['brain', { dtype: 'BF16', shape: [1], data: Uint16Array.of(0x3f80) }],
  ['steps', { dtype: 'I64', shape: [], data: BigInt64Array.of(2n ** 40n) }],
  ['flags', { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ['empty', { dtype: 'F32', shape: [0, 4], data: new Float32Array() }],
]);

const file = (): Uint8Array => Buffer.concat(serializeTorch(tensors));

describe('serializeTorch', () => {
  it('is read back as it was', () => {
    const read = namedTensors(readTorchFile(bytesSource(file(), 'x.pth')).root);
    expect(new Map([...read].map(([name, tensor]) => [name, tensor.read()]))).toEqual(tensors);
  });

  it('keeps texts as attributes of the dictionary', () => {
    const bytes = Buffer.concat(serializeTorch(tensors, { note: 'größer', more: '{"heads":3}' }));
    const { root, attributes } = readTorchFile(bytesSource(bytes, 'x.pth'));
    expect([...attributes]).toEqual([
      ['note', 'größer'],
      ['more', '{"heads":3}'],
    ]);
    expect([...namedTensors(root).keys()]).toEqual([...tensors.keys()]);
    expect([...readTorchFile(bytesSource(file(), 'x.pth')).attributes]).toEqual([]);
  });

  it('gives the same bytes for the same tensors, with data aligned for mapping', () => {
    const bytes = file();
    expect(file()).toEqual(bytes);
    const at = Buffer.from(bytes).indexOf(Buffer.from(new Float32Array([1, -2, 3.5]).buffer));
    expect(at % 64).toBe(0);
  });

  it('is loaded by PyTorch with weights_only, where one is named by DINO_TEST_PYTHON', (context) => {
    const python = process.env.DINO_TEST_PYTHON;
    if (python === undefined) return context.skip('set DINO_TEST_PYTHON to an interpreter that has torch');
    const path = join(temporaryFolder(), 'x.pth');
    writeFileSync(path, Buffer.concat(serializeTorch(tensors, { note: 'größer' })));
    const script = `
import torch
state = torch.load(${JSON.stringify(path)}, weights_only=True)
assert list(state) == ["blocks.0.weight", "größe", "half", "brain", "steps", "flags", "empty"], list(state)
assert state["blocks.0.weight"].tolist() == [[1, -2, 3.5], [0, torch.tensor(1e-30).item(), 7]]
assert state["größe"].dtype == torch.float64 and state["half"].tolist() == [1, -2] and state["brain"].item() == 1
assert state["steps"].item() == 2**40 and state["flags"].tolist() == [True, False, True]
assert state["empty"].shape == (0, 4) and state.note == "größer"
print("fine")`;
    const run = spawnSync(python, ['-c', script], { encoding: 'utf8' });
    expect(run.stderr + run.stdout).toMatch(/fine\n$/);
  });
});

describe('crc32', () => {
  it('is that of zip', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array())).toBe(0);
  });
});

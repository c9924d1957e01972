import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkTorchFiles } from '../../parity/torch-files.ts';
import { bytesSource } from '../../src/format/byte-source.ts';
import { unpickle } from '../../src/format/pickle.ts';
import { PickleGlobal, PickleObject } from '../../src/format/pickle-values.ts';
import { parseSafetensors } from '../../src/format/safetensors.ts';
import { isTorchFile, namedTensors, readTorchFile } from '../../src/format/torch-file.ts';
import { Random } from '../../src/random/random.ts';
import { temporaryFolder, writeFiles } from '../data/fixtures.ts';

const folder = join(import.meta.dirname, '../golden/checkpoints');
const files = readdirSync(folder).filter((name) => name.endsWith('.pth'));
const bytesOf = (name: string): Uint8Array => readFileSync(join(folder, name));

/** Reads a pickle of given instructions. */
function load(...parts: (string | number | readonly number[])[]): unknown {
  const bytes = parts.flatMap((part) =>
    typeof part === 'string' ? [...part].map((c) => c.charCodeAt(0)) : part,
  );
  let at = 0;
  const reader = {
    take(length: number) {
      if (at + length > bytes.length) throw new Error('test: the end');
      at += length;
      return Uint8Array.from(bytes.slice(at - length, at));
    },
  };
  return unpickle(reader, { name: 'test' });
}

describe('files of torch.save', () => {
  it('are none of safetensors, however long its header is', () => {
    for (const padding of [0x280, 0x480, 0x3680, 0x8080]) {
      const header = '{}'.padEnd(padding);
      const file = new Uint8Array(8 + padding);
      new DataView(file.buffer).setBigUint64(0, BigInt(padding), true);
      file.set(new TextEncoder().encode(header), 8);
      expect(file[0]).toBe(0x80);
      expect(isTorchFile(bytesSource(file, 'test')), String(padding)).toBe(false);
      expect(parseSafetensors(file, 'test').tensors.size).toBe(0);
    }
    for (const name of files.filter((each) => !each.startsWith('bad')))
      expect(isTorchFile(bytesSource(bytesOf(name), name)), name).toBe(true);
  });

  it('hold what their safetensors counterparts hold, and bad ones are refused', () => {
    const report = checkTorchFiles(folder);
    expect(report.kind).toBe('checked');
    if (report.kind !== 'checked') return;
    expect(report.rows.map((row) => row.quantity).sort()).toEqual(
      ['dtype', 'names', 'refused', 'shape', 'values', 'widened values'].sort(),
    );
    for (const row of report.rows) expect(row, `${row.quantity} at ${row.at}`).toMatchObject({ ok: true });
  });

  it('would be noticed to differ in one bit, or to be accepted wrongly', () => {
    const other = temporaryFolder();
    const altered = Uint8Array.from(bytesOf('backbone.pth'));
    // A byte in the middle of the largest storage.
    altered[altered.length >> 1]! ^= 1;
    writeFiles(other, {
      'backbone.pth': altered,
      'backbone.safetensors': bytesOf('backbone.safetensors'),
      'accepted.pth': bytesOf('backbone.pth'),
    });
    const report = checkTorchFiles(other);
    expect(
      report.kind === 'checked' && report.rows.filter((row) => !row.ok).map((row) => row.quantity),
    ).toEqual(['refused', 'values']);
  });

  it('keep what is no tensor as plain data, and foreign classes as records that do nothing', () => {
    const { root } = readTorchFile(bytesSource(bytesOf('checkpoint.pth'), 'checkpoint.pth'));
    expect(root).toBeInstanceOf(Map);
    if (!(root instanceof Map)) return;
    expect([...root.keys()]).toEqual(['student', 'teacher', 'optimizer', 'epoch', 'args', 'dino_loss']);
    expect(root.get('epoch')).toBe(2);
    const args = root.get('args');
    expect(args).toBeInstanceOf(PickleObject);
    expect(args instanceof PickleObject && args.type.path).toBe('argparse.Namespace');
    const state = args instanceof PickleObject ? args.state : null;
    expect(state instanceof Map && state.get('out_dim')).toBe(24);
  });

  it('that are damaged anywhere give an error or a load', () => {
    const random = new Random(5, 'mutations');
    let [refused, loaded] = [0, 0];
    for (let i = 0; i < 1500; i++) {
      const name = files[random.integer(files.length)]!;
      let bytes = Uint8Array.from(bytesOf(name));
      // Changes fall where structure is: at the beginning and the end, where pickles and directories lie.
      for (let change = 0; change <= random.integer(4); change++) {
        const span = Math.min(bytes.length, 6000);
        const at = random.chance(0.5) ? random.integer(span) : bytes.length - 1 - random.integer(span);
        bytes[at] = random.integer(256);
      }
      if (random.chance(0.1)) bytes = bytes.subarray(0, random.integer(bytes.length));
      try {
        for (const tensor of namedTensors(readTorchFile(bytesSource(bytes, name)).root).values())
          tensor.read();
        loaded++;
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect(String(error)).toContain(name);
        expect(String(error)).not.toMatch(/undefined|is not a function|Cannot read|Invalid (typed )?array/);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
    expect(loaded).toBeGreaterThan(100);
  });
});

describe('a pickle', () => {
  it('of any protocol becomes plain data', () => {
    expect(load('(I1\nI01\nL12345678901234567890L\nF2.5\nNt.')).toEqual([
      1,
      true,
      12345678901234567890n,
      2.5,
      null,
    ]);
    expect(load("(dS'a\\n'\nI3\ns.")).toEqual(new Map([['a\n', 3]]));
    expect(load([0x80, 2], 'K', [5], 'M', [1, 2], 'J', [255, 255, 255, 255], [0x87], '.')).toEqual([
      5, 513, -1,
    ]);
    expect(load([0x80, 4], [0x8c, 2], 'hi', [0x94], 'h', [0], [0x86], '.')).toEqual(['hi', 'hi']);
    expect(load([0x80, 2], [0x8a, 2], [0, 255], '.')).toBe(-256);
    expect(load('G', [0x3f, 0xf0, 0, 0, 0, 0, 0, 0], '.')).toBe(1);
    expect(load([0x8f], '(', 'K', [1], 'K', [2], [0x90], '.')).toEqual(new Set([1, 2]));
    expect(load('V\\u00e9\\U0001F600\n.')).toBe('é😀');
  });

  it('never calls anything', () => {
    const harmful = [
      'os\nsystem',
      'posix\nsystem',
      'builtins\neval',
      '__builtin__\nexec',
      'subprocess\nPopen',
    ];
    for (const name of harmful)
      expect(() => load(`c${name}\n(S'touch pwned'\ntR.`)).toThrow('which no checkpoint needs');
    const inert = load("cpathlib\nPosixPath\n(S'/tmp'\ntR.");
    expect(inert).toBeInstanceOf(PickleObject);
    expect(inert instanceof PickleObject && inert.args).toEqual(['/tmp']);
    // A list of 60,000 that is made a set of again and again, for seven bytes each.
    const list = ['(l', ...Array.from({ length: 60_000 }, () => 'Na'), 'p0\n', '0'];
    const sets = Array.from({ length: 20 }, () => 'cbuiltins\nset\n(g0\ntR0');
    expect(() => load(...list, ...sets, 'N.')).toThrow('copies more values');
    expect(load('cos\nsystem\n.')).toEqual(new PickleGlobal('os', 'system')); // a name alone does nothing
    expect(load("cbuiltins\nset\n((lS'x'\natR.")).toBeInstanceOf(Set);
  });

  it('that is damaged is an error of one sentence', () => {
    for (const bad of ['.', 'h\x05.', '(K\x01', 'Ra.', 'Q.', '\xff.', 'I12x\n.', "S'open\n."])
      expect(() => load(bad), bad).toThrow(/damaged|the end/);
    expect(() => load([0x80, 9], '.')).toThrow('pickle protocol 9 is unknown');
  });
});

/**
 * ONNX's own checker (Debian: `apt install python3-onnx`; or `pip install onnx`). Where Python or the package is missing the
 * tests say so and have nothing to hold.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'onnx-checker-'));
afterAll(() => rmSync(folder, { recursive: true }));

const script = fileURLToPath(new URL('check_onnx.py', import.meta.url));
const python = ['python3', '/usr/bin/python3'].find(
  (command) => spawnSync(command, ['-c', 'import onnx']).status === 0,
);

/** The checker's verdict on a program; undefined, and a plain word, where there is no checker. */
export function checkOnnx(
  name: string,
  onnx: Uint8Array,
): { readonly status: number | null; readonly text: string } | undefined {
  if (python === undefined) {
    console.warn(`${name}: not checked, as no python3 here has the package onnx (python3-onnx)`);
    return undefined;
  }
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, onnx);
  const { status, stdout, stderr } = spawnSync(python, [script, path], { encoding: 'utf8' });
  return { status, text: stdout + stderr };
}

export function expectValidOnnx(name: string, onnx: Uint8Array): void {
  const verdict = checkOnnx(name, onnx);
  if (verdict !== undefined) expect(verdict, verdict.text).toMatchObject({ status: 0 });
}

/** The frame of every kernel. */
import type { Emitter } from '../emitter.ts';
import { FUNCTIONS } from '../pointwise.ts';
import { WORKGROUP } from '../program.ts';

export interface Written {
  readonly code: string;
  readonly workgroups: number;
}

/**
 * @param threads of a workgroup
 * @param shared declarations of memory that a workgroup shares, and functions
 */
export function kernelText(to: Emitter, threads: number, shared: readonly string[] = []): string {
  const words = Math.max(1, Math.ceil(to.words.length / 4));
  const body = [...shared, ...to.lines].join('\n');
  return [
    `@group(0) @binding(0) var<uniform> words: array<vec4<u32>, ${words}>;`,
    ...to.bindings.map(
      ({ writes }, i) =>
        `@group(0) @binding(${i + 1}) var<storage, ${writes ? 'read_write' : 'read'}> m${i + 1}: array<u32>;`,
    ),
    ...functionsFor(body),
    ...shared,
    `@compute @workgroup_size(${threads}) fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {`,
    `  let tile = ${WORKGROUP};`,
    ...to.lines,
    '}',
    '',
  ].join('\n');
}

/** The functions that a text calls, and those that they call. */
function functionsFor(body: string): string[] {
  const called: string[] = [];
  for (const [name, text] of [...FUNCTIONS].reverse())
    if ([body, ...called].some((each) => each.includes(`${name}(`))) called.unshift(text);
  return called;
}

/** The least power of two that is at least that. */
export function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, atLeast)));
}

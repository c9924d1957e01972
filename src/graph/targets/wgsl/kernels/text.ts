/** The frame of every kernel. */
import type { Emitter } from '../emitter.ts';
import { FUNCTIONS } from '../pointwise.ts';
import { WORKGROUP } from '../program.ts';

/** The work of some groups of threads; its lines are in the emitter that it was written with. */
export interface Written {
  /** Of a workgroup. */
  readonly threads: number;
  readonly workgroups: number;
  /** Functions. */
  readonly functions?: readonly string[];
  /** Arrays that a workgroup shares, by name. A workgroup does one part: parts of a kernel have the same memory for one name. */
  readonly shared?: Readonly<Record<string, SharedArray>>;
}

export interface SharedArray {
  readonly type: 'f32' | 'vec4<f32>';
  readonly length: number;
}

/** @param parts what different workgroups do, one part after the other, with the same number of threads */
export function kernelText(
  whole: Emitter,
  parts: readonly { readonly to: Emitter; readonly written: Written }[],
): string {
  const words = Math.max(1, Math.ceil(whole.words.length / 4));
  const threads = parts[0]?.written.threads ?? 1;
  let first = 0;
  const calls = parts.map(({ written: { workgroups } }, i) => {
    const from = first;
    first += workgroups;
    if (parts.length === 1) return '  part0(tile, thread);';
    const call = `{ part${i}(tile${from === 0 ? '' : ` - ${from}u`}, thread); }`;
    const condition = i === parts.length - 1 ? '' : `if (tile < ${first}u) `;
    return `${i === 0 ? '  ' : '  else '}${condition}${call}`;
  });
  const body = parts
    .flatMap(({ to, written: { functions = [] } }, i) => [
      ...functions,
      `fn part${i}(tile: u32, thread: u32) {`,
      ...to.lines,
      '}',
    ])
    .join('\n');
  const shared = new Map<string, SharedArray>();
  for (const { written } of parts)
    for (const [name, { type, length }] of Object.entries(written.shared ?? {}))
      shared.set(name, { type, length: Math.max(length, shared.get(name)?.length ?? 0) });
  return [
    `@group(0) @binding(0) var<uniform> words: array<vec4<u32>, ${words}>;`,
    ...whole.bindings.map(
      ({ writes }, i) =>
        `@group(0) @binding(${i + 1}) var<storage, ${writes ? 'read_write' : 'read'}> m${i + 1}: array<u32>;`,
    ),
    ...functionsFor(body),
    ...[...shared].map(([name, { type, length }]) => `var<workgroup> ${name}: array<${type}, ${length}>;`),
    body,
    `@compute @workgroup_size(${threads}) fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {`,
    `  let tile = ${WORKGROUP};`,
    ...calls,
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

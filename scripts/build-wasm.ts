/**
 * Compiles the WebAssembly kernels: every `assembly/<name>.ts` (AssemblyScript: TypeScript's syntax with SIMD builtins)
 * becomes `src/<name>/kernels.wasm.ts`, a generated module that git ignores. It holds the bytes as base64, the exported
 * functions as an interface and a function that instantiates them, so the same file works in Node, in workers and in
 * browsers, without a file to find at run time. A source may import files of `assembly/<name>/`. A kernel that is newer
 * than all of them is left alone.
 *
 * The first line of a source may give flags for its module, for instance `// asc: --importMemory`. A module that imports
 * its memory gets `createMemory(pages)`, whose size is fixed; any other module owns its memory.
 *
 * Run with `tsx scripts/build-wasm.ts`; `npm run build` does.
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const baseFlags = ['--optimizeLevel', '3', '--shrinkLevel', '0', '--enable', 'simd', '--runtime', 'stub'];

/** The exported functions as the lines of a TypeScript interface, from the declarations that the compiler writes. */
function interfaceLines(declarations: string): string[] {
  return [...declarations.matchAll(/^ *export function (\w+)\(([^)]*)\): (\w+);$/gm)].map(
    ([, name, parameters, result]) => `  ${name}(${parameters}): ${result};`,
  );
}

/** The text of the generated module. */
function moduleText(name: string, wasm: Uint8Array, declarations: string, importsMemory: boolean): string {
  const memory = importsMemory
    ? `
/** A memory of \`pages\` times 64 KiB (65536 at most) that never grows, so views of it stay valid. */
export function createMemory(pages: number): KernelMemory {
  return new WebAssembly.Memory({ initial: pages, maximum: pages });
}

/** A fresh instance that works on \`memory\`. */
export function instantiate(memory: KernelMemory): Kernels {
  return new WebAssembly.Instance(compiled(), { env: { memory, abort } }).exports;
}
`
    : `
/** A fresh instance with a memory of its own. */
export function instantiate(): Kernels {
  return new WebAssembly.Instance(compiled(), { env: { abort } }).exports;
}
`;
  return `// Generated from assembly/${name}.ts by scripts/build-wasm.ts: do not edit.

export interface KernelMemory {
  readonly buffer: ArrayBuffer;
  /** Adds pages of 64 KiB; all earlier views of \`buffer\` become empty. Returns the previous number of pages. */
  grow(pages: number): number;
}

export interface Kernels {
${importsMemory ? '' : '  readonly memory: KernelMemory;\n'}${interfaceLines(declarations).join('\n')}
}

declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Kernels };
  readonly Memory: new (size: { initial: number; maximum: number }) => KernelMemory;
};

const base64 =
  '${Buffer.from(wasm).toString('base64')}';

let module: object | undefined;

/** The compiled module, made on first use. */
function compiled(): object {
  module ??= new WebAssembly.Module(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  return module;
}

function abort(): never {
  throw new Error('A WebAssembly kernel of ${name} stopped on an internal error.');
}
${memory}`;
}

/** Compiles one source unless its module is newer than the source and this script. */
async function build(source: string): Promise<void> {
  const name = basename(source, '.ts');
  const output = join('src', name, 'kernels.wasm.ts');
  const modified = (file: string): number =>
    statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const parts = existsSync(join(root, 'assembly', name)) ? readdirSync(join(root, 'assembly', name)) : [];
  const inputs = [source, 'scripts/build-wasm.ts', ...parts.map((part) => join('assembly', name, part))];
  if (modified(output) > Math.max(...inputs.map(modified))) return;

  const started = performance.now();
  const text = readFileSync(join(root, source), 'utf8');
  const ownFlags = /^\/\/ asc: (.*)/.exec(text)?.[1]?.trim().split(/\s+/) ?? [];
  const files = new Map<string, string | Uint8Array>();
  const flags = [
    source,
    ...baseFlags,
    ...ownFlags,
    '--noAssert',
    '--bindings',
    'raw',
    '--outFile',
    `${name}.wasm`,
  ];
  const { error, stderr } = await asc.main(flags, {
    readFile: (file, base) => {
      if (file === source) return text;
      const path = join(root, base, file);
      return statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, 'utf8') : null;
    },
    writeFile: (file, contents) => {
      files.set(file, contents);
    },
    listFiles: () => [],
  });
  const wasm = files.get(`${name}.wasm`);
  const declarations = files.get(`${name}.d.ts`);
  if (error || !(wasm instanceof Uint8Array) || typeof declarations !== 'string') {
    throw new Error(`${source} does not compile:\n${stderr.toString()}${error?.message ?? ''}`);
  }
  writeFileSync(
    join(root, output),
    moduleText(name, wasm, declarations, ownFlags.includes('--importMemory')),
  );
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${output}: ${wasm.length} bytes of WebAssembly in ${seconds} s`);
}

const sources = readdirSync(join(root, 'assembly')).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.d.ts'),
);
for (const file of sources) await build(`assembly/${file}`);

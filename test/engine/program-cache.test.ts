/** Compiled programs that are kept: what a second start takes from the folder computes the same. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test, vi } from 'vitest';
import { evaluate } from '../../src/engine/arrays.ts';
import { ProgramCache } from '../../src/engine/xla/program-cache-node.ts';
import { XlaEngine } from '../../src/engine/xla/xla-engine-node.ts';
import * as g from '../../src/graph/index.ts';
import { temporaryFolder } from '../data/fixtures.ts';
import { engineOfPlugin, pluginFile } from './xla-plugin.ts';

if (pluginFile === undefined)
  test.skip('no program is kept: DINO_PJRT_PLUGIN names no plugin (docs/devices.md builds one for the CPU)', () => {});

describe.each(engineOfPlugin())('$name', ({ client }) => {
  it('loads a program that was kept, and compiles one that is damaged', async () => {
    const folder = join(temporaryFolder(), 'programs');
    const compile = vi.spyOn(client, 'compile');
    const x = g.input('x', [2, 2]);
    const run = async (): Promise<number[]> => {
      const engine = new XlaEngine(client, { cache: new ProgramCache(folder) });
      const program = await engine.load({ y: g.matmul(x, x) });
      const { y } = await evaluate(program, { x: Float32Array.of(1, 2, 3, 4) });
      await program.dispose();
      return [...(y ?? [])];
    };
    expect(await run()).toEqual([7, 10, 15, 22]);
    expect(compile).toHaveBeenCalledTimes(1);
    const [file = '', ...others] = readdirSync(folder);
    expect(file).toMatch(/^[0-9a-f]{32}\.pjrt$/);
    expect(others).toEqual([]);
    expect(await run()).toEqual([7, 10, 15, 22]);
    expect(compile).toHaveBeenCalledTimes(1);
    writeFileSync(join(folder, file), 'damaged');
    expect(await run()).toEqual([7, 10, 15, 22]);
    expect(compile).toHaveBeenCalledTimes(2);
    compile.mockRestore();
  });
});

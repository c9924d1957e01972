/** Opening a file of weights, and writing one: ViT-B/16 under the official names, 343 MB. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serializeTorch } from '../../src/format/torch-save.ts';
import type { BenchContext } from '../context.ts';
import { officialWeights } from '../official-weights.ts';
import { sideBySide } from '../side-by-side.ts';

export const name = 'load';
export const title = 'all tensors of a ViT-B/16 .pth as float32 arrays by name';

export async function run(context: BenchContext): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dino-load-'));
  try {
    const file = join(folder, 'vitb16.pth');
    writeFileSync(
      file,
      Buffer.concat(serializeTorch(officialWeights({ dim: 768, depth: 12, patch: 16, image: 224 }))),
    );
    await sideBySide(context, {
      script: 'load',
      work: 'load ViT-B/16',
      against: 'torch.load, weights_only',
      config: { file },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Whole training runs as a user starts them: loader, step, checkpoints and log on the same cores, beside the peer's script
 * with its DataLoader, and beside our step alone (the loader should be hidden behind it).
 */
import type { BenchContext } from '../context.ts';
import { interleave, median } from '../interleave.ts';
import { runOwn, runPeer } from '../programs.ts';
import { type SizeName, sizes, sizeTitles } from '../sizes.ts';

export const name = 'whole';
export const title = 'A whole training run (ms a step)';

const STEPS = 120;
const models: readonly SizeName[] = ['micro', 'mid', 'convnet', 'hybrid', 'hybrid48'];

export async function run(context: BenchContext): Promise<void> {
  const { images, python, threads } = context;
  if (images === undefined) {
    context.note(
      'Left out: name a folder or tar file of images with --images (small ones for micro, 96 px for mid).',
    );
    return;
  }
  for (const model of models.filter((name) => context.works?.includes(name) ?? true)) {
    const size = sizes[model];
    const whole = { images, size, steps: STEPS, threads };
    const alone = await context.openOwn('step', { model });
    const times = await interleave(
      Math.min(context.rounds, 3),
      {
        ours: async () => (await runOwn(whole)).step,
        alone: async () => median(await alone.runAll(20)),
        peer: python === undefined ? undefined : async () => (await runPeer(python, whole)).step,
      },
      0,
    );
    const oursMs = times.ours?.median;
    context.report({
      work: sizeTitles[model],
      peer: python && 'PyTorch eager, DataLoader with 2 workers',
      oursMs,
      peerMs: times.peer?.median,
    });
    context.report({ work: sizeTitles[model], peer: 'our step alone', oursMs, peerMs: times.alone?.median });
    await alone.dispose();
  }
}

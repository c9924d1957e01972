/** From the command to the first finished step, recipe and measurements included; the peer's script with one step beside it. */
import type { BenchContext } from '../context.ts';
import { interleave } from '../interleave.ts';
import { runOwn, runPeer } from '../programs.ts';
import { type SizeName, sizes, sizeTitles } from '../sizes.ts';

export const name = 'start';
export const title = 'Start: from the command to the first finished step';

const models: readonly SizeName[] = ['micro', 's'];

export async function run(context: BenchContext): Promise<void> {
  const { images, python, threads } = context;
  if (images === undefined) {
    context.note('Left out: name a folder or tar file of images with --images.');
    return;
  }
  for (const model of models.filter((name) => context.works?.includes(name) ?? true)) {
    const whole = { images, size: sizes[model], steps: 1, threads };
    const times = await interleave(Math.min(context.rounds, 3), {
      ours: async () => (await runOwn(whole)).first,
      peer: python === undefined ? undefined : async () => (await runPeer(python, whole)).whole,
    });
    context.report({
      work: sizeTitles[model],
      peer: python && 'PyTorch script, one step',
      oursMs: times.ours?.median,
      peerMs: times.peer?.median,
    });
  }
}

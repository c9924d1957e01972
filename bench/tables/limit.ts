/**
 * How much is left to win: the rate of the step's matrix products beside the best rate of any product, and what is not
 * product at all. Both sides are ours; the share is that of the shortest times of all nodes.
 */
import type { BenchContext } from '../context.ts';
import { bestProductRate, profileStep } from '../own/limit.ts';
import { type SizeName, sizeTitles } from '../sizes.ts';

export const name = 'limit';
export const title = 'Limit: products of a step at their rate and at the best rate; what is not a product';

const models: readonly SizeName[] = ['s', 'ti', 'micro', 'convnet'];

export async function run(context: BenchContext): Promise<void> {
  for (const model of models.filter((name) => context.works?.includes(name) ?? true)) {
    const before = await bestProductRate(context.threads);
    const { products, others, gigaflop } = await profileStep(model, context.threads, context.rounds);
    const rate = Math.max(before, await bestProductRate(context.threads));
    const whole = products + others;
    context.report({
      work: `${sizeTitles[model]}: products`,
      peer: `best product, ${rate.toFixed(0)} GFLOP/s`,
      oursMs: products,
      peerMs: (gigaflop / rate) * 1000,
    });
    context.report({
      work: `${sizeTitles[model]}: the rest`,
      peer: 'products and rest',
      oursMs: others,
      peerMs: whole,
    });
    context.note(
      `${model}: ${((gigaflop / products) * 1000).toFixed(0)} GFLOP/s, ${((gigaflop / products / rate) * 100 * 1000).toFixed(0)} % of the best; the rest is ${((100 * others) / whole).toFixed(0)} % of the step`,
    );
  }
}

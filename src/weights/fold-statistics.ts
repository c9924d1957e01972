/**
 * Weights for images that are normalized with another mean and deviation: the patch embedding is linear, so both can be worked
 * into it and the network computes the same. Training normalizes with ImageNet's statistics, whatever the weights were made for.
 */
import type { ChannelStatistics } from '../image/normalize.ts';

/**
 * With x = (p - m) / s of the weights' statistics and x' = (p - m') / s' of the wanted ones, x = x' s'/s + (m' - m)/s: the
 * first factor goes into the weights of each channel, the rest into the bias.
 *
 * @param weights of a ViT by their official names; others than the patch embedding's stay as they are
 * @returns a new map
 */
export function foldStatistics(
  weights: ReadonlyMap<string, Float32Array>,
  from: ChannelStatistics,
  to: ChannelStatistics,
): Map<string, Float32Array> {
  const folded = new Map(weights);
  const [weight, bias] = ['weight', 'bias'].map((kind) => weights.get(`patch_embed.proj.${kind}`));
  if (weight === undefined || bias === undefined) return folded;
  const channels = from.mean.length;
  const plane = weight.length / bias.length / channels; // [D, C, P, P]
  const factor = from.std.map((std, c) => (to.std[c] ?? 1) / std);
  const shift = from.std.map((std, c) => ((to.mean[c] ?? 0) - (from.mean[c] ?? 0)) / std);
  const channelOf = (i: number): number => Math.floor(i / plane) % channels;
  const moved = Float64Array.from(bias);
  for (let i = 0; i < weight.length; i++)
    moved[Math.floor(i / plane / channels)]! += weight[i]! * (shift[channelOf(i)] ?? 0);
  folded.set(
    'patch_embed.proj.weight',
    weight.map((value, i) => value * (factor[channelOf(i)] ?? 1)),
  );
  folded.set('patch_embed.proj.bias', Float32Array.from(moved));
  return folded;
}

/** Options of other programs, and what says the same here. */
const otherPrograms = [
  {
    names: /^(device|devices|(num|n)?gpus?|gpuIds?|(use|no)?cuda|accelerator|backend|mps)$/i,
    ours: '--device xla takes a GPU or TPU, --device webgpu any GPU (dino devices lists them)',
    otherwise: 'nothing is computed on a device here',
  },
  {
    names: /^(use)?(amp|fp16|bf16|half|halfPrecision|mixedPrecision|precision|dtype)$/i,
    ours: 'numbers are float32, and --precision says what an XLA device multiplies with',
    otherwise: 'everything is computed in float32 here',
  },
] as const;

/**
 * What a user of an option of another program has to know.
 *
 * @param name in camel case
 * @param known the command's own options
 */
export function settled(name: string, known: readonly string[]): string | undefined {
  const found = otherPrograms.find(({ names }) => names.test(name));
  if (found === undefined) return undefined;
  return known.includes('device') ? `${found.ours}.` : `${found.otherwise}, so leave it out.`;
}

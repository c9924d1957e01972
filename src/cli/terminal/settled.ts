/** Options of other programs for what is settled here. */
const otherPrograms = [
  {
    names: /^(device|devices|(num|n)?gpus?|gpuIds?|(use|no)?cuda|accelerator|backend|mps)$/i,
    fact: 'everything is computed on the CPU',
  },
  {
    names: /^(use)?(amp|fp16|bf16|half|halfPrecision|mixedPrecision|precision|dtype)$/i,
    fact: 'everything is computed in float32 on the CPU',
  },
] as const;

/** What makes an option needless, if it is such a one. @param name in camel case */
export function settled(name: string): string | undefined {
  return otherPrograms.find(({ names }) => names.test(name))?.fact;
}

/** What is said, in place of a verdict, of an evaluation that trains with labels and took too few steps to learn them. */
import { counted } from '../numbers/counted.ts';
import type { Finding } from '../report/finding.ts';

/** Fewer steps leave a head near the random values that it began with. */
const FEWEST = 50;

export interface StepFacts {
  /** As verdicts name it: "fine-tuning". */
  readonly scope: string;
  /** Of the optimizer, in all epochs. */
  readonly steps: number;
  readonly epochs: number;
}

export function fewSteps({ scope, steps, epochs }: StepFacts): Finding | undefined {
  if (steps >= FEWEST) return undefined;
  return {
    severity: 'warning',
    topic: `scores of ${scope}`,
    title: `For ${scope}, very few steps`,
    detail: `${counted(steps, 'step')} in ${counted(epochs, 'epoch')} ${steps === 1 ? 'is' : 'are'} too few to learn classes: the scores say little about what the network is worth.`,
    advice: `Give --epochs ${Math.ceil((FEWEST * epochs) / Math.max(1, steps))} or more, more images, or a smaller --batch_size_per_gpu.`,
  };
}

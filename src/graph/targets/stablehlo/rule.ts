/** How an op is written as StableHLO. */
import type { Attributes, Node, Op } from '../../tensor.ts';
import type { StableHloText, Value } from './text.ts';

/** What products are computed with. Sums, and everything that is no product, are float32. */
export type Precision = 'f32' | 'tf32' | 'bf16';

export interface RuleContext {
  readonly to: StableHloText;
  readonly precision: Precision;
  /** Whether operands in bf16 are float32 numbers that were rounded to it, for compilers that have no such products. */
  readonly emulates: boolean;
  /** Copies of the program that run in step; 1 unless the images of a batch are spread over devices. */
  readonly replicas: number;
}

export interface StableHloRule<A extends Attributes = Attributes> {
  readonly op: Op<A>;
  /**
   * @param at the value of the node's i-th input
   * @returns the values of the node's outputs, in order
   */
  write(node: Node<A>, at: (i: number) => Value, context: RuleContext): readonly Value[];
}

/** A rule whose attributes are those of its op. */
export function rule<A extends Attributes>(op: Op<A>, write: StableHloRule<A>['write']): StableHloRule {
  const made: StableHloRule<A> = { op, write };
  return made;
}

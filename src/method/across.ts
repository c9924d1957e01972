/** A batch that several processes share: what a method has to know where images of the whole batch meet. */
import { add, constant, scalar, scale, type Tensor } from '../graph/index.ts';

export interface Across {
  /** Processes that each have as many images of the step as this program; 1 for one alone. */
  readonly ranks: number;
  /** Which of them this is, shape []. */
  rank(): Tensor;
}

/** One process that has the whole batch. */
export const wholeBatch: Across = { ranks: 1, rank: () => scalar(0) };

/**
 * Numbers of this process' rows among those of all, one process' after the other's.
 *
 * @param own their numbers among its own
 * @returns [own, 1]
 */
export function rowsAmongAll(own: readonly number[], { ranks, rank }: Across): Tensor {
  const numbers = constant(own, [own.length, 1]);
  return ranks === 1 ? numbers : add(numbers, scale(rank(), own.length));
}

/** This process' part of a number that all of them have: a sum over the processes gives the number again. */
export function partOf(number: Tensor, { ranks }: Pick<Across, 'ranks'>): Tensor {
  return scale(number, 1 / ranks);
}

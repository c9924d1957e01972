/** What ranks agree on between two steps, so that all of them go on alike, or stop alike. */

import type { Collective } from '../collective/collective.ts';
import { gathered, summed } from '../collective/messages.ts';
import type { SkippedImage } from '../data/skipped-images.ts';
import type { Plan } from './plan.ts';

/** What one rank brings. */
export interface Brought {
  /** Steps that are done. */
  readonly step: number;
  /** Whether it was asked to stop. */
  readonly stops: boolean;
  /** Images that it met in this step and could not read. */
  readonly skipped: readonly SkippedImage[];
}

/** What all of them go on with: whether one was asked to stop, and what the others could not read. */
export type Agreed = Pick<Brought, 'stops' | 'skipped'>;

/** The plan of rank 0, which has the clock, becomes that of all. */
export async function agree(
  collective: Collective,
  { step, stops, skipped }: Brought,
  plan: Plan,
): Promise<Agreed> {
  if (collective.size === 1) return { stops, skipped: [] };
  const [stopping = 0, unread = 0] = await summed(collective, Number(stops), skipped.length);
  const all = unread === 0 ? [] : await gathered(collective, skipped);
  const steps = Float64Array.of(plan.steps);
  await collective.broadcast(new Uint8Array(steps.buffer));
  const [wanted = plan.steps] = steps;
  if (wanted !== plan.steps) plan.change(step, wanted);
  return { stops: stopping > 0, skipped: all.filter((_, rank) => rank !== collective.rank).flat() };
}

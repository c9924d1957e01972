/** The scores of several videos in one line, as DAVIS 2017 has it: means over all objects, whatever their video. */
import { bootstrapMeans, type Interval } from '../../rows/bootstrap.ts';
import { mean } from '../../rows/mean.ts';
import type { SequenceStatistics } from './davis-measures.ts';
import type { ObjectScore } from './video-report.ts';

/** Fewer objects give an interval that says nothing. */
const FEWEST = 5;

export interface VideoSummary {
  readonly jAndF: number;
  readonly j: SequenceStatistics;
  readonly f: SequenceStatistics;
  readonly objects: number;
  /** 95 % of `jAndF` over objects; undefined where they are too few to say. */
  readonly interval: Interval | undefined;
}

/** @throws RangeError without objects */
export function videoSummary(objects: readonly ObjectScore[]): VideoSummary {
  if (objects.length === 0) throw new RangeError('No object was scored, so there is nothing to sum up.');
  const meanOf = (of: (object: ObjectScore) => number): number => mean(objects.map(of));
  const statistics = (of: (object: ObjectScore) => SequenceStatistics): SequenceStatistics => ({
    mean: meanOf((object) => of(object).mean),
    recall: meanOf((object) => of(object).recall),
    decay: meanOf((object) => of(object).decay),
  });
  const [interval] = bootstrapMeans([objects.map(({ jAndF }) => jAndF)]);
  return {
    jAndF: meanOf(({ jAndF }) => jAndF),
    j: statistics(({ j }) => j),
    f: statistics(({ f }) => f),
    objects: objects.length,
    interval: objects.length < FEWEST ? undefined : interval,
  };
}
